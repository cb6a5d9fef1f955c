import type { Asker } from "./asker";
import type { ResolvedLogin } from "./resolved-login";
import type { KnownPassword, SessionSecrets } from "./session-secrets";
import { SshError } from "./ssh-error";
import { passwordsTaken } from "./system-ssh-error";

type PasswordAsked = Extract<Parameters<Asker["ask"]>[0], { kind: "password" }>;

/** The passwords of one login by the system's ssh, under the same limits as those of the built-in client: two wrong ones on the whole fleet. */
export interface PasswordTurns {
  /** The password to hand over, known or asked for. Throws SshError where none may be tried any more, or none was given. */
  next(asked: PasswordAsked): Promise<string>;
  /** What became of the last one, as far as ssh itself does not say that it was taken; its turn passes on. */
  settle(verdict: "accepted" | "refused" | "unknown"): void;
  /** The connection is over or logged in; a turn that comes later is passed on at once. */
  close(): void;
}

interface Held {
  readonly user: string;
  readonly host: string;
  readonly hostName: string;
  /** How many passwords ssh had said to be taken by then. */
  readonly takenBefore: number;
  readonly done: () => void;
  /** What ssh was given; null before. */
  tried: KnownPassword | null;
}

export function createPasswordTurns(
  login: ResolvedLogin,
  { asker, secrets, said }: { readonly asker: Asker; readonly secrets: SessionSecrets; readonly said: () => string },
): PasswordTurns {
  let held: Held | null = null;
  let isOver = false;
  const isGone = (): boolean => isOver;

  function settle(verdict: "accepted" | "refused" | "unknown"): void {
    const last = held;
    held = null;
    if (last === null) return;
    const { user, host, hostName, takenBefore, tried } = last;
    const isTaken = passwordsTaken(said(), hostName) > takenBefore;
    if (tried !== null && (isTaken || verdict === "accepted")) secrets.accepted(user, tried);
    else if (tried !== null && verdict === "refused") secrets.refused(user, host, tried);
    last.done();
  }

  return {
    settle,
    next: async (asked) => {
      const { user, node } = asked;
      const { hostName, port } = login.jumps.find((one) => one.host === node) ?? login;
      const host = `${hostName}:${port}`;
      // ssh asks again for what was refused; where it asks for another host, the one before was passed.
      settle(held?.user === user && held.host === host ? "refused" : "accepted");
      const turn = await secrets.turn(user, host);
      if (isGone()) {
        turn.done();
        throw new SshError("closed", node);
      }
      const takenBefore = passwordsTaken(said(), hostName);
      const mine: Held = { user, host, hostName, takenBefore, done: turn.done, tried: null };
      held = mine;
      const { known, left } = turn.read();
      if (left <= 0) throw new SshError("password-stopped", node, { user });
      if (known === null) {
        const answer = await asker.ask({ ...asked, attempt: 1 + secrets.refusals(user) });
        // Withdrawn with its login: nobody declined.
        if (isGone()) throw new SshError("closed", node);
        // A line feed would end the line ssh reads early.
        if (answer.kind !== "secret" || answer.secret.includes("\n")) {
          secrets.declined(user);
          throw new SshError("login-cancelled", node, { user });
        }
        const password = { bytes: Buffer.from(answer.secret, "utf8"), judged: answer.judged };
        secrets.given(user, host, password, answer.forAllHosts === true);
      }
      mine.tried = turn.read().known;
      return mine.tried?.bytes.toString("utf8") ?? "";
    },
    close: () => {
      isOver = true;
      settle("unknown");
    },
  };
}
