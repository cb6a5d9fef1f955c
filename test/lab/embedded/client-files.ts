import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EmbeddedNode } from "./node-layout";

/** The key of the person at the desktop, in a directory of the client's own. */
export interface ClientKey {
  readonly path: string;
  readonly publicLine: string;
}

/** Makes the key pair that may log in to the nodes. */
export function makeClientKey(directory: string): ClientKey {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, "id_ed25519");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "evenkeel-lab", "-f", path]);
  return { path, publicLine: readFileSync(`${path}.pub`, "utf8").trim() };
}

/** Writes the ssh_config by which the nodes are reached, complete, so that the person's own never mixes in. */
export function writeSshConfig(
  path: string,
  nodes: readonly EmbeddedNode[],
  key: ClientKey,
  knownHostsPath: string,
): void {
  const hosts = nodes.map((node) =>
    [
      `Host ${node.name}`,
      `  HostName ${node.address}`,
      `  Port ${node.sshPort}`,
      `  User ${node.account}`,
      `  IdentityFile ${key.path}`,
      "  IdentitiesOnly yes",
      "  IdentityAgent none",
      `  UserKnownHostsFile ${knownHostsPath}`,
      "  GlobalKnownHostsFile /dev/null",
      "  UpdateHostKeys no",
      "  StrictHostKeyChecking ask",
      "",
    ].join("\n"),
  );
  writeFileSync(path, hosts.join("\n"));
}

/** Writes the host keys as already known, or none, so that the client has to ask. */
export function writeKnownHosts(
  path: string,
  keys: readonly { readonly node: EmbeddedNode; readonly hostKeys: readonly string[] }[],
): void {
  const lines = keys.flatMap(({ node, hostKeys }) =>
    hostKeys.map((key) => `[${node.address}]:${node.sshPort} ${key}\n`),
  );
  writeFileSync(path, lines.join(""), { mode: 0o600 });
}
