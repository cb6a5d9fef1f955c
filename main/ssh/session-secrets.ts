import { createHash } from "node:crypto";
import type { Judged } from "./asker";
import type { PrivateKey } from "./private-key";

/** A login by password that was stopped, for the person to see. */
export interface StoppedPassword {
  readonly user: string;
  /** Wrong passwords given for this account name before it was stopped; fewer than two when a question was not answered. */
  readonly refusals: number;
}

/** A password as it was given, and who waits to hear whether it was right. */
export interface KnownPassword {
  readonly bytes: Buffer;
  readonly judged: Judged | undefined;
}

/** One login's turn with the passwords of an account name. */
export interface PasswordTurn {
  /** The password to try unasked: the one given for this host, or one given for all hosts of the account name. */
  readonly known: KnownPassword | null;
  /** How many more may be tried anywhere; none means: stop, ask nobody. */
  readonly left: number;
}

/**
 * What a person typed, for as long as the app runs and in memory only. Passwords are tried on one host at a time for each account name
 * until one was right, and after two wrong ones, or a question nobody answered, on none any more: the same directory usually stands behind
 * the whole fleet, locks accounts and bans addresses. Only the person's own act goes on from there.
 */
export interface SessionSecrets {
  /** Keys opened by passphrase, by file and content; work is done once however many hosts ask at the same time. */
  openKey(text: string, open: () => Promise<PrivateKey>): Promise<PrivateKey>;
  /** Waits until nobody else asks for the passphrase of this file. What it gives must be called when that is known, or given up. */
  passphraseTurn(identityFile: string): Promise<() => void>;
  /** A passphrase that opened a key for the system's ssh, which opens its keys itself. */
  passphraseOf(identityFile: string): string | null;
  keepPassphrase(identityFile: string, passphrase: string): void;
  /** Waits until nobody else tries a password of this account name. `done` must be called. */
  turn(user: string, host: string): Promise<{ read(): PasswordTurn; done(): void }>;
  given(user: string, host: string, password: KnownPassword, forAllHosts: boolean): void;
  accepted(user: string, tried: KnownPassword): void;
  /** Wrong passwords in a row for this account name. */
  refusals(user: string): number;
  refused(user: string, host: string, tried: KnownPassword): void;
  /** A question was not answered; nothing more is asked for this account name. */
  declined(user: string): void;
  stopped(): readonly StoppedPassword[];
  /** The person's act: everything may be asked again. */
  askAgain(): void;
  /** Overwrites what it holds. */
  wipe(): void;
}

const mostRefusals = 2;
/** A password that was right this recently is tried on other hosts side by side. */
const freshMs = 60_000;

interface Account {
  refusals: number;
  declined: boolean;
  provenAtMs: number;
  shared: KnownPassword | null;
  readonly ofHost: Map<string, KnownPassword>;
  last: Promise<void>;
}

export function createSessionSecrets(nowMs: () => number = () => performance.now()): SessionSecrets {
  const accounts = new Map<string, Account>();
  const keys = new Map<string, Promise<PrivateKey>>();
  const passphrases = new Map<string, Buffer>();
  const passphraseTurns = new Map<string, Promise<void>>();

  function accountOf(user: string): Account {
    const known = accounts.get(user);
    if (known !== undefined) return known;
    const made: Account = {
      refusals: 0,
      declined: false,
      provenAtMs: Number.NEGATIVE_INFINITY,
      shared: null,
      ofHost: new Map(),
      last: Promise.resolve(),
    };
    accounts.set(user, made);
    return made;
  }

  /** Neither of the two is tried again; what took their place since is another. */
  function forget(account: Account, host: string, tried: KnownPassword): void {
    const own = account.ofHost.get(host);
    if (tried !== own && tried !== account.shared) return;
    own?.bytes.fill(0);
    account.ofHost.delete(host);
    account.shared?.bytes.fill(0);
    account.shared = null;
  }

  return {
    openKey: (text, open) => {
      const name = createHash("sha256").update(text).digest("hex");
      const known = keys.get(name) ?? open();
      keys.set(name, known);
      // A key that was not opened stays so until the person acts: the failure is kept as well.
      return known;
    },
    passphraseTurn: async (identityFile) => {
      const before = passphraseTurns.get(identityFile);
      let done = (): void => undefined;
      passphraseTurns.set(identityFile, new Promise((resolve) => (done = resolve)));
      await before;
      return done;
    },
    passphraseOf: (identityFile) => passphrases.get(identityFile)?.toString("utf8") ?? null,
    keepPassphrase: (identityFile, passphrase) => {
      passphrases.set(identityFile, Buffer.from(passphrase, "utf8"));
    },
    turn: async (user, host) => {
      const account = accountOf(user);
      const isFresh = account.shared !== null && nowMs() - account.provenAtMs < freshMs;
      const before = account.last;
      let done: () => void = () => undefined;
      if (!isFresh) {
        account.last = new Promise((resolve) => (done = resolve));
        await before;
      }
      const read = (): PasswordTurn => ({
        known: account.ofHost.get(host) ?? account.shared,
        left: account.declined ? 0 : mostRefusals - account.refusals,
      });
      return { read, done };
    },
    given: (user, host, password, forAllHosts) => {
      const account = accountOf(user);
      if (forAllHosts) account.shared = password;
      else account.ofHost.set(host, password);
    },
    refusals: (user) => accountOf(user).refusals,
    accepted: (user, tried) => {
      const account = accountOf(user);
      tried.judged?.(true);
      account.refusals = 0;
      account.provenAtMs = nowMs();
    },
    refused: (user, host, tried) => {
      const account = accountOf(user);
      tried.judged?.(false);
      account.refusals += 1;
      account.provenAtMs = Number.NEGATIVE_INFINITY;
      forget(account, host, tried);
    },
    declined: (user) => {
      accountOf(user).declined = true;
    },
    stopped: () =>
      [...accounts]
        .filter(([, { declined, refusals }]) => declined || refusals >= mostRefusals)
        .map(([user, { refusals }]) => ({ user, refusals })),
    askAgain: () => {
      for (const account of accounts.values()) {
        account.refusals = 0;
        account.declined = false;
      }
      for (const [name, key] of keys) key.catch(() => keys.delete(name));
    },
    wipe: () => {
      for (const account of accounts.values()) {
        account.shared?.bytes.fill(0);
        for (const { bytes } of account.ofHost.values()) bytes.fill(0);
      }
      accounts.clear();
      for (const passphrase of passphrases.values()) passphrase.fill(0);
      passphrases.clear();
      keys.clear();
    },
  };
}
