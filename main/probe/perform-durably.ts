import { setTimeout as pause } from "node:timers/promises";
import { sentence } from "../../contract/sentence";
import type { Clock } from "../clock";
import type { Performed } from "../recovery/ports";
import type { Command, DurableState, NodeAccess } from "../ssh/access";
import { SshError } from "../ssh/ssh-error";
import { reasonOf } from "./run-probes";

const keptOutputBytes = 64 << 10;
/** After the link is lost a node gets this long, beyond the command's own deadline, to be reached again and to tell. */
const patienceMs = 60_000;
/** The first look comes soon, because most links come back at once; later ones ever more seldom. */
const firstLookMs = 200;
const longestLookMs = 2_000;
/** From claim to start are milliseconds; one that stays claimed this long was cut down before it began. */
const claimedForMs = 5_000;

export interface DurableParts {
  readonly access: NodeAccess;
  readonly clock: Clock;
  /** Lets a link that is down be tried again at once. */
  readonly hurry: () => void;
}

/** Runs a command on its node at most once, and follows it over lost links until the node itself tells how it ended. */
export async function performDurably(
  parts: DurableParts,
  id: string,
  command: Command,
  deadlineMs: number,
): Promise<Performed> {
  const until = parts.clock.monotonicMs() + deadlineMs + patienceMs;
  try {
    const state = await parts.access.runDurably(id, command, { deadlineMs, maxBytes: keptOutputBytes });
    return await follow(parts, id, state, until);
  } catch (error) {
    // It rejects only before anything was sent.
    return { kind: "not-sent", reason: reasonOf(error, parts.access.node) };
  }
}

/** What became of a command sent earlier, perhaps by an app that has ended since. Sends nothing that changes the cluster. */
export async function recallDurably(parts: DurableParts, id: string, withinMs: number): Promise<Performed> {
  return follow(parts, id, { kind: "unseen" }, parts.clock.monotonicMs() + withinMs);
}

/** Only what the node shows settles it; when time is up before that, it is unknown. */
async function follow(parts: DurableParts, id: string, first: DurableState, until: number): Promise<Performed> {
  const { node } = parts.access;
  let state = first;
  let claimedSinceMs: number | null = null;
  let lookMs = firstLookMs;
  let isHurried = false;
  for (;;) {
    const performed = performedBy(node, state);
    if (performed !== null) return performed;
    const nowMs = parts.clock.monotonicMs();
    if (nowMs > until) return { kind: "unknown", reason: unsettled(node, state) };
    claimedSinceMs = state.kind === "claimed" ? (claimedSinceMs ?? nowMs) : null;
    const isStuck = claimedSinceMs !== null && nowMs - claimedSinceMs > claimedForMs;
    if (state.kind !== "none" && !isStuck) {
      await pause(lookMs);
      lookMs = Math.min(longestLookMs, 2 * lookMs);
    }
    // Once, because most links come back at once; a node that stays away is tried at the link's own pauses, as fail2ban and sshd want it.
    if (!isHurried) parts.hurry();
    isHurried = true;
    // A script on its way in a server that slept may still arrive; once withdrawn it finds its id taken and does nothing.
    try {
      state = await (state.kind === "none" || isStuck ? parts.access.withdraw(id) : parts.access.reattach(id));
    } catch (error) {
      // Another host never heard of it, which proves nothing, and withdraws nothing either.
      if (error instanceof SshError && error.kind === "way-changed")
        return { kind: "unknown", reason: sentence("probe/end-elsewhere", { node, ...error.facts }) };
      // Not reached now: nothing is known, and the next look may tell.
      state = { kind: "unseen" };
    }
  }
}

/** Null while it is not settled. */
function performedBy(node: string, state: DurableState): Performed | null {
  switch (state.kind) {
    case "none":
    case "claimed":
    case "alive":
    case "unseen":
      return null;
    case "refused":
      return { kind: "not-sent", reason: reasonOf(state.error, node) };
    case "dead":
      return {
        kind: "unknown",
        reason: sentence(state.isRebooted ? "probe/end-rebooted" : "probe/end-unknowable", { node }),
      };
    case "done":
      return { kind: "answered", output: state.output, problem: problemOf(node, state) };
  }
}

function unsettled(node: string, state: DurableState): ReturnType<typeof sentence> {
  return state.kind === "alive" ? sentence("probe/still-running", { node }) : sentence("probe/end-not-seen", { node });
}

function problemOf(
  node: string,
  { ending, by, output }: DurableState & { kind: "done" },
): ReturnType<typeof sentence> | null {
  if (by !== "itself") return sentence(by === "deadline" ? "probe/ended-late" : "probe/ended-by-cancel", { node });
  switch (ending.kind) {
    case "exited":
      return ending.code === 0
        ? null
        : sentence("probe/exit-code", { node, code: ending.code, said: lastLine(output) });
    case "killed":
      return sentence("probe/killed", { node, signal: ending.signal });
    case "start-failed":
      return sentence("probe/start-failed", { node, said: lastLine(output) });
  }
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
