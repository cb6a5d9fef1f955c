import { createHash } from "node:crypto";
import type { Command, DurableState, Limits, Output } from "./access";
import { durableScript } from "./durable-script";
import { framed } from "./launch";
import { endingOf } from "./one-command";
import { quote } from "./quote";
import { SshError } from "./ssh-error";
import { listingOf, sudoError } from "./sudo";

/** Of the constant script, as the documentation prints it. */
export const durableScriptSha256 = createHash("sha256").update(durableScript).digest("hex");

/** Where a node keeps the records of what was changed: it outlives a restart, and nobody but the account itself can write there. */
export function baseOf(isRoot: boolean): string {
  // Left to the node's shell: HOME is the login's own. Never /tmp, which others can write to and a restart empties.
  return isRoot ? "/var/lib/evenkeel" : '"$HOME/.local/state/evenkeel"';
}

export interface DurableAsk {
  readonly id: string;
  readonly command: Command;
  /** The line the node's shell evaluates, byte for byte as shown. */
  readonly line: string;
  readonly limits: Limits;
  readonly nonce: string;
  /** True where the line goes through sudo, which may ask for a password. */
  readonly viaSudo: boolean;
  readonly base: string;
}

/** The bytes that begin it. They are one brace group, so that a part of them, cut off by a lost link, does nothing. */
export function claimScript(ask: DurableAsk): string {
  const values = [
    ["ek_script", durableScript],
    ["ek_effect", ask.line],
    ["ek_listing", ask.viaSudo ? listingOf(ask.command) : ""],
    ["ek_spec", specOf(ask)],
    ["ek_stdin", ask.command.stdin ?? ""],
  ] as const;
  const set = values.map(([name, value]) => `${name}=${quote([value])}\n`).join("");
  const words = [ask.id, String(Math.ceil(ask.limits.deadlineMs / 1000)), String(ask.limits.maxBytes), ask.nonce];
  return framed(`{\n${set}eval "$ek_script"\nek_claim ${ask.base} ${quote(words)}\n}\n`, ask.nonce);
}

/** Asks a node about an id, or acts on it: `report` reads, `withdraw` and `cancel` do what they say. */
export function askScript(act: "report" | "withdraw" | "cancel", id: string, base: string, nonce: string): string {
  checkId(id);
  return framed(
    `{\nek_script=${quote([durableScript])}\neval "$ek_script"\nek_${act} ${base} ${quote([id])}\n}\n`,
    nonce,
  );
}

/** Who asked for what under which limits, for the person who looks on the node. */
function specOf({ id, line, limits }: DurableAsk): string {
  checkId(id);
  const sha256 = createHash("sha256").update(line).digest("hex");
  return `id ${id}\neffect sha256 ${sha256}\nscript sha256 ${durableScriptSha256}\ndeadline ${limits.deadlineMs} ms`;
}

function checkId(id: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9.-]{0,99}$/.test(id)) throw new RangeError(`not an id: ${id}`);
}

/**
 * Reads the answer:
 * ```
 * none
 * claimed
 * refused busy 5c0e…-1
 * alive kept
 * dead rebooted
 * done 0 - 0
 * <what it said>
 * ```
 */
export function readState(node: string, output: Output, account: string, command: Command | null): DurableState {
  if (output.ending.kind !== "exited") return { kind: "unseen" };
  const at = output.stdout.indexOf("\n");
  const first = at < 0 ? output.stdout : output.stdout.slice(0, at);
  const rest = at < 0 ? "" : output.stdout.slice(at + 1);
  const [word = "", ...facts] = first.trim().split(" ");
  switch (word) {
    case "none":
    case "claimed":
      return { kind: word };
    case "alive":
      return { kind: "alive", hasKeeper: facts[0] === "kept" };
    case "dead":
      return { kind: "dead", isRebooted: facts[0] === "rebooted", output: rest };
    case "refused":
      return { kind: "refused", error: refusal(node, facts, output.stderr, account, command) };
    case "done":
      return doneState(facts, rest);
    default:
      return { kind: "unseen" };
  }
}

function doneState([code = "", how, dropped = "held"]: readonly string[], output: string): DurableState {
  const ending = /^\d+$/.test(code) ? endingOf(Number(code)) : null;
  if (ending === null || !(ending.kind === "exited" || ending.kind === "killed" || ending.kind === "start-failed"))
    return { kind: "unseen" };
  return {
    kind: "done",
    ending,
    by: how === "late" ? "deadline" : how === "cancelled" ? "cancel" : "itself",
    output,
    droppedBytes: /^\d+$/.test(dropped) ? Number(dropped) : null,
  };
}

function refusal(
  node: string,
  [reason = "", ...words]: readonly string[],
  stderr: string,
  account: string,
  command: Command | null,
): SshError {
  const detail = words.join(" ");
  switch (reason) {
    case "busy":
      return new SshError("node-busy", node, { holder: detail });
    case "no-room":
      return new SshError("no-room", node, {});
    case "base":
      return new SshError("state-unwritable", node, { problem: detail });
    case "missing":
      return new SshError("tool-missing", node, { tool: detail });
    case "withdrawn":
      return new SshError("withdrawn", node, {});
    case "sudo":
      return sudoError(node, account, command ?? { argv: ["…"] }, `${detail}\n${stderr}`);
    default:
      return new SshError("state-unwritable", node, { problem: `${reason} ${detail}` });
  }
}
