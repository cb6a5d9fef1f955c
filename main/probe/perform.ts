import type { Effect } from "../engine/engine";
import { sentence } from "../../contract/sentence";
import type { Performed, Performer } from "../recovery/ports";
import type { Access } from "../ssh/access";
import { SshError } from "../ssh/ssh-error";
import { reasonOf } from "./run-probes";
import { WireError } from "./wire-error";
import { OutcomeUnknown, targetName, type PostgresWire } from "./wire/postgres";

const keptOutputBytes = 64 << 10;

/** Sends what changes a node: once, exactly as shown, and says honestly what became of it. */
export function createPerformer(parts: { readonly access: Access; readonly postgres: PostgresWire }): Performer {
  function show(node: string, effect: Effect): string {
    switch (effect.kind) {
      case "run": {
        const line = parts.access.node(node).shown(effect.command);
        return effect.command.stdin === undefined ? line : `${line} <<'END'\n${effect.command.stdin}\nEND`;
      }
      case "postgres":
        return effect.statement;
    }
  }

  return {
    show,
    account: (node, effect) => {
      if (effect.kind === "postgres") return `${effect.login.user}@${targetName(effect.login.target)}`;
      const state = parts.access.node(node).state();
      return effect.command.runAs ?? (state.state === "ready" ? state.account : "");
    },
    perform: async (node, effect, shown, deadlineMs) => {
      try {
        await parts.access.node(node).ready();
        if (show(node, effect) !== shown) return { kind: "not-sent", reason: sentence("probe/not-as-shown", { node }) };
      } catch (error) {
        return { kind: "not-sent", reason: reasonOf(error, node) };
      }
      return effect.kind === "run" ? runOn(node, effect, deadlineMs) : statementOn(node, effect, deadlineMs);
    },
  };

  async function runOn(node: string, effect: Effect & { kind: "run" }, deadlineMs: number): Promise<Performed> {
    try {
      const output = await parts.access.node(node).run(effect.command, { deadlineMs, maxBytes: keptOutputBytes });
      const said = output.stdout + output.stderr;
      switch (output.ending.kind) {
        case "exited": {
          const { code } = output.ending;
          const problem =
            code === 0
              ? null
              : sentence("probe/exit-code", { node, code, said: lastLine(output.stderr || output.stdout) });
          return { kind: "answered", output: said, problem };
        }
        case "killed":
          return {
            kind: "answered",
            output: said,
            problem: sentence("probe/killed", { node, signal: output.ending.signal }),
          };
        case "lost":
          return { kind: "unknown", reason: sentence("probe/end-not-seen", { node }) };
      }
    } catch (error) {
      // `run` rejects only before the command was written to the channel.
      return { kind: "not-sent", reason: reasonOf(error, node) };
    }
  }

  async function statementOn(
    node: string,
    effect: Effect & { kind: "postgres" },
    deadlineMs: number,
  ): Promise<Performed> {
    try {
      const rows = await parts.postgres.query(parts.access.node(node), effect.login, effect.statement, deadlineMs);
      return { kind: "answered", output: JSON.stringify(rows), problem: null };
    } catch (error) {
      if (error instanceof OutcomeUnknown) return { kind: "unknown", reason: reasonOf(error, node) };
      const isAnswer = error instanceof WireError && ["statement-failed", "permission-denied"].includes(error.kind);
      if (isAnswer) return { kind: "answered", output: error.message, problem: error.sentence };
      if (error instanceof WireError || error instanceof SshError) return { kind: "not-sent", reason: error.sentence };
      return { kind: "unknown", reason: reasonOf(error, node) };
    }
  }
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
