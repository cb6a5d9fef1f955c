import { spawn } from "node:child_process";
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "../../contract/inventory";
import { systemSshd } from "../lab/sshd";
import { hostLines, kindOf, makeWorld, type World } from "./transport-world";

const limits = { deadlineMs: 10_000, maxBytes: 100_000 };

describe.skipIf(systemSshd() === null && process.env.CI !== "true")("the system's ssh", () => {
  let world: World;

  beforeAll(async () => {
    world = await makeWorld();
  });
  afterAll(() => world.close());

  const directories = (): readonly string[] =>
    readdirSync(world.directory).filter((name) => /^evenkeel-ssh-/.test(name));

  /** Process groups of all masters that were started below the world, as they wrote them down. */
  const masters = (): readonly number[] =>
    directories().flatMap((name) =>
      readdirSync(join(world.directory, name)).flatMap((connection) => {
        const group = Number(textOf(join(world.directory, name, connection, "pid")));
        return group > 0 ? [group] : [];
      }),
    );

  /** Whether any process of the group still lives; one that only waits to be buried does not. */
  const isThere = (group: number): boolean =>
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .some((pid) => {
        const [state, , its] = statOf(pid).split(" ");
        return state !== undefined && state !== "Z" && Number(its) === group;
      });

  // 4711 (sh) S 1 4711 4711 …
  const statOf = (pid: string): string => textOf(`/proc/${pid}/stat`).replace(/^.*\) /s, "");

  /** Empty where it is gone by now. */
  const textOf = (path: string): string => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return "";
    }
  };

  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) await pause(20);
  };

  /** A ProxyCommand that takes no hint to go. */
  const tunnel = (): string => {
    const path = join(world.scratch(), "tunnel");
    const text = `trap '' TERM HUP INT; exec "$0" -e 'const s = require("net").connect(process.argv[2], process.argv[1]); process.on("SIGTERM", () => 0); process.stdin.pipe(s); s.pipe(process.stdout); setInterval(() => 0, 1000)' "$@"`;
    writeFileSync(
      path,
      `#!/bin/sh\nset -- "$@"\nnode=${process.execPath}\nexec /bin/sh -c '${text.replaceAll("'", `'\\''`)}' "$node" "$@"\n`,
    );
    chmodSync(path, 0o755);
    return `${path} %h %p`;
  };

  it("leaves no process, socket or file behind when it is closed, whatever it had started", async () => {
    const { node, access } = world.reach("system", hostLines(world, "plain", [`ProxyCommand ${tunnel()}`]));
    await node.ready();
    const groups = masters();
    expect(groups.map(isThere)).toEqual([true]);
    await access.close();
    expect(groups.map(isThere)).toEqual([false]);
    expect(directories()).toEqual([]);
  });

  it("leaves nothing behind when the core is killed, logged in or waiting for an answer", async () => {
    const configPath = join(world.scratch(), "config");
    const [unknown, own] = [join(world.scratch(), "known_hosts"), join(world.scratch(), "known_hosts")];
    const known = [`UserKnownHostsFile ${own}`, "StrictHostKeyChecking accept-new"];
    const shared = ["GlobalKnownHostsFile none", `IdentityFile ${world.key("id")}`, "IdentitiesOnly yes"];
    writeFileSync(
      configPath,
      [
        ...hostLines(world, "plain", known, "held"),
        ...hostLines(world, "plain", [`ProxyCommand ${tunnel()}`, ...known], "through"),
        ...hostLines(world, "other", [`UserKnownHostsFile ${unknown}`, "StrictHostKeyChecking ask"], "asked"),
        "Host *",
        ...shared.map((line) => `  ${line}`),
        "",
      ].join("\n"),
    );
    const program = join(import.meta.dirname, "system-ssh-core.ts");
    const core = spawn(
      process.execPath,
      ["--import", "tsx", program, configPath, world.directory, "held", "through", "asked"],
      {
        cwd: resolve(import.meta.dirname, "../.."),
        stdio: ["ignore", "inherit", "inherit"],
      },
    );
    // Two control sockets and, of the third, the pipe its question is answered through.
    const files = (): readonly string[] =>
      directories().flatMap((name) =>
        readdirSync(join(world.directory, name)).flatMap((one) => readdirSync(join(world.directory, name, one))),
      );
    await until(
      () => files().filter((name) => name === "c").length === 2 && files().some((name) => name.endsWith(".answer")),
    );
    const groups = masters();
    expect(groups.map(isThere)).toEqual([true, true, true]);
    core.kill("SIGKILL");
    await until(() => !groups.some(isThere) && directories().length === 0);
  });

  it("takes a hostile host name, account or file for no option, no command and no line of a config", async () => {
    const { access } = world.reach("system", hostLines(world, "plain"));
    const mark = join(world.directory, "hostile");
    const hosts = [
      `-oProxyCommand=touch ${mark}`,
      `-oProxyCommand=touch\${IFS}${mark}`,
      `node -oProxyCommand=touch ${mark}`,
      `node\nProxyCommand touch ${mark}`,
      `$(touch ${mark})`,
      `node;touch ${mark}`,
      "",
    ];
    const users = [
      `-oProxyCommand=touch ${mark}`,
      `$(touch ${mark})`,
      `a\nProxyCommand touch ${mark}`,
      `a;touch ${mark}`,
    ];
    const kinds: string[] = [];
    for (const [at, host] of hosts.entries()) {
      access.know(`host-${at}`, { host, transport: "system" });
      kinds.push(await kindOf(access.node(`host-${at}`).ready()));
    }
    for (const [at, user] of users.entries()) {
      access.know(`user-${at}`, { host: "node", user, transport: "system" });
      kinds.push(await kindOf(access.node(`user-${at}`).ready()));
    }
    access.know("file", { host: "node", identityFile: `/x"\nProxyCommand touch ${mark}`, transport: "system" });
    kinds.push(await kindOf(access.node("file").ready()));
    expect(new Set(kinds)).toEqual(new Set(["config-unreadable", "key-unreadable"]));
    expect(existsSync(mark)).toBe(false);
  });

  it("logs in with a key file whose name has blanks", async () => {
    const path = join(world.scratch(), "a key");
    writeFileSync(path, readFileSync(world.key("ecdsa")), { mode: 0o600 });
    const { node } = world.reach("system", hostLines(world, "plain"), { login: { identityFile: path } });
    expect((await node.run({ argv: ["echo", "in"] }, limits)).stdout).toBe("in\n");
  });

  it("says why there is no usable ssh on this desktop", async () => {
    const old = world.scratch();
    writeFileSync(join(old, "ssh"), "#!/bin/sh\necho 'OpenSSH_8.4p1 Debian-5, OpenSSL 1.1.1n' >&2\n", { mode: 0o755 });
    const told = async (options: Parameters<World["reach"]>[2]): Promise<string> => {
      const { node } = world.reach("system", hostLines(world, "plain"), options);
      return node.ready().then(() => "", String);
    };
    expect(await told({ platform: "win32" })).toMatch(/system-ssh-unavailable.*ssh\/system-ssh\.windows/);
    expect(await told({ environment: { PATH: "/nowhere" } })).toMatch(
      /system-ssh-unavailable.*ssh\/system-ssh\.missing/,
    );
    expect(await told({ environment: { PATH: `${old}:/usr/bin:/bin` } })).toMatch(
      /system-ssh-unavailable.*ssh\/system-ssh\.old.*8\.5/,
    );
  });

  it("gives up a config that never comes to an end", async () => {
    const lines = ['Match exec "sleep 60"', "  Port 1", ...hostLines(world, "plain")];
    const { node } = world.reach("system", lines);
    expect(await kindOf(node.ready())).toBe("deadline");
  });

  it("withdraws its question when the host is forgotten, and stops no password for it", async () => {
    const asked: AbortSignal[] = [];
    const { node, access } = world.reach("system", hostLines(world, "plain"), {
      login: { identityFile: world.key("locked") },
      ask: (_question, signal) =>
        new Promise<Answer>((answer) => {
          if (signal === undefined) return;
          asked.push(signal);
          signal.addEventListener("abort", () => answer({ kind: "refuse" }), { once: true });
        }),
    });
    const ready = kindOf(node.ready());
    await until(() => asked.length === 1);
    const groups = masters();
    await access.forget("node");
    expect(await ready).toBe("closed");
    expect(asked.map(({ aborted }) => aborted)).toEqual([true]);
    await until(() => masters().filter((group) => groups.includes(group)).length < groups.length);
  });
});
