import type { Effect, SentCall } from "../engine/engine";
import { sentence, type Sentence } from "../../contract/sentence";
import type { Clock } from "../clock";
import type { Performed, Performer } from "../recovery/ports";
import type { Access, NodeAccess } from "../ssh/access";
import { SshError } from "../ssh/ssh-error";
import { performDurably, recallDurably, type DurableParts } from "./perform-durably";
import { reasonOf } from "./run-probes";
import { WireError } from "./wire-error";
import { errorOf, parseRedisReply } from "./parse/redis-reply";
import { parseHttpAnswer } from "./parse/http-answer";
import { recipientOf, showCall } from "./show-ask";
import { OutcomeUnknown, type Wire } from "./wire/wire";

/** Sends what changes a node: once, exactly as shown, and says honestly what became of it. */
export function createPerformer(parts: {
  readonly access: Access;
  readonly wire: Wire;
  readonly clock: Clock;
}): Performer {
  const durable = (access: NodeAccess): DurableParts => ({
    access,
    clock: parts.clock,
    hurry: () => parts.access.hurry([access.node]),
  });

  function show(node: string, effect: Effect): string {
    switch (effect.kind) {
      case "run": {
        const line = parts.access.node(node).shown(effect.command);
        return effect.command.stdin === undefined ? line : `${line} <<'END'\n${effect.command.stdin}\nEND`;
      }
      case "postgres":
      case "redis":
      case "http":
        return showCall(effect);
      case "calls":
        return effect.calls.map(showCall).join(";\n");
    }
  }

  return {
    show,
    account: (node, effect) => {
      if (effect.kind === "calls") return recipientOf(effect.calls[0]);
      if (effect.kind !== "run") return recipientOf(effect);
      const state = parts.access.node(node).state();
      return effect.command.runAs ?? (state.state === "ready" ? state.account : "");
    },
    perform: async (id, { node, reachedAs, shown, deadlineMs }, effect) => {
      const access = parts.access.node(node).by(reachedAs);
      try {
        await access.ready();
        if (show(node, effect) !== shown) return { kind: "not-sent", reason: sentence("probe/not-as-shown", { node }) };
      } catch (error) {
        return { kind: "not-sent", reason: reasonOf(error, node) };
      }
      return effect.kind === "run"
        ? performDurably(durable(access), id, effect.command, deadlineMs)
        : callOn(access, effect, deadlineMs);
    },
    recall: (id, { node, reachedAs }, withinMs) =>
      recallDurably(durable(parts.access.node(node).by(reachedAs)), id, withinMs),
  };

  async function callOn(
    access: NodeAccess,
    effect: Exclude<Effect, { kind: "run" }>,
    deadlineMs: number,
  ): Promise<Performed> {
    const { node } = access;
    const answers: string[] = [];
    try {
      for (const call of effect.kind === "calls" ? effect.calls : [effect]) {
        // A service's kept connection is not dialled for this call, and may be of another way than the one before it.
        await access.ready();
        const output = await parts.wire.call(access, call, deadlineMs);
        answers.push(output);
        const problem = problemIn(call, node, output);
        if (problem !== null) return { kind: "answered", output: answers.join("\n"), problem };
      }
      return { kind: "answered", output: answers.join("\n"), problem: null };
    } catch (error) {
      if (error instanceof OutcomeUnknown) return { kind: "unknown", reason: reasonOf(error, node) };
      const isAnswer = error instanceof WireError && ["statement-failed", "permission-denied"].includes(error.kind);
      if (isAnswer) return { kind: "answered", output: error.message, problem: error.sentence };
      if ((error instanceof WireError || error instanceof SshError) && answers.length === 0)
        return { kind: "not-sent", reason: error.sentence };
      return { kind: "unknown", reason: reasonOf(error, node) };
    }
  }
}

/** What an answer itself says went wrong; a service that answers an error has answered. */
function problemIn(effect: SentCall, node: string, output: string): Sentence | null {
  switch (effect.kind) {
    case "postgres":
      return null;
    case "redis": {
      const problem = errorOf(parseRedisReply("the reply", output));
      return problem === null ? null : sentence("wire/statement-failed", { service: "Redis", node, problem });
    }
    case "http": {
      const { status, body } = parseHttpAnswer("the answer", output);
      const problem = `${status} ${lastLine(body)}`;
      return status < 400 ? null : sentence("wire/statement-failed", { service: effect.login.service, node, problem });
    }
  }
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
