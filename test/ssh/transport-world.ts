import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, constants, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { Answer, Login } from "../../contract/inventory";
import { systemClock } from "../../main/clock";
import type { Access, NodeAccess } from "../../main/ssh/access";
import type { Asker } from "../../main/ssh/asker";
import { hostKeyCheck } from "../../main/ssh/host-keys";
import { hasTicket } from "../../main/ssh/kerberos-ticket";
import { createAccess } from "../../main/ssh/pool";
import { resolveLogin } from "../../main/ssh/resolve-login";
import { readSshConfig } from "../../main/ssh/ssh-config";
import { withSecurityKeys } from "../../main/ssh/security-keys";
import { SshError } from "../../main/ssh/ssh-error";
import { createSystemSsh } from "../../main/ssh/system-ssh";
import { freePort } from "../lab/free-port";
import { startSshd, type Sshd } from "../lab/sshd";

export type Transport = "built-in" | "system" | "auto";
type Asked = Parameters<Asker["ask"]>[0];

export interface Reached {
  readonly node: NodeAccess;
  readonly access: Access;
  readonly asked: Asked[];
}

/** Servers, relays and keys that all cases share; `scratch` gives each case files of its own. */
export interface World {
  readonly directory: string;
  readonly servers: Readonly<Record<ServerName, Sshd>>;
  /** Answers with 64 KiB pieces of what it was sent, over TCP and over a Unix socket. */
  readonly echo: { readonly port: number; readonly path: string };
  /** A script that waits for ever and takes no processor for it; the world's end lets it go. */
  readonly blocking: string;
  readonly key: (name: KeyName) => string;
  /** A name nobody used before; also the name of a directory made for it. */
  scratch(): string;
  /** A host by the lines of an ssh_config; the alias is `node`. */
  reach(transport: Transport, config: readonly string[], options?: ReachOptions): Reached;
  /** Ends every connection that was made. */
  closeAll(): Promise<void>;
  close(): Promise<void>;
}

export interface ReachOptions {
  readonly answer?: (asked: Asked) => Answer;
  /** In place of `answer`. */
  readonly ask?: Asker["ask"];
  readonly platform?: NodeJS.Platform;
  readonly login?: Omit<Login, "host">;
  readonly environment?: Readonly<Record<string, string>>;
}

export const serverNames = ["plain", "noisy", "single", "ending", "old", "other"] as const;
export type ServerName = (typeof serverNames)[number];
export const keyNames = ["id", "locked", "stranger", "ecdsa", "rsa"] as const;
export type KeyName = (typeof keyNames)[number];

const configOf: Readonly<Record<ServerName, readonly string[]>> = {
  plain: [],
  noisy: [`ForceCommand /bin/sh -c 'echo "Welcome, $USER"; echo noise >&2; eval "$SSH_ORIGINAL_COMMAND"'`],
  single: ["MaxSessions 1"],
  ending: ["ForceCommand /bin/sh -c 'echo this account is closed >&2; exit 1'"],
  old: ["KexAlgorithms diffie-hellman-group1-sha1"],
  other: [],
};

