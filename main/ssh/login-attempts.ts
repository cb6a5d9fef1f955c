import { readFile } from "node:fs/promises";
import ssh2, {
  type AnyAuthMethod,
  type AuthenticationType,
  type IdentityCallback,
  type KnownPublicKeys,
  type OpenSSHAgent,
  type ParsedKey,
} from "ssh2";
import type { Asker } from "./asker";
import { loadPrivateKey, type Passphrases } from "./private-key";
import type { ResolvedLogin } from "./resolved-login";
import { SshError } from "./ssh-error";

/** One wrong password is a slip, a third is a lockout: servers ban addresses and lock accounts. */
const passwordAttempts = 2;

export interface LoginAttempts {
  /** The next method to try with this server, or false when there is none left. */
  next(methodsLeft: readonly AuthenticationType[] | null): Promise<AnyAuthMethod | false>;
  /** Why nothing was left, for the message; null when the server simply refused all. */
  failure(): SshError | null;
}

/** The order OpenSSH uses: agent, identity files, then what a person types. */
export function createLoginAttempts(
  login: ResolvedLogin,
  parts: {
    readonly asker: Asker;
    readonly passphrases: Passphrases;
  },
): LoginAttempts {
  let failure: SshError | null = null;
  const steps = attempts();

  async function* attempts(): AsyncGenerator<AnyAuthMethod, void, readonly AuthenticationType[] | null> {
    let left: readonly AuthenticationType[] | null = yield { type: "none", username: login.user };
    const allows = (method: AuthenticationType): boolean => left === null || left.includes(method);
    if (allows("publickey") && login.identityAgent !== null)
      left = yield { type: "agent", username: login.user, agent: agentOf(login, login.identityAgent) };
    for (const identityFile of allows("publickey") ? login.identityFiles : []) {
      const key = await loadPrivateKey(login.host, identityFile, parts.asker, parts.passphrases);
      if (key !== null) left = yield { type: "publickey", username: login.user, key };
    }
    for (let attempt = 1; attempt <= passwordAttempts && allows("keyboard-interactive"); attempt += 1)
      left = yield {
        type: "keyboard-interactive",
        username: login.user,
        prompt: (...args) => void askPrompts(...args),
      };
    for (let attempt = 1; attempt <= passwordAttempts && allows("password"); attempt += 1) {
      const answer = await parts.asker.ask({ kind: "password", node: login.host, user: login.user, attempt });
      if (answer.kind !== "secret") throw new SshError("login-cancelled", login.host, { user: login.user });
      left = yield { type: "password", username: login.user, password: answer.secret };
    }
  }

  async function askPrompts(
    title: string,
    instruction: string,
    _language: string,
    prompts: readonly { prompt: string; echo?: boolean }[],
    finish: (replies: string[]) => void,
  ): Promise<void> {
    if (prompts.length === 0) return finish([]);
    const shown = prompts.map((one) => ({ text: one.prompt, echo: one.echo ?? false }));
    const answer = await parts.asker.ask({ kind: "prompts", node: login.host, title, instruction, prompts: shown });
    if (answer.kind === "replies") return finish([...answer.replies]);
    failure = new SshError("login-cancelled", login.host, { user: login.user });
    finish([]);
  }

  return {
    next: async (methodsLeft) => {
      if (failure !== null) return false;
      try {
        const step = await steps.next(methodsLeft);
        return step.done === true ? false : step.value;
      } catch (error) {
        failure =
          error instanceof SshError
            ? error
            : new SshError("key-unreadable", login.host, { file: "", problem: String(error) });
        return false;
      }
    },
    failure: () => failure,
  };
}

function agentOf(login: ResolvedLogin, socketPath: string): OpenSSHAgent {
  return login.identitiesOnly
    ? new ChosenKeysAgent(socketPath, login.identityFiles)
    : new ssh2.OpenSSHAgent(socketPath);
}

/** With IdentitiesOnly an agent may hold fifty keys and only the configured ones are offered, or the server ends the login. */
class ChosenKeysAgent extends ssh2.OpenSSHAgent {
  constructor(
    socketPath: string,
    private readonly identityFiles: readonly string[],
  ) {
    super(socketPath);
  }

  override getIdentities(callback: IdentityCallback<ParsedKey>): void {
    super.getIdentities((error, keys) => {
      if (error) return callback(error);
      publicKeysOf(this.identityFiles).then(
        (chosen) => callback(undefined, keys?.filter((key) => chosen.has(blobOf(key))) ?? []),
        (problem: unknown) => callback(problem instanceof Error ? problem : new Error(String(problem))),
      );
    });
  }
}

async function publicKeysOf(identityFiles: readonly string[]): Promise<ReadonlySet<string>> {
  const texts = await Promise.all(identityFiles.map((file) => readFile(`${file}.pub`, "utf8").catch(() => "")));
  return new Set(texts.map((text) => text.trim().split(/\s+/)[1] ?? "").filter((blob) => blob !== ""));
}

function blobOf(key: KnownPublicKeys<ParsedKey>[number]): string {
  const parsed = "getPublicSSH" in key ? key : key.pubKey;
  const inner = "getPublicSSH" in parsed ? parsed : parsed.pubKey;
  if (typeof inner === "string") return inner;
  return (Buffer.isBuffer(inner) ? inner : inner.getPublicSSH()).toString("base64");
}
