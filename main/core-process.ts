import type { ShellAnswer, ShellAsks, ToCore, ToShell } from "./core-link";
import { createCore } from "./core";
import type { Core } from "./core-port";

/** The core in a process of its own: whatever it does, the window stays quick, and if it falls the window stays. */
const port = process.parentPort;
const tell = (message: ToShell): void => port.postMessage(message);

// Whatever nobody waited for must not end the monitoring of every cluster.
process.on("unhandledRejection", (error) => console.error(error));

let core: Core | null = null;
let asked = 0;
const waiting = new Map<number, (answer: ShellAnswer) => void>();

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
    case "close":
      void (core?.close() ?? Promise.resolve()).finally(() => process.exit(0));
      return;
    case "shell-answer":
      waiting.get(data.id)?.(data.answer);
      waiting.delete(data.id);
      return;
  }
});

/** Rejects with what the shell says went wrong. */
async function askShell<N extends keyof ShellAsks>(
  ask: N,
  taken: ShellAsks[N]["takes"],
): Promise<ShellAsks[N]["gives"]> {
  asked += 1;
  const id = asked;
  const answer = await new Promise<ShellAnswer>((resolve) => {
    waiting.set(id, resolve);
    tell({ kind: "ask-shell", id, ask, taken });
  });
  if (!answer.ok) throw new Error(answer.problem);
  return answer.value as ShellAsks[N]["gives"];
}

function start(parts: Extract<ToCore, { kind: "start" }>["parts"]): void {
  try {
    core = createCore({
      ...parts,
      shell: {
        keyStorage: {
          state: () => askShell("key-storage", null),
          protect: async (plain) => Buffer.from(await askShell("protect", plain)),
          unprotect: async (sealed) => Buffer.from(await askShell("unprotect", sealed)),
        },
        chooseSavePath: (suggestedName) => askShell("choose-save-path", suggestedName),
        chooseOpenPath: () => askShell("choose-open-path", null),
      },
    });
    core.onEvent((name, payload) => tell({ kind: "event", name, payload }));
    tell({ kind: "started" });
  } catch (error) {
    tell({ kind: "failed", problem: error instanceof Error ? error.message : String(error) });
  }
}
