import type { NodeAccess } from "../ssh/access";
import { quote } from "../ssh/quote";
import type { Ask, Call } from "./probe";
import { targetName } from "./wire/wire";

/** An ask as text, byte for byte what is sent, with where it is sent to. */
export function showAsk(access: NodeAccess, ask: Ask): string {
  switch (ask.kind) {
    case "read":
      return ask.script;
    case "run":
      return access.state().state === "ready" ? access.shown(ask.command) : ask.command.argv.join(" ");
    case "postgres":
    case "redis":
    case "http":
    case "words":
      return `${showCall(ask)}\n-- ${recipientOf(ask)}`;
  }
}

/** What is sent to the service, as its own users would write it. */
export function showCall(call: Call): string {
  switch (call.kind) {
    case "postgres":
      return call.statement;
    case "redis":
      return quote(call.command);
    case "http":
      return `${call.method} ${call.path}${call.body === undefined ? "" : `\n${call.body}`}`;
    case "words":
      return call.word;
  }
}

/** To whom a call goes, as seen from the node. */
export function recipientOf(call: Call): string {
  switch (call.kind) {
    case "postgres":
      return `${call.login.user}@${targetName(call.login.target)}/${call.login.database}`;
    case "redis":
      return `${call.login.user === "" ? "default" : call.login.user}@${targetName(call.login.target)}`;
    case "http":
      return `${call.login.tls === null ? "http" : "https"}://${targetName(call.login.target)}`;
    case "words":
      return targetName(call.target);
  }
}
