import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../main/clock";
import type { Access, NodeAccess } from "../../main/ssh/access";
import type { Given } from "../../main/ssh/asker";
import { hostKeyCheck } from "../../main/ssh/host-keys";
import { createAccess } from "../../main/ssh/pool";
import type { ResolvedLogin } from "../../main/ssh/resolved-login";
import { SshError } from "../../main/ssh/ssh-error";
import { freePort } from "../lab/free-port";
import { startSshd, systemSshd, type Sshd } from "../lab/sshd";

export const cannotRun = systemSshd() === null && process.env.CI !== "true";

/** A directory with a key, and real OpenSSH servers that let it in. */
export interface RealSsh {
  readonly directory: string;
  readonly key: string;
  sshd(config?: readonly string[]): Promise<Sshd>;
  login(port: number, change?: Partial<ResolvedLogin>): ResolvedLogin;
  /** An access of its own with one node, `node`, or with many that share the login. */
  access(login: ResolvedLogin, answer?: Given, nodes?: readonly string[]): { access: Access; asked: string[] };
  node(login: ResolvedLogin, answer?: Given): NodeAccess;
  close(): Promise<void>;
}

export function realSsh(): RealSsh {
  const directory = mkdtempSync(join(tmpdir(), "evenkeel-ssh-"));
  const key = join(directory, "id");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  const servers: Sshd[] = [];
  const opened: Access[] = [];

  const login: RealSsh["login"] = (port, change = {}) => ({
    host: "node",
    hostName: "127.0.0.1",
    port,
    user: userInfo().username,
    identityFiles: [key],
    areIdentitiesNamed: true,
    identitiesOnly: true,
    identityAgent: null,
    userKnownHostsFiles: [join(directory, "known_hosts")],
    globalKnownHostsFiles: [],
    hostKeyAlias: null,
    strictHostKeyChecking: "accept-new",
    hashKnownHosts: true,
    mayUseTicket: false,
    connectTimeoutMs: 5_000,
    jumps: [],
    needsSystemSsh: null,
    ...change,
  });
  const access: RealSsh["access"] = (resolved, answer = { kind: "refuse" }, nodes = ["node"]) => {
    const asked: string[] = [];
    const made = createAccess({
      clock: systemClock,
      random: Math.random,
      newNonce: randomUUID,
      asker: { ask: (question) => (asked.push(question.kind), Promise.resolve(answer)) },
      hostKeys: hostKeyCheck,
      resolve: () => Promise.resolve(resolved),
    });
    opened.push(made);
    for (const node of nodes) made.know(node, { host: node });
    return { access: made, asked };
  };
  return {
    directory,
    key,
    login,
    access,
    sshd: async (config = []) => {
      const sshd = await startSshd({
        address: "127.0.0.1",
        authorizedKeys: [readFileSync(`${key}.pub`, "utf8").trim()],
        directory: join(directory, `sshd-${servers.length}`),
        port: await freePort(["127.0.0.1"]),
        config,
      });
      servers.push(sshd);
      return sshd;
    },
    node: (resolved, answer) => access(resolved, answer).access.node("node"),
    close: async () => {
      await Promise.all(opened.map((one) => one.close()));
      await Promise.all(servers.map((one) => one.stop()));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export const kindOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "no error",
    (error: unknown) => (error instanceof SshError ? error.kind : String(error)),
  );
