import type { ToCore, ToShell } from "./core-link";
import { createCore } from "./core";
import type { Core } from "./core-port";

/** The core in a process of its own: whatever it does, the window stays quick, and if it falls the window stays. */
const port = process.parentPort;
const tell = (message: ToShell): void => port.postMessage(message);

let core: Core | null = null;
let asked = 0;
const waiting = new Map<number, (path: string | null) => void>();

port.on("message", ({ data }: { data: ToCore }) => {
  switch (data.kind) {
    case "start":
      start(data.parts);
      return;
    case "request":
      void core?.handle(data.name, data.argument as never).then((reply) => tell({ kind: "reply", id: data.id, reply }));
      return;
    case "power":
      core?.power(data.state);
      return;
    case "shell-answer":
      waiting.get(data.id)?.(data.path);
      waiting.delete(data.id);
      return;
  }
});

function start(parts: Extract<ToCore, { kind: "start" }>["parts"]): void {
  try {
    core = createCore({
      ...parts,
      shell: {
        protect: () => Promise.resolve(null),
        unprotect: () => Promise.resolve(null),
        chooseSavePath: (suggestedName) =>
          new Promise((resolve) => {
            asked += 1;
            waiting.set(asked, resolve);
            tell({ kind: "choose-save-path", id: asked, suggestedName });
          }),
      },
    });
    core.onEvent((name, payload) => tell({ kind: "event", name, payload }));
    tell({ kind: "started" });
  } catch (error) {
    tell({ kind: "failed", problem: error instanceof Error ? error.message : String(error) });
  }
}
