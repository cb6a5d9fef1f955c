import type { AnyAuthMethod, AuthenticationType } from "ssh2";
import type { Asker } from "./asker";
import { gatherIdentities } from "./identities";
import { IdentityAgent, type Identity } from "./identity";
import { openLockedKey } from "./open-locked-key";
import type { ResolvedLogin } from "./resolved-login";
import type { KnownPassword, SessionSecrets } from "./session-secrets";
import { problemOf, SshError } from "./ssh-error";
import { certificateProblem } from "./user-certificate";

export interface LoginParts {
  readonly asker: Asker;
  readonly secrets: SessionSecrets;
  /** This side's clock stands still while a person thinks or another login has its turn. */
  readonly patience: { pause(): void; resume(): void };
  readonly nowMs: () => number;
  /** What the server said before the login, made inert. */
  readonly banner: () => string;
  /** Ends the connection at once; no answer is sent. */
  readonly giveUp: (error: SshError) => void;
  /** Another client may go on: nobody is asked for a password while a key or a ticket is left that only the system's ssh can use. */
  readonly isLeaving: boolean;
  /** Whether there is a Kerberos ticket on this desktop. */
  readonly hasTicket: () => Promise<boolean>;
}

export interface LoginAttempts {
  /** The next method to try with this server, or false when there is none left. */
  next(): Promise<AnyAuthMethod | false>;
  /** The server's answer to the last one, and what it takes next. `isPartial`: it was right, and more is asked. */
  refused(methodsLeft: readonly AuthenticationType[], isPartial: boolean): void;
  /** Why nothing was left, for the message; null when the server simply refused all. */
  failure(): SshError | null;
  /** What the server would have taken, as it last said. */
  methods(): string;
  succeeded(): void;
  /** Of the certificates that were taken, when the first ceases to be valid, desktop wall clock; null where none was, or none ceases. */
  certifiedUntil(): number | null;
  /** The connection is over, logged in or not. `isVerdict`: the server itself ended it, so a password it was just given was not right. */
  over(isVerdict: boolean): void;
}

type Result = { readonly left: readonly AuthenticationType[] | null; readonly isPartial: boolean };
type Attempts = AsyncGenerator<AnyAuthMethod, Result, Result>;

/** Wrong answers to prompts other than a password's, before the login is given up. */
const mostPromptFailures = 2;
/** Rounds of prompts in one attempt; real ones take three at most. */
const mostRounds = 12;
const longestPrompt = 1_000;
const mostPrompts = 8;

