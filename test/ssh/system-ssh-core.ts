import { randomUUID } from "node:crypto";
import { homedir, userInfo } from "node:os";
import { systemClock } from "../../main/clock";
import { hostKeyCheck } from "../../main/ssh/host-keys";
import { createAccess } from "../../main/ssh/pool";
import { resolveLogin } from "../../main/ssh/resolve-login";
import { readSshConfig } from "../../main/ssh/ssh-config";
import { createSystemSsh } from "../../main/ssh/system-ssh";

/** A core of its own to be killed: `<config> <runtime directory> <alias>…`. It says `ready` when every host is reached, and stays. */
const [configPath = "", runtimeDirectory = "", ...aliases] = process.argv.slice(2);
const desktop = { homeDirectory: homedir(), user: userInfo().username, environment: process.env };
const access = createAccess({
  clock: systemClock,
  random: Math.random,
  newNonce: randomUUID,
  asker: { ask: () => new Promise(() => undefined) },
  hostKeys: hostKeyCheck,
  resolve: async (login) => resolveLogin(await readSshConfig(configPath, desktop), login),
  systemSsh: createSystemSsh({
    configFiles: [configPath],
    runtimeDirectory,
    environment: process.env,
    platform: process.platform,
  }),
});
await Promise.all(
  aliases.map(async (alias) => {
    access.know(alias, { host: alias, transport: "system" });
    await access.node(alias).ready();
  }),
);
process.stdout.write("ready\n");
