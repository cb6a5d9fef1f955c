import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../main/clock";
import { parseInfo } from "../../main/probe/parse/redis-info";
import type { RedisCall } from "../../main/probe/probe";
import { createWire, OutcomeUnknown, type Wire } from "../../main/probe/wire/wire";
import type { Access, NodeAccess } from "../../main/ssh/access";
import { hostKeyCheck } from "../../main/ssh/host-keys";
import { createAccess } from "../../main/ssh/pool";
import { freePort } from "../lab/free-port";
import { startRedis, systemRedis, type RedisProcess } from "../lab/redis-process";
import { startSshd, systemSshd, type Sshd } from "../lab/sshd";

const missing = process.env.CI === "true" ? null : systemRedis() === null || systemSshd() === null;

describe.skipIf(missing === true)("calls to a real redis-server behind a real sshd", () => {
  let directory: string;
  let sshd: Sshd;
  let access: Access;
  let node: NodeAccess;
  let open: RedisProcess;
  let locked: RedisProcess;
  let wire: Wire;
  const accepted: string[] = [];
  const refused: string[] = [];
  const passwords = new Map([["default", "rightpw"]]);

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "evenkeel-redis-"));
    const key = join(directory, "id");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
    sshd = await startSshd({
      directory: join(directory, "sshd"),
      address: "127.0.0.1",
      port: await freePort(["127.0.0.1"]),
      authorizedKeys: [readFileSync(`${key}.pub`, "utf8").trim()],
    });
    open = await startRedis(join(directory, "open"), await freePort(["127.0.0.1"]));
    locked = await startRedis(join(directory, "locked"), await freePort(["127.0.0.1"]), ["--requirepass", "rightpw"]);
    locked.cli("-a", "rightpw", "ACL", "SETUSER", "reader", "on", ">readerpw", "+info", "+ping", "~*");
    access = createAccess({
      clock: systemClock,
      random: Math.random,
      newNonce: () => "0123456789abcdef0123456789abcdef",
      asker: { ask: () => Promise.resolve({ kind: "refuse" }) },
      hostKeys: hostKeyCheck,
      resolve: () =>
        Promise.resolve({
          host: "node",
          hostName: "127.0.0.1",
          port: sshd.port,
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
        }),
    });
    access.know("node", { host: "node" });
    node = access.node("node");
    await node.ready();
    wire = createWire({
      password: (_, { user }) => Promise.resolve(passwords.get(user) ?? null),
      accepted: (_, { user }) => void accepted.push(user),
      refused: (_, { user }) => void refused.push(user),
    });
  });

  afterAll(async () => {
    wire.close();
    await access.close();
    await open.stop();
    await locked.stop();
    await sshd.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  function call(port: number, command: RedisCall["command"], user = "", deadlineMs = 3_000): Promise<string> {
    const login = { target: { kind: "tcp", host: "127.0.0.1", port }, user } as const;
    return wire.call(node, { kind: "redis", login, command }, deadlineMs);
  }

  it("gives every kind of reply as JSON: text, numbers, nothing, lists within lists, errors", async () => {
    expect(await call(open.port, ["SET", "key", "Größe\r\n\u0000 *1"])).toBe('"OK"');
    expect(JSON.parse(await call(open.port, ["GET", "key"]))).toBe("Größe\r\n\u0000 *1");
    expect(await call(open.port, ["GET", "none"])).toBe("null");
    expect(await call(open.port, ["DBSIZE"])).toBe("1");
    expect(JSON.parse(await call(open.port, ["ROLE"]))).toEqual(["master", 0, []]);
    expect(JSON.parse(await call(open.port, ["CLUSTER", "NODES"]))).toEqual({
      error: "ERR This instance has cluster support disabled",
    });
  });

  it("answers twenty calls sent at once on one connection, each with its own reply", async () => {
    const numbers = Array.from({ length: 20 }, (_, at) => String(at));
    expect(await Promise.all(numbers.map((number) => call(open.port, ["ECHO", number])))).toEqual(
      numbers.map((number) => JSON.stringify(number)),
    );
    const clients = await call(open.port, ["CLIENT", "LIST"]);
    expect((JSON.parse(clients) as string).trim().split("\n")).toHaveLength(1);
  });

  it("reads INFO of this version", async () => {
    const info = parseInfo(await call(open.port, ["INFO"]));
    expect(info).toMatchObject({ mode: "standalone", port: open.port, processId: open.pid, keyCount: 1 });
    expect(info.replication).toMatchObject({ role: "master", replicas: [] });
  });

  it("logs in where a password is wanted, and as an ACL user who may not do everything", async () => {
    expect(await call(locked.port, ["PING"])).toBe('"PONG"');
    expect([accepted, refused]).toEqual([["default"], []]);
    passwords.set("reader", "readerpw");
    expect(parseInfo(await call(locked.port, ["INFO"], "reader")).port).toBe(locked.port);
    await expect(call(locked.port, ["DBSIZE"], "reader")).rejects.toMatchObject({ kind: "permission-denied" });
  });

  it("logs an ACL user in also where the default user needs no password", async () => {
    open.cli("ACL", "SETUSER", "guest", "on", ">guestpw", "+ping", "+acl|whoami");
    passwords.set("guest", "guestpw");
    expect(await call(open.port, ["ACL", "WHOAMI"], "guest")).toBe('"guest"');
  });

  it("says that a password is missing, and that one was refused, once and for all", async () => {
    await expect(call(locked.port, ["PING"], "nobody")).rejects.toMatchObject({ kind: "password-missing" });
    passwords.set("stranger", "wrong");
    await expect(call(locked.port, ["PING"], "stranger")).rejects.toMatchObject({ kind: "login-refused" });
    expect(refused).toEqual(["stranger"]);
  });

  it("says that a server has no connection left", async () => {
    const small = await startRedis(join(directory, "small"), await freePort(["127.0.0.1"]), ["--maxclients", "1"]);
    const holder = connect(small.port, "127.0.0.1");
    await new Promise((resolve) => holder.once("connect", resolve));
    await expect(call(small.port, ["PING"])).rejects.toMatchObject({ kind: "too-many-clients" });
    holder.destroy();
    await small.stop();
  });

  it("calls a hung server silent for every call that waits, never lost, and works again once it goes on", async () => {
    await call(open.port, ["PING"]);
    process.kill(open.pid, "SIGSTOP");
    try {
      const waiting = ["one", "two"].map((word) => call(open.port, ["ECHO", word], "", 700));
      for (const one of waiting) {
        const error: unknown = await one.catch((problem: unknown) => problem);
        expect(error).toBeInstanceOf(OutcomeUnknown);
        expect((error as OutcomeUnknown).problem).toMatchObject({ kind: "silent" });
      }
      await expect(call(open.port, ["PING"], "", 700)).rejects.toMatchObject({ kind: "silent" });
    } finally {
      process.kill(open.pid, "SIGCONT");
    }
    expect(await call(open.port, ["PING"])).toBe('"PONG"');
  });

  it("knows nothing of a command whose connection is cut before the answer", async () => {
    const { relay, port, cut } = await cutAfter(open.port);
    await call(port, ["PING"]);
    const sent = call(port, ["BLPOP", "nothing", "1"]).catch((problem: unknown) => problem);
    await new Promise((resolve) => setTimeout(resolve, 100));
    cut();
    const error = await sent;
    expect(error).toBeInstanceOf(OutcomeUnknown);
    expect((error as OutcomeUnknown).problem).toMatchObject({ kind: "connection-lost" });
    relay.close();
  });

  it("knows nothing of a command whose answer, or the answer before it, is no RESP", async () => {
    const taken: string[] = [];
    // A fake: no Redis answers so.
    const server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.on("data", (asked) => {
        taken.push(String(asked));
        socket.write(taken.length === 1 ? "+PONG\r\n" : "OK\r\n");
      });
    });
    const port = await listening(server);
    const sent = (["ECHO", "FAILOVER"] as const).map((word) => call(port, [word]).catch((problem: unknown) => problem));
    for (const error of await Promise.all(sent)) {
      expect(error).toBeInstanceOf(OutcomeUnknown);
      expect((error as OutcomeUnknown).problem).toMatchObject({ kind: "garbled" });
    }
    expect(taken.join("")).toContain("FAILOVER");
    server.close();
  });

  it("refuses what is not RESP", async () => {
    const { server, port } = await babbler("SSH-2.0-OpenSSH_9.2\r\n");
    await expect(call(port, ["PING"])).rejects.toMatchObject({ kind: "garbled" });
    server.close();
  });
});

/** A relay to a port whose connections can be cut. A fake of a broken network between node and server. */
async function cutAfter(to: number): Promise<{ relay: Server; port: number; cut: () => void }> {
  const sockets: Socket[] = [];
  const relay = createServer((socket) => {
    const onward = connect(to, "127.0.0.1");
    sockets.push(socket, onward);
    socket.pipe(onward).pipe(socket);
    for (const one of [socket, onward]) one.on("error", () => undefined);
  });
  const port = await listening(relay);
  return { relay, port, cut: () => sockets.forEach((socket) => socket.destroy()) };
}

/** A service that is not Redis: a fake, because any will do. */
async function babbler(says: string): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.write(says);
  });
  return { server, port: await listening(server) };
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  if (bound === null || typeof bound !== "object") throw new Error("it does not listen");
  return bound.port;
}
