import type { HostKeyRecord, HostKeys } from "../../contract/host-keys";
import type { Login } from "../../contract/inventory";
import { sentence } from "../../contract/sentence";
import type { Clock } from "../clock";
import type { Asker } from "../ssh/asker";
import { hostKeyNameOf, isRevoked, knownKeysOf } from "../ssh/host-keys";
import { addKnownHost, removeKnownHost, type KnownHostLine } from "../ssh/known-hosts";
import { readPresentedKeys } from "../ssh/presented-keys";
import { fingerprintOf, keyTypeOf } from "../ssh/public-key";
import type { ResolvedLogin } from "../ssh/resolved-login";
import type { SessionSecrets } from "../ssh/session-secrets";
import type { AuditLog } from "../store/audit-log";
import { RequestError } from "./answer";

export interface HostKeyDeskParts {
  readonly clock: Clock;
  readonly asker: Asker;
  readonly secrets: SessionSecrets;
  readonly resolve: (login: Login) => Promise<ResolvedLogin>;
  readonly log: AuditLog<HostKeyRecord>;
  readonly operator: string;
}

export interface Replacement {
  readonly login: Login;
  /** The name as the person typed it; it must be the one the keys are filed under. */
  readonly typed: string;
  readonly oldFingerprint: string;
  readonly newFingerprint: string;
  readonly reason: string;
}

/** The one way to put another key in the place of a known one: apart from any connection, by name, and on record. */
export interface HostKeyDesk {
  read(login: Login): Promise<HostKeys>;
  replace(replacement: Replacement): Promise<HostKeys>;
}

export function createHostKeyDesk(parts: HostKeyDeskParts): HostKeyDesk {
  async function read(login: Login): Promise<HostKeys> {
    const resolved = await parts.resolve(login);
    const presented = await readPresentedKeys(resolved, parts);
    return {
      name: hostKeyNameOf(resolved),
      known: (await knownKeysOf(resolved)).map((line) => ({
        keyType: line.keyType,
        fingerprint: fingerprintOfLine(line),
        where: `${line.file}:${line.line}`,
      })),
      presented: presented.map((key) => ({ keyType: keyTypeOf(key), fingerprint: fingerprintOf(key) })),
    };
  }

  return {
    read,
    replace: async (replacement) => {
      const resolved = await parts.resolve(replacement.login);
      const { file, key } = await checked(parts, resolved, replacement);
      const { oldFingerprint, newFingerprint, reason } = replacement;
      const name = hostKeyNameOf(resolved);
      const record = (state: HostKeyRecord["state"]): void =>
        parts.log.append({
          ...{ state, at: parts.clock.nowMs(), operator: parts.operator, name, file },
          ...{ oldFingerprint, newFingerprint, reason },
        });
      record("begun");
      try {
        await removeKnownHost(file, name);
        await addKnownHost(file, name, keyTypeOf(key), key.toString("base64"), resolved.hashKnownHosts);
      } catch (error) {
        record("failed");
        const problem = (error as Error).message;
        throw new RequestError("unavailable", sentence("request/host-key-unwritten", { file, problem }));
      }
      record("done");
      return read(replacement.login);
    },
  };
}

/** What must hold before anything is written, looked at anew: what the view showed may be old. */
async function checked(
  parts: HostKeyDeskParts,
  login: ResolvedLogin,
  { typed, oldFingerprint, newFingerprint }: Replacement,
): Promise<{ readonly file: string; readonly key: Buffer }> {
  const name = hostKeyNameOf(login);
  const refuse = (code: string, facts: Readonly<Record<string, string>>): RequestError =>
    new RequestError("refused", sentence(code, { name, ...facts }));
  if (typed !== name) throw refuse("request/host-key-name", { typed });
  const known = await knownKeysOf(login);
  if (!known.some((line) => fingerprintOfLine(line) === oldFingerprint))
    throw refuse("request/host-key-not-known", { fingerprint: oldFingerprint });
  const file = login.userKnownHostsFiles[0];
  const elsewhere = known.find((line) => line.file !== file);
  if (file === undefined || elsewhere !== undefined)
    throw refuse("request/host-key-elsewhere", { where: elsewhere === undefined ? "" : elsewhere.file });
  const key = (await readPresentedKeys(login, parts)).find((one) => fingerprintOf(one) === newFingerprint);
  if (key === undefined) throw refuse("request/host-key-not-shown", { fingerprint: newFingerprint });
  if (await isRevoked(login, key)) throw refuse("request/host-key-revoked", { fingerprint: newFingerprint });
  return { file, key };
}

function fingerprintOfLine(line: KnownHostLine): string {
  return fingerprintOf(Buffer.from(line.key, "base64"));
}
