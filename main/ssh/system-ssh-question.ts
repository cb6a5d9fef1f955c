import type { Asker } from "./asker";
import type { ResolvedLogin } from "./resolved-login";

type Asked = Parameters<Asker["ask"]>[0];

/** What ssh wants to know, and how an answer is put into the one line it reads. */
export interface SshQuestion {
  readonly asked: Asked;
  /** What stands for acceptance; null where the answer is a secret or a reply. */
  readonly acceptance: string | null;
}

const keyTypes: Readonly<Record<string, string>> = { ED25519: "ssh-ed25519", RSA: "ssh-rsa", ECDSA: "ecdsa-sha2" };

/**
 * Reads the prompts of OpenSSH's client. A server's own prompts come with `(user@host)` before them since 8.5, so that none can pass
 * for a question of the client.
 * ```
 * The authenticity of host '[db-1]:2222 ([10.0.0.5]:2222)' can't be established.
 * ED25519 key fingerprint is SHA256:goqxbKKnct94Q0WgXNVhBtEggEzQCwAGUql74W11EwE.
 * This key is not known by any other names.
 * Are you sure you want to continue connecting (yes/no/[fingerprint])?
 *
 * Enter passphrase for key '/home/a/.ssh/id_ed25519':
 * root@db-1's password:
 * (root@db-1) Password:
 * (root@db-1) Verification code:
 * Enter PIN for ED25519-SK key /home/a/.ssh/id_ed25519_sk:
 * ```
 * `earlier` counts how often the same prompt was put before on this connection, `hopsThrough` the hosts on the way that are logged in.
 */
export function questionOf(prompt: string, earlier: number, login: ResolvedLogin, hopsThrough: number): SshQuestion {
  const attempt = earlier + 1;
  const host =
    /^The authenticity of host '(\S+)(?: \([^)]*\))?' can't be established\.\n(\S+) key fingerprint is (\S+?)\.\n/.exec(
      prompt,
    );
  if (host !== null) {
    const [, name = "", type = "", fingerprint = ""] = host;
    const address = addressOf(name);
    const node = nodeAt(address, login);
    const keyType = keyTypes[type] ?? type;
    // The fingerprint is what was shown; ssh compares it with the key itself.
    return { asked: { kind: "host-key-unknown", node, address, keyType, fingerprint }, acceptance: fingerprint };
  }
  const passphrase = /^Enter passphrase for (?:key )?'(.+)': ?$/.exec(prompt);
  if (passphrase !== null)
    return secret({ kind: "passphrase", node: login.host, identityFile: passphrase[1] ?? "", attempt });
  const served = /^\((\S+)\) ([\s\S]*)$/.exec(prompt);
  const [title, text] = served === null ? ["", prompt] : [served[1] ?? "", served[2] ?? ""];
  const asking =
    served === null
      ? /^(\S+@\S+)'s password: ?$/.exec(prompt)?.[1]
      : /^password(?: for \S+)?: ?$/i.test(text)
        ? title
        : undefined;
  const hop = asking === undefined ? null : hopOf(asking, login, hopsThrough);
  // One that names no hop is of another ssh, such as one that a ProxyCommand runs: nothing on this way, and not to be judged by it.
  if (hop !== null) return secret({ kind: "password", node: hop.host, user: hop.user, attempt });
  return secret({ kind: "prompts", node: login.host, title, instruction: "", prompts: [{ text, echo: false }] });
}

function secret(asked: Asked): SshQuestion {
  return { asked, acceptance: null };
}

// db-1, [db-1]:2222
function addressOf(name: string): string {
  const withPort = /^\[(.+)\]:(\d+)$/.exec(name);
  return withPort === null ? `${name}:22` : `${withPort[1] ?? ""}:${withPort[2] ?? ""}`;
}

function nodeAt(address: string, login: ResolvedLogin): string {
  const hop = login.jumps.find(
    ({ hostName, port, host }) => address === `${hostName}:${port}` || address.startsWith(`${host}:`),
  );
  return hop?.host ?? login.host;
}

/**
 * Who asks for a password is told without its port, in lower case, and by some versions cut off: `%.30s@%.128s`. Of several of one name it
 * is the first that is not logged in; null where it is none.
 */
function hopOf(asking: string, login: ResolvedLogin, hopsThrough: number): Pick<ResolvedLogin, "host" | "user"> | null {
  const at = asking.lastIndexOf("@");
  const [user, name] = [asking.slice(0, at), asking.slice(at + 1).toLowerCase()];
  const way = [...login.jumps, login];
  const named = way.filter(
    (hop) =>
      [hop.user, hop.user.slice(0, 30)].includes(user) &&
      [hop.hostName, hop.host, hop.hostKeyAlias ?? ""].some(
        (one) => one.toLowerCase().slice(0, 128) === name.slice(0, 128),
      ),
  );
  const target = areNamesKnown(login) ? null : { host: login.host, user };
  return named.find((hop) => way.indexOf(hop) >= hopsThrough) ?? named[0] ?? target;
}

/** Where only ssh itself decides what of the config counts, it may reach a host by another name and as another user than are known here. */
function areNamesKnown({ needsSystemSsh: need }: ResolvedLogin): boolean {
  return need?.kind !== "setting" || !(need.keyword === "CanonicalizeHostname" || need.keyword.startsWith("Match "));
}
