import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ClientKey } from "../embedded/client-files";
import { hostKeyOf } from "./host";
import type { HostRecord } from "./labs";

/** Writes the known host keys and, for each account, an ssh_config that is complete, so that the person's own never mixes in. */
export function writeSshFiles(
  lab: { readonly directory: string; readonly hosts: readonly HostRecord[] },
  key: ClientKey,
): void {
  const knownHosts = join(lab.directory, "known_hosts");
  writeFileSync(knownHosts, lab.hosts.map((host) => `${host.address} ${hostKeyOf(lab, host)}\n`).join(""), {
    mode: 0o600,
  });
  for (const [file, user] of [
    ["ssh_config", "root"],
    ["ssh_config_admin", "admin"],
  ] as const) {
    const entries = lab.hosts.map(({ name, address }) =>
      [
        `Host ${name}`,
        `  HostName ${address}`,
        `  User ${user}`,
        `  IdentityFile ${key.path}`,
        "  IdentitiesOnly yes",
        "  IdentityAgent none",
        `  UserKnownHostsFile ${knownHosts}`,
        "  GlobalKnownHostsFile /dev/null",
        "  UpdateHostKeys no",
        "",
      ].join("\n"),
    );
    writeFileSync(join(lab.directory, file), entries.join("\n"));
  }
}
