import type { NodeAccess } from "../ssh/access";
import type { Ask } from "./probe";
import { targetName } from "./wire/postgres";

/** An ask as text, byte for byte what is sent, with where it is sent to. */
export function showAsk(access: NodeAccess, ask: Ask): string {
  switch (ask.kind) {
    case "read":
      return ask.script;
    case "run":
      return access.state().state === "ready" ? access.shown(ask.command) : ask.command.argv.join(" ");
    case "postgres":
      return `${ask.statement}\n-- ${ask.login.user}@${targetName(ask.login.target)}/${ask.login.database}`;
  }
}
