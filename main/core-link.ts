import type { EventName, RequestName } from "../contract/channel-names";
import type { KeyStorageState } from "../contract/secrets";
import type { CoreParts } from "./core-port";

/** What only the shell can do, with what it takes and gives; a failure is told by its problem. */
export interface ShellAsks {
  readonly "choose-save-path": { readonly takes: string; readonly gives: string | null };
  readonly "choose-open-path": { readonly takes: null; readonly gives: string | null };
  readonly "key-storage": { readonly takes: null; readonly gives: KeyStorageState };
  readonly protect: { readonly takes: Uint8Array; readonly gives: Uint8Array };
  readonly unprotect: { readonly takes: Uint8Array; readonly gives: Uint8Array };
}
export type ShellAnswer =
  { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: string };
/** The shell's side: one function for each ask. */
export type ShellActs = {
  readonly [N in keyof ShellAsks]: (taken: ShellAsks[N]["takes"]) => Promise<ShellAsks[N]["gives"]>;
};

/** What the shell tells the core's process, over its message port. */
export type ToCore =
  | { readonly kind: "start"; readonly parts: Omit<CoreParts, "shell"> }
  | { readonly kind: "request"; readonly id: number; readonly name: RequestName; readonly argument: unknown }
  | { readonly kind: "power"; readonly state: "suspended" | "resumed" }
  /** The app ends: what is open is closed, and the process ends by itself. */
  | { readonly kind: "close" }
  | { readonly kind: "shell-answer"; readonly id: number; readonly answer: ShellAnswer };

/** What the core's process tells the shell. */
export type ToShell =
  | { readonly kind: "started" }
  | { readonly kind: "failed"; readonly problem: string }
  | { readonly kind: "reply"; readonly id: number; readonly reply: unknown }
  | { readonly kind: "event"; readonly name: EventName; readonly payload: unknown }
  | { readonly kind: "ask-shell"; readonly id: number; readonly ask: keyof ShellAsks; readonly taken: unknown };
