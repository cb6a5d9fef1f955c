import { contextBridge, ipcRenderer } from "electron";
import { eventChannel, eventNames, requestChannel, requestNames } from "../contract/channel-names";

/** One function a request and one subscription an event; the view never sees an Electron object. */
const request = Object.fromEntries(
  requestNames.map((name) => [
    name,
    (argument: unknown): Promise<unknown> => ipcRenderer.invoke(requestChannel, name, argument),
  ]),
);
const on = Object.fromEntries(
  eventNames.map((name) => [
    name,
    (listener: (payload: unknown) => void): (() => void) => {
      const heard = (_event: unknown, told: unknown, payload: unknown): void => {
        if (told === name) listener(payload);
      };
      ipcRenderer.on(eventChannel, heard);
      return () => void ipcRenderer.removeListener(eventChannel, heard);
    },
  ]),
);

contextBridge.exposeInMainWorld("evenkeel", { request, on });