/** Only this is answered with a password; whatever else is asked is shown to the person as it stands. */
const passwordPrompt = /^(?:\([^)]*\) )?(?:\S+@\S+'s )?password(?: for \S+)?: ?$/i;

/** The order OpenSSH uses: certificates and keys, then what a person types. */
export function createLoginAttempts(login: ResolvedLogin, parts: LoginParts): LoginAttempts {
  const { secrets } = parts;
  const host = `${login.hostName}:${login.port}`;
  const facts = { user: login.user };
  let failure: SshError | null = null;
  let problem: SshError | null = null;
  let answered: Result = { left: null, isPartial: false };
  let turn: Awaited<ReturnType<SessionSecrets["turn"]>> | null = null;
  /** The password that the server is judging. */
  let tried: KnownPassword | null = null;
  let isOver = false;
  let promptFailures = 0;
  const steps = attempts();

  async function* attempts(): AsyncGenerator<AnyAuthMethod, void, Result> {
    let result: Result = yield { type: "none", username: login.user };
    const exhausted = new Set<AuthenticationType>();
    for (;;) {
      const method = (["publickey", "keyboard-interactive", "password"] as const).find(
        (one) => !exhausted.has(one) && (result.left === null || result.left.includes(one)),
      );
      const untried = method === "publickey" ? null : await leftToSystemSsh(result.left);
      if (parts.isLeaving) failure ??= untried;
      problem ??= untried;
      if (method === undefined || failure !== null) return;
      exhausted.add(method);
      if (method === "publickey") result = yield* byKeys(result);
      else result = yield* byPassword(method, result);
      // After a right answer the server names what it asks besides, and what was done with before may be due again.
      if (result.isPartial) exhausted.clear();
    }
  }

  let certifiedUntilMs = Number.POSITIVE_INFINITY;
  /** The key that the server is judging. */
  let underJudgement: Identity | null = null;
  function noteTaken(): void {
    certifiedUntilMs = Math.min(certifiedUntilMs, underJudgement?.certificate?.validBefore ?? Number.POSITIVE_INFINITY);
    underJudgement = null;
  }

  /** What ssh would try before it asks a person, and this side cannot; null where there is nothing of the kind. */
  async function leftToSystemSsh(left: readonly string[] | null): Promise<SshError | null> {
    if (deviceKey !== null && left?.includes("publickey") === true) return deviceKey;
    const mayTry = login.mayUseTicket && left?.includes("gssapi-with-mic") === true && (await parts.hasTicket());
    return mayTry ? new SshError("ticket-needs-system-ssh", login.host, facts) : null;
  }

  const offered = new Set<Identity>();
  let known: readonly Identity[] | null = null;
  /** A key in a security device, which was found and cannot be asked. */
  let deviceKey: SshError | null = null;

  async function* byKeys(before: Result): Attempts {
    if (known === null) {
      const found = await gatherIdentities(login, (file, text) => openLockedKey(login.host, file, text, parts));
      problem ??= found.problems[0] ?? null;
      deviceKey = found.problems.find(({ kind }) => kind === "key-needs-system-ssh") ?? null;
      known = found.identities;
    }
    let result: Result = { ...before, isPartial: false };
    for (const identity of known) {
      if (offered.has(identity) || result.left?.includes("publickey") === false) continue;
      offered.add(identity);
      const shown = await revealed(identity);
      if (shown === null) continue;
      underJudgement = identity;
      result = yield { type: "agent", username: login.user, agent: new IdentityAgent(shown) };
      if (result.isPartial) {
        noteTaken();
        return result;
      }
      underJudgement = null;
      noteCertificate(identity);
    }
    return result;
  }

  /** A key that stays locked is passed over, and told if nothing else logs in. */
  async function revealed(identity: Identity): Promise<Identity | null> {
    const sign: Identity["sign"] = async (data, hash) => {
      try {
        return await paused(() => identity.sign(data, hash));
      } catch (error) {
        problem ??= keyProblem(identity, error);
        throw error;
      }
    };
    try {
      const publicKey = identity.reveal === undefined ? identity.publicKey : await paused(identity.reveal);
      return { ...identity, publicKey, sign };
    } catch (error) {
      problem ??= keyProblem(identity, error);
      return null;
    }
  }

  function keyProblem({ from }: Identity, error: unknown): SshError {
    if (error instanceof SshError) return error;
    return new SshError("key-unreadable", login.host, { file: from, problem: (error as Error).message });
  }

  function noteCertificate({ from, certificate }: Identity): void {
    const why = certificate === null ? null : certificateProblem(certificate, login.user, parts.nowMs());
    if (certificate === null || why === null) return;
    const until = Number.isFinite(certificate.validBefore) ? new Date(certificate.validBefore).toISOString() : "";
    const { keyId, principals } = certificate;
    const certificateFacts = { file: from, keyId, user: login.user, until, principals: principals.join(", ") };
    problem ??= new SshError(`certificate-${why}`, login.host, certificateFacts);
  }

  async function* byPassword(method: "keyboard-interactive" | "password", before: Result): Attempts {
    let result: Result = { ...before, isPartial: false };
    while (failure === null && result.left?.includes(method) !== false && promptFailures < mostPromptFailures) {
      if (method === "password") {
        const password = await nextPassword();
        if (password === null) return result;
        result = yield { type: "password", username: login.user, password: password.toString("utf8") };
      } else {
        rounds = 0;
        result = yield { type: method, username: login.user, prompt: (...asked) => void askPrompts(...asked) };
        if (tried === null && !result.isPartial) promptFailures += rounds === 0 ? mostPromptFailures : 1;
      }
      settlePassword(result.isPartial ? "accepted" : "refused");
      if (result.isPartial) return result;
    }
    return result;
  }

  /** The password to try now, known or asked for; null when none may be tried any more. The turn is held until the server has judged it. */
  async function nextPassword(): Promise<Buffer | null> {
    const mine = turn ?? (await paused(() => secrets.turn(login.user, host)));
    if (isOver) {
      mine.done();
      return null;
    }
    turn = mine;
    const { known: remembered, left: mayTry } = mine.read();
    if (mayTry <= 0) {
      failure ??= new SshError("password-stopped", login.host, facts);
      return null;
    }
    if (remembered === null) {
      const attempt = 1 + secrets.refusals(login.user);
      const banner = parts.banner();
      const answer = await paused(() =>
        parts.asker.ask({ kind: "password", node: login.host, user: login.user, attempt, ...(banner && { banner }) }),
      );
      if (answer.kind !== "secret") {
        secrets.declined(login.user);
        failure = new SshError("login-cancelled", login.host, facts);
        return null;
      }
      const password = { bytes: Buffer.from(answer.secret, "utf8"), judged: answer.judged };
      secrets.given(login.user, host, password, answer.forAllHosts === true);
    }
    tried = mine.read().known;
    return tried?.bytes ?? null;
  }

  function settlePassword(verdict: "accepted" | "refused" | "unknown"): void {
    if (tried !== null && verdict === "accepted") secrets.accepted(login.user, tried);
    if (tried !== null && verdict === "refused") secrets.refused(login.user, host, tried);
    tried = null;
    turn?.done();
    turn = null;
  }

  let rounds = 0;

  async function askPrompts(
    title: string,
    instruction: string,
    _language: string,
    prompts: readonly { prompt: string; echo?: boolean }[],
    finish: (replies: string[]) => void,
  ): Promise<void> {
    rounds += 1;
    if (rounds > mostRounds || prompts.length > mostPrompts)
      return parts.giveUp(
        new SshError("login-ended", login.host, { ...facts, problem: "ssh/asks-without-end", said: "–" }),
      );
    const [first] = prompts;
    const isPassword = prompts.length === 1 && first?.echo !== true && passwordPrompt.test(first?.prompt ?? "");
    const replies =
      isPassword && tried === null ? await passwordReply() : await promptReplies(title, instruction, prompts);
    if (replies === null) parts.giveUp(failure ?? new SshError("login-cancelled", login.host, facts));
    else finish(replies);
  }

  async function passwordReply(): Promise<string[] | null> {
    const password = await nextPassword();
    return password === null ? null : [password.toString("utf8")];
  }

  async function promptReplies(
    title: string,
    instruction: string,
    prompts: readonly { prompt: string; echo?: boolean }[],
  ): Promise<string[] | null> {
    const cut = (text: string): string => text.slice(0, longestPrompt);
    const shown = prompts.map((one) => ({ text: cut(one.prompt), echo: one.echo ?? false }));
    const banner = parts.banner();
    const answer = await paused(() =>
      parts.asker.ask({
        kind: "prompts",
        node: login.host,
        title: cut(title),
        instruction: cut(instruction),
        prompts: shown,
        ...(banner && { banner }),
      }),
    );
    if (answer.kind === "replies" && answer.replies.length === prompts.length) return [...answer.replies];
    failure = new SshError("login-cancelled", login.host, facts);
    return null;
  }

  async function paused<T>(work: () => Promise<T>): Promise<T> {
    parts.patience.pause();
    try {
      return await work();
    } finally {
      parts.patience.resume();
    }
  }

  return {
    refused: (left, isPartial) => (answered = { left, isPartial }),
    next: async () => {
      try {
        const step = await steps.next(answered);
        return step.done === true ? false : step.value;
      } catch (error) {
        failure ??=
          error instanceof SshError
            ? error
            : new SshError("key-unreadable", login.host, { file: "", problem: problemOf(error) });
        return false;
      }
    },
    failure: () => failure ?? problem,
    methods: () => answered.left?.join(", ") ?? "–",
    succeeded: () => {
      noteTaken();
      settlePassword("accepted");
    },
    certifiedUntil: () => (Number.isFinite(certifiedUntilMs) ? certifiedUntilMs : null),
    over: (isVerdict) => {
      isOver = true;
      settlePassword(isVerdict ? "refused" : "unknown");
    },
  };
}