export async function makeWorld(): Promise<World> {
  const directory = mkdtempSync(join(tmpdir(), "evenkeel-both-"));
  for (const name of keyNames) {
    const type = name === "ecdsa" || name === "rsa" ? name : "ed25519";
    const passphrase = name === "locked" ? "open sesame" : "";
    execFileSync("ssh-keygen", ["-q", "-t", type, "-N", passphrase, "-a", "4", "-f", join(directory, name)]);
  }
  const publicKey = (name: KeyName): string => readFileSync(join(directory, `${name}.pub`), "utf8").trim();
  const authorizedKeys = keyNames.filter((name) => name !== "stranger").map(publicKey);
  const servers: Partial<Record<ServerName, Sshd>> = {};
  for (const name of serverNames)
    servers[name] = await startSshd({
      directory: join(directory, name),
      address: "127.0.0.1",
      port: await freePort(["127.0.0.1"]),
      authorizedKeys,
      config: configOf[name],
    });
  const echo = await startEcho(join(directory, "echo.sock"));
  const gate = join(directory, "gate");
  execFileSync("mkfifo", [gate]);
  const opened: Access[] = [];
  let lastScratch = 0;

  const closeAll = async (): Promise<void> => void (await Promise.all(opened.map((access) => access.close())));
  const scratch = (): string => {
    lastScratch += 1;
    const path = join(directory, `scratch-${lastScratch}`);
    mkdirSync(path);
    return path;
  };
  return {
    directory,
    servers: servers as Record<ServerName, Sshd>,
    echo,
    blocking: `read -r line <${gate}`,
    key: (name) => join(directory, name),
    scratch,
    reach: (transport, config, options = {}) => {
      const configPath = join(scratch(), "config");
      const standard = [
        "Host *",
        `  User ${userInfo().username}`,
        "  IdentitiesOnly yes",
        "  IdentityAgent none",
        ...(options.login?.identityFile === undefined ? [`  IdentityFile ${join(directory, "id")}`] : []),
        "  StrictHostKeyChecking accept-new",
        `  UserKnownHostsFile ${join(directory, "known_hosts")}`,
        "  GlobalKnownHostsFile none",
        "  ConnectTimeout 5",
      ];
      writeFileSync(configPath, `${[...config, ...standard].join("\n")}\n`);
      const environment = { ...process.env, ...options.environment };
      const desktop = { homeDirectory: directory, user: userInfo().username, environment };
      const asked: Asked[] = [];
      const answer = options.answer ?? ((): Answer => ({ kind: "refuse" }));
      const access = createAccess({
        clock: systemClock,
        random: () => 0.5,
        newNonce: randomUUID,
        asker: { ask: options.ask ?? ((question) => (asked.push(question), Promise.resolve(answer(question)))) },
        hostKeys: hostKeyCheck,
        resolve: async (login) => withSecurityKeys(resolveLogin(await readSshConfig(configPath, desktop), login)),
        hasTicket: () => hasTicket(environment),
        systemSsh: createSystemSsh({
          configFiles: [configPath],
          runtimeDirectory: directory,
          environment,
          platform: options.platform ?? process.platform,
        }),
      });
      opened.push(access);
      access.know("node", { host: "node", transport, ...options.login });
      return { node: access.node("node"), access, asked };
    },
    closeAll,
    close: async () => {
      await closeAll();
      // Who waits for a writer sees one, and then its end.
      closeSync(openSync(gate, constants.O_RDWR));
      echo.close();
      for (const server of Object.values(servers)) await server.stop();
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** The lines that make `node` one of the servers. */
export function hostLines(world: World, server: ServerName, lines: readonly string[] = [], alias = "node"): string[] {
  return [
    `Host ${alias}`,
    "  HostName 127.0.0.1",
    `  Port ${world.servers[server].port}`,
    ...lines.map((line) => `  ${line}`),
  ];
}

export function kindOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "no error",
    (error: unknown) => (error instanceof SshError ? error.kind : String(error)),
  );
}

async function startEcho(path: string): Promise<World["echo"] & { close(): void }> {
  const sockets: Socket[] = [];
  const serve = (): Server =>
    createServer({ allowHalfOpen: true }, (socket) => {
      sockets.push(socket);
      socket.on("error", () => socket.destroy());
      socket.pipe(socket);
    });
  const [overTcp, overUnix] = [serve(), serve()];
  await new Promise<void>((resolve) => overTcp.listen(0, "127.0.0.1", resolve));
  await new Promise<void>((resolve) => overUnix.listen(path, resolve));
  const bound = overTcp.address();
  return {
    port: bound !== null && typeof bound === "object" ? bound.port : 0,
    path,
    close: () => {
      for (const socket of sockets) socket.destroy();
      overTcp.close();
      overUnix.close();
    },
  };
}
