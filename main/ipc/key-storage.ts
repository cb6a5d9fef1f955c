/* eslint-disable @typescript-eslint/no-deprecated -- the asynchronous calls came after the runtime that the tests can have (D8) */
import { safeStorage } from "electron";
import type { KeyStorageState } from "../../contract/secrets";
import type { ShellActs } from "../core-link";

const ofPlatform: Readonly<Record<string, string>> = { darwin: "Keychain", win32: "DPAPI" };

/** What Electron's safeStorage is worth here. Must not be called before the app is ready. */
function keyStorageState(): KeyStorageState {
  const backend = backendName();
  // Electron's own name for sealing with a key that stands in its source.
  if (backend === "basic_text") return { kind: "none", why: "plain-text" };
  if (backend === "unknown" || !safeStorage.isEncryptionAvailable()) return { kind: "none", why: "unavailable" };
  return { kind: "real", backend };
}

/** Electron before 26 does not name its Linux storage, and takes none for available whose key is public. */
function backendName(): string {
  if (process.platform !== "linux") return ofPlatform[process.platform] ?? process.platform;
  return "getSelectedStorageBackend" in safeStorage ? safeStorage.getSelectedStorageBackend() : "Secret Service";
}

/** The shell's acts on the operating system's key storage. It seals text, so bytes travel as base64. */
export const keyStorageActs: Pick<ShellActs, "key-storage" | "protect" | "unprotect"> = {
  "key-storage": () => Promise.resolve(keyStorageState()),
  protect: (plain) => {
    if (keyStorageState().kind === "none") return Promise.reject(new Error("there is no key storage"));
    return Promise.resolve(safeStorage.encryptString(Buffer.from(plain).toString("base64")));
  },
  unprotect: (sealed) => Promise.resolve(Buffer.from(safeStorage.decryptString(Buffer.from(sealed)), "base64")),
};
