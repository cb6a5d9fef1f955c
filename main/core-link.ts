import type { EventName, RequestName } from "../contract/channel-names";
import type { CoreParts } from "./core-port";

/** What the shell tells the core's process, over its message port. */
export type ToCore =
  | { readonly kind: "start"; readonly parts: Omit<CoreParts, "shell"> }
  | { readonly kind: "request"; readonly id: number; readonly name: RequestName; readonly argument: unknown }
  | { readonly kind: "power"; readonly state: "suspended" | "resumed" }
  | { readonly kind: "shell-answer"; readonly id: number; readonly path: string | null };

/** What the core's process tells the shell. */
export type ToShell =
  | { readonly kind: "started" }
  | { readonly kind: "failed"; readonly problem: string }
  | { readonly kind: "reply"; readonly id: number; readonly reply: unknown }
  | { readonly kind: "event"; readonly name: EventName; readonly payload: unknown }
  | { readonly kind: "choose-save-path"; readonly id: number; readonly suggestedName: string };
