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
  const password = /^(\S+?)@(\S+)'s password: ?$/.exec(prompt);
  if (password !== null) {
    const [, user = "", name = ""] = password;
    return secret({ kind: "password", node: nodeOf(user, name, login, hopsThrough), user, attempt });
  }
  const served = /^\((\S+)\) ([\s\S]*)$/.exec(prompt);
  const [title, text] = served === null ? ["", prompt] : [served[1] ?? "", served[2] ?? ""];
  if (served !== null && /^password(?: for \S+)?: ?$/i.test(text)) {
    const at = title.lastIndexOf("@");
    const [user, name] = [title.slice(0, at), title.slice(at + 1)];
    return secret({ kind: "password", node: nodeOf(user, name, login, hopsThrough), user, attempt });
  }
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

/** Who asks for a password is told without its port; of several of one name it is the first that is not logged in. */
function nodeOf(user: string, name: string, login: ResolvedLogin, hopsThrough: number): string {
  const way = [...login.jumps, login];
  const named = way.filter((hop) => hop.user === user && [hop.hostName, hop.host, hop.hostKeyAlias].includes(name));
  return (named.find((hop) => way.indexOf(hop) >= hopsThrough) ?? named[0] ?? login).host;
}
