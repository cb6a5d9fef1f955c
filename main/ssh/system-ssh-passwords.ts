import type { Asker } from "./asker";
import type { ResolvedLogin } from "./resolved-login";
import type { SessionSecrets } from "./session-secrets";
import { SshError } from "./ssh-error";

type PasswordAsked = Extract<Parameters<Asker["ask"]>[0], { kind: "password" }>;

/** The passwords of one login by the system's ssh, under the same limits as those of the built-in client: two wrong ones on the whole fleet. */
export interface PasswordTurns {
  /** The password to hand over, known or asked for. Throws SshError where none may be tried any more, or none was given. */
  next(asked: PasswordAsked): Promise<string>;
  /** What became of the last one; its turn passes on. */
  settle(verdict: "accepted" | "refused" | "unknown"): void;
  /** The connection is over or logged in; a turn that comes later is passed on at once. */
  close(): void;
}

interface Held {
  readonly user: string;
  readonly host: string;
  readonly done: () => void;
  isOut: boolean;
}

export function createPasswordTurns(
  login: ResolvedLogin,
  { asker, secrets }: { readonly asker: Asker; readonly secrets: SessionSecrets },
): PasswordTurns {
  let held: Held | null = null;
  let isOver = false;
  const isGone = (): boolean => isOver;

  function settle(verdict: "accepted" | "refused" | "unknown"): void {
    const last = held;
    held = null;
    if (last?.isOut === true && verdict === "accepted") secrets.accepted(last.user);
    if (last?.isOut === true && verdict === "refused") secrets.refused(last.user, last.host);
    last?.done();
  }

  return {
    settle,
    next: async (asked) => {
      const { user, node } = asked;
      const hop = login.jumps.find(({ host }) => host === node) ?? login;
      const host = `${hop.hostName}:${hop.port}`;
      // ssh asks again for what was refused; where it asks for another host, the one before was passed.
      settle(held?.user === user && held.host === host ? "refused" : "accepted");
      const turn = await secrets.turn(user, host);
      if (isGone()) {
        turn.done();
        throw new SshError("closed", node);
      }
      const mine: Held = { user, host, done: turn.done, isOut: false };
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
        secrets.given(user, host, Buffer.from(answer.secret, "utf8"), answer.keep);
      }
      mine.isOut = true;
      return turn.read().known?.toString("utf8") ?? "";
    },
    close: () => {
      isOver = true;
      settle("unknown");
    },
  };
}
