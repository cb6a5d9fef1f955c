import { execFileSync } from "node:child_process";
import { appendFileSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { EmbeddedCluster } from "../lab/embedded/embedded-cluster";
import { serverOf } from "../lab/embedded/postmaster";

export const victim = "keel-3";

/** What can be wrong with one node of a real cluster, made so and taken back. */
export interface Trouble {
  /** An ssh_config of its own; whatever is wrong with the way to the node stands there. */
  readonly config: string;
  /** Lines of the victim's own, which win. */
  configure(...lines: string[]): void;
  /** The victim is logged in to with this key and no other. */
  useKey(path: string): void;
  /** A key that no node knows. */
  strangerKey(): string;
  /** The key that every node takes, under the passphrase "open sesame". */
  lockedKey(): string;
  /** The victim is known by another key than the one it shows; gives that key and the file that says so. */
  changeHostKey(): { readonly key: string; readonly knownHosts: string };
  /** Whom the victim's PostgreSQL lets in. */
  useHostRules(text: string): void;
  /** The victim's server is stopped in mid-air. */
  hang(): void;
  /** The login shell of the nodes' account; as root only, where the account is the nodes' own. */
  useShell(shell: string): void;
  /** A file of the nodes' account. */
  write(file: string, text: string): void;
  /** Taken back together with the rest. */
  later(undo: () => void | Promise<void>): void;
  takeBack(): Promise<void>;
}

export function makeTrouble(lab: EmbeddedCluster, directory: string): Trouble {
  const config = join(directory, "ssh_config");
  const own = lab.nodes[2];
  const undo: (() => void | Promise<void>)[] = [];
  const asItWas = (): void => writeFileSync(config, readFileSync(lab.sshConfigPath, "utf8"));
  asItWas();

  function configure(...lines: string[]): void {
    const text = readFileSync(config, "utf8");
    writeFileSync(config, `Host ${victim}\n${lines.map((line) => `  ${line}\n`).join("")}\n${text}`);
  }

  function makeKey(name: string): string {
    const path = join(directory, name);
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path]);
    undo.push(() => rmSync(path));
    return path;
  }

  return {
    config,
    configure,
    useKey: (path) => {
      // ssh_config adds identity files up, so the right one is taken out of the victim's block, which stands last.
      const text = readFileSync(config, "utf8");
      const from = text.lastIndexOf(`Host ${victim}\n`);
      const block = text.slice(from).replace(`IdentityFile ${lab.identityFile}\n`, `IdentityFile ${path}\n`);
      writeFileSync(config, text.slice(0, from) + block);
    },
    strangerKey: () => makeKey("stranger"),
    lockedKey: () => {
      const path = join(directory, "locked");
      execFileSync("cp", [lab.identityFile, path]);
      undo.push(() => rmSync(path));
      execFileSync("ssh-keygen", ["-q", "-p", "-f", path, "-P", "", "-N", "open sesame"]);
      return path;
    },
    changeHostKey: () => {
      const key = readFileSync(`${makeKey("other")}.pub`, "utf8")
        .split(" ")
        .slice(0, 2)
        .join(" ");
      const name = `[${own.address}]:${own.sshPort}`;
      const lines = readFileSync(lab.knownHostsPath, "utf8").split("\n");
      const knownHosts = join(directory, "known_hosts");
      const others = lines.filter((line) => line !== "" && !line.includes(`${name} `));
      writeFileSync(knownHosts, [...others, `${name} ${key}`, ""].join("\n"));
      configure(`UserKnownHostsFile ${knownHosts}`);
      return { key, knownHosts };
    },
    useHostRules: (text) => {
      const rules = join(own.dataDirectory, "pg_hba.conf");
      const before = readFileSync(rules, "utf8");
      const put = (rulesNow: string): void => {
        writeFileSync(rules, rulesNow);
        process.kill(serverOf(own.dataDirectory)?.postmaster ?? 0, "SIGHUP");
      };
      put(text);
      undo.push(() => put(before));
    },
    hang: () => {
      lab.hang(victim);
      undo.push(() => lab.resume(victim));
    },
    useShell: (shell) => {
      const passwd = join(lab.directory, "passwd");
      const before = readFileSync(passwd, "utf8");
      writeFileSync(passwd, before.replace(/^(keel:.*:)[^:\n]*$/m, `$1${shell}`));
      undo.push(() => writeFileSync(passwd, before));
    },
    write: (file, text) => {
      const path = join(lab.directory, "home", file);
      execFileSync("mkdir", ["-p", dirname(path)]);
      appendFileSync(path, text);
      undo.push(() => rmSync(path));
    },
    later: (one) => void undo.push(one),
    takeBack: async () => {
      asItWas();
      for (const one of undo.splice(0).reverse()) await one();
    },
  };
}
