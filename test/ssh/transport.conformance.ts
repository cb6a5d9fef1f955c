import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { expect } from "vitest";
import type { Answer } from "../../contract/inventory";
import type { Command, NodeAccess, Output } from "../../main/ssh/access";
import { childrenOf } from "../lab/sshd";
import { startRelay } from "./relay";
import { hostLines, kindOf, type Reached, type Transport, type World } from "./transport-world";

/** One thing both transports must do alike: what `run` gives is compared with `expected`, and so with the other transport. */
export interface ConformanceCase {
  readonly title: string;
  readonly run: (world: World, transport: Transport, shared: Reached) => Promise<unknown>;
  readonly expected: unknown;
}

const limits = { deadlineMs: 10_000, maxBytes: 100_000 };
const accept: Answer = { kind: "accept" };
const exited = (code: number): unknown => ({ kind: "exited", code });

function sh(script: string): Command {
  return { argv: ["sh", "-c", script] };
}

function plainCommand(title: string, command: Command, expected: unknown): ConformanceCase {
  return {
    title,
    run: async (_world, _transport, { node }) => told(await node.run(command, limits)),
    expected,
  };
}

function told({ stdout, stderr, ending, droppedBytes }: Output): unknown {
  return droppedBytes === 0 ? [stdout, stderr, ending] : [stdout.length, stderr.length, ending, droppedBytes];
}

/** Connects and tells how that ended, and what was asked meanwhile. */
async function login({ node, asked }: Reached): Promise<unknown> {
  return [await kindOf(node.ready()), asked.map(({ kind }) => kind)];
}

function keyLine(path: string): string {
  return readFileSync(`${path}.pub`, "utf8").split(" ").slice(0, 2).join(" ");
}

function knownHosts(world: World, ...lines: readonly string[]): { readonly path: string; readonly setting: string } {
  const path = join(world.scratch(), "known_hosts");
  writeFileSync(path, lines.map((line) => `${line}\n`).join(""));
  return { path, setting: `UserKnownHostsFile ${path}` };
}

function presented(world: World): string {
  return world.servers.plain.hostKeys[0] ?? "";
}

function filed(world: World): string {
  return `[127.0.0.1]:${world.servers.plain.port}`;
}

async function everything(stream: Duplex): Promise<Buffer> {
  const pieces: Buffer[] = [];
  stream.on("data", (piece: Buffer) => pieces.push(piece));
  await new Promise<void>((resolve, reject) => stream.once("end", resolve).once("error", reject));
  return Buffer.concat(pieces);
}

async function echoed(node: NodeAccess, target: Parameters<NodeAccess["dial"]>[0], bytes: Buffer): Promise<boolean> {
  const stream = await node.dial(target, limits);
  const back = everything(stream);
  stream.end(bytes);
  return (await back).equals(bytes);
}

const commands: readonly ConformanceCase[] = [
  plainCommand("runs a command and gives its output", { argv: ["echo", "hello"] }, ["hello\n", "", exited(0)]),
  plainCommand(
    "hands arguments on byte for byte",
    { argv: ["printf", "<%s>", "it's", 'a "b"', "$HOME `id` !x", "line\nfeed", "\\", "*", "日本", "-n", ""] },
    [`<it's><a "b"><$HOME \`id\` !x><line\nfeed><\\><*><日本><-n><>`, "", exited(0)],
  ),
  ...[0, 1, 7, 125, 128, 254, 255].map((code) =>
    plainCommand(`gives exit code ${code} as the command's own`, sh(`exit ${code}`), ["", "", exited(code)]),
  ),
  ...([126, 127] as const).map((code) =>
    plainCommand(`takes exit code ${code} for a program that did not start`, sh(`exit ${code}`), [
      "",
      "",
      { kind: "start-failed", code },
    ]),
  ),
  plainCommand("tells a command that ended itself by a signal", sh("kill -TERM $$"), [
    "",
    "Terminated\n",
    { kind: "killed", signal: "TERM" },
  ]),
  plainCommand("tells a program that is not there", { argv: ["/no/such/program"] }, [
    "",
    expect.stringContaining("not found"),
    { kind: "start-failed", code: 127 },
  ]),
  plainCommand("keeps stderr apart from stdout", sh("echo out; echo err >&2; echo out2; exit 3"), [
    "out\nout2\n",
    "err\n",
    exited(3),
  ]),
  plainCommand("gives stdin to the command", { argv: ["cat"], stdin: "one\ntwo" }, ["one\ntwo", "", exited(0)]),
  plainCommand("gives an empty stdin an end", { argv: ["cat"], stdin: "" }, ["", "", exited(0)]),
  plainCommand("gives a command without stdin an end of it", { argv: ["cat"] }, ["", "", exited(0)]),
  plainCommand("keeps an output without a final newline", { argv: ["printf", "no newline"] }, [
    "no newline",
    "",
    exited(0),
  ]),
  plainCommand("keeps blank lines at both ends of an output", { argv: ["printf", "\n\nx\n\n"] }, [
    "\n\nx\n\n",
    "",
    exited(0),
  ]),
  plainCommand("replaces bytes that are no UTF-8", sh("printf 'a\\377b'"), ["a\ufffdb", "", exited(0)]),
  plainCommand("takes lines that look like marks for output", sh("printf '\\n0123+\\n\\n0123- 0\\n'"), [
    "\n0123+\n\n0123- 0\n",
    "",
    exited(0),
  ]),
  plainCommand("waits for no daemon that keeps the output open", sh("sleep 20 & echo started"), [
    "started\n",
    "",
    exited(0),
  ]),
  plainCommand("gives every command one environment", sh('echo "$LC_ALL $TZ $PWD"'), ["C UTC /\n", "", exited(0)]),
  plainCommand("has no terminal", sh("tty; test -t 0; echo $?"), ["not a tty\n1\n", "", exited(0)]),
  {
    title: "gives a megabyte of stdin to the command",
    run: async (_world, _transport, { node }) =>
      told(await node.run({ argv: ["wc", "-c"], stdin: "x".repeat(1_000_000) }, limits)),
    expected: ["1000000\n", "", exited(0)],
  },
  {
    title: "takes five megabytes of output whole",
    run: async (_world, _transport, { node }) => {
      const { stdout, ending } = await node.run(sh("yes 0123456789abcde | head -c 5000000"), {
        ...limits,
        maxBytes: 6_000_000,
      });
      return [stdout.length, stdout.replaceAll("0123456789abcde\n", ""), ending];
    },
    expected: [5_000_000, "", exited(0)],
  },
  {
    title: "bounds a flood of output and counts the rest",
    run: async (_world, _transport, { node }) =>
      told(await node.run(sh("head -c 20000000 /dev/zero"), { ...limits, maxBytes: 1_000 })),
    expected: [1_000, 0, exited(0), 19_999_000],
  },
  {
    title: "bounds a flood of errors and counts the rest",
    run: async (_world, _transport, { node }) =>
      told(await node.run(sh("head -c 20000000 /dev/zero >&2; echo done"), { ...limits, maxBytes: 1_000 })),
    expected: [5, 1_000, exited(0), 19_999_000],
  },
  {
    title: "keeps both floods going at once",
    run: async (_world, _transport, { node }) =>
      told(
        await node.run(sh("head -c 5000000 /dev/zero & head -c 5000000 /dev/zero >&2; wait"), {
          ...limits,
          maxBytes: 1_000,
        }),
      ),
    expected: [1_000, 1_000, exited(0), 9_998_000],
  },
  {
    title: "runs five commands at once",
    run: async (_world, _transport, { node }) => {
      const outputs = await Promise.all(
        [1, 2, 3, 4, 5].map((n) => node.run(sh(`sleep 0.2; echo ${n}; exit ${n}`), limits)),
      );
      return outputs.map(({ stdout, ending }) => [stdout, ending]);
    },
    expected: [1, 2, 3, 4, 5].map((n) => [`${n}\n`, exited(n)]),
  },
  {
    title: "tells a command that outlives its deadline, and runs the next",
    run: async (_world, _transport, { node }) => {
      const output = await node.run(sh("echo begun; exec sleep 3"), { ...limits, deadlineMs: 1_500 });
      return [output.stdout, output.ending, (await node.run({ argv: ["echo", "next"] }, limits)).stdout];
    },
    expected: ["begun\n", { kind: "timed-out" }, "next\n"],
  },
  {
    title: "shows the very line that is run",
    run: (_world, _transport, { node }) => Promise.resolve(node.shown({ argv: ["echo", "it's"] })),
    expected: "echo 'it'\\''s'",
  },
];

/** The process that reads. */
async function shellOf(node: NodeAccess): Promise<string> {
  return (await node.read('read -r line </proc/self/stat; echo "${line%% *}"', limits)).stdout.trim();
}

const reads: readonly ConformanceCase[] = [
  {
    title: "reads from one shell that starts no process",
    run: async (_world, _transport, { node }) => {
      const pid = 'read -r line </proc/self/stat; echo "${line%% *}"';
      return new Set([(await node.read(pid, limits)).stdout, (await node.read(pid, limits)).stdout]).size;
    },
    expected: 1,
  },
  {
    title: "gives the status of a read",
    run: async (_world, _transport, { node }) => (await node.read("(exit 4)", limits)).ending,
    expected: exited(4),
  },
  {
    title: "answers twenty reads asked at once, each with its own",
    run: async (_world, _transport, { node }) => {
      const asked = Array.from({ length: 20 }, (_none, n) => node.read(`echo ${n}`, limits));
      return (await Promise.all(asked)).map(({ stdout }) => Number(stdout));
    },
    expected: Array.from({ length: 20 }, (_none, n) => n),
  },
  {
    title: "bounds a read",
    run: async (_world, _transport, { node }) => {
      const flood = "i=0; while [ $i -lt 5000 ]; do echo 0123456789; i=$((i+1)); done";
      const { stdout, droppedBytes } = await node.read(flood, { ...limits, maxBytes: 1_000 });
      return [stdout.length, droppedBytes];
    },
    expected: [1_000, 54_000],
  },
  {
    title: "gives up a read at its deadline and answers the next",
    run: async (world, _transport, { node }) => [
      await kindOf(node.read(world.blocking, { ...limits, deadlineMs: 500 })),
      (await node.read("echo next", limits)).stdout,
    ],
    expected: ["deadline", "next\n"],
  },
  {
    title: "answers what waited behind a read that was given up",
    run: async (world, _transport, { node }) => {
      const given = kindOf(node.read(world.blocking, { ...limits, deadlineMs: 500 }));
      const behind = node.read("echo behind", limits);
      return [await given, (await behind).stdout];
    },
    expected: ["deadline", "behind\n"],
  },
  {
    title: "tells a read that waits behind a slow one at its own deadline, and gives up nothing for it",
    run: async (world, _transport, { node }) => {
      const told: string[] = [];
      const slow = kindOf(node.read(world.blocking, { ...limits, deadlineMs: 4_000 })).then((kind) => told.push(kind));
      const behind = node.read("echo never", { ...limits, deadlineMs: 300 });
      told.push(await kindOf(behind), `${told.length} told before`);
      const last = node.read("echo last", limits);
      await slow;
      return [...told, (await last).stdout];
    },
    expected: ["deadline", "0 told before", "deadline", "last\n"],
  },
  {
    title: "ends the shell of a read that it gave up",
    run: async (world, transport) => {
      const { node } = world.reach(transport, hostLines(world, "plain"));
      const shell = await shellOf(node);
      const given = await kindOf(node.read(world.blocking, { ...limits, deadlineMs: 500 }));
      const next = await shellOf(node);
      await expect.poll(() => existsSync(`/proc/${shell}`), { timeout: 20_000 }).toBe(false);
      return [given, next === shell, existsSync(`/proc/${next}`), await shellOf(node).then((still) => still === next)];
    },
    expected: ["deadline", false, true, true],
  },
  {
    title: "ends the shell of a read that it gave up also where one session is allowed, over a new connection",
    run: async (world, transport) => {
      const { node, access } = world.reach(transport, hostLines(world, "single"));
      const shell = await shellOf(node);
      const given = await kindOf(node.read(world.blocking, { ...limits, deadlineMs: 500 }));
      const refused = await kindOf(node.read("echo x", limits));
      access.hurry(["node"]);
      const next = await shellOf(node);
      await expect.poll(() => existsSync(`/proc/${shell}`), { timeout: 20_000 }).toBe(false);
      return [given, refused, next === shell];
    },
    expected: ["deadline", "channel-refused", false],
  },
  {
    title: "cuts no stream for want of a session, and makes the connection anew when none is open",
    run: async (world, transport) => {
      const { node, access } = world.reach(transport, hostLines(world, "single"));
      const stream = await node.dial({ kind: "tcp", host: "127.0.0.1", port: world.echo.port }, limits);
      const given = await kindOf(node.read(world.blocking, { ...limits, deadlineMs: 500 }));
      const refused = await kindOf(node.read("echo x", limits));
      const heard = once(stream, "data");
      stream.write("still here");
      const said = String((await heard)[0]);
      const closed = once(stream, "close");
      stream.destroy();
      await closed;
      const refusedAnew = await kindOf(node.read("echo x", limits));
      access.hurry(["node"]);
      return [given, refused, said, refusedAnew, (await node.read("echo x", limits)).stdout];
    },
    expected: ["deadline", "channel-refused", "still here", "channel-refused", "x\n"],
  },
  {
    title: "tells the account and whether it is root",
    run: (_world, _transport, { node }) => {
      const state = node.state();
      return Promise.resolve(
        state.state === "ready" ? state.isRoot === (process.getuid?.() === 0) && state.account !== "" : state.state,
      );
    },
    expected: true,
  },
];

const streams: readonly ConformanceCase[] = [
  {
    title: "dials a TCP port of the node",
    run: async (world, _transport, { node }) => {
      const stream = await node.dial({ kind: "tcp", host: "127.0.0.1", port: world.servers.plain.port }, limits);
      const greeting = await new Promise<string>((resolve) =>
        stream.once("data", (bytes: Buffer) => resolve(String(bytes))),
      );
      stream.destroy();
      return greeting.slice(0, 15);
    },
    expected: "SSH-2.0-OpenSSH",
  },
  {
    title: "dials a Unix socket of the node",
    run: (world, _transport, { node }) => echoed(node, { kind: "socket", path: world.echo.path }, Buffer.from("hello")),
    expected: true,
  },
  {
    title: "says that a TCP port refuses",
    run: (_world, _transport, { node }) => kindOf(node.dial({ kind: "tcp", host: "127.0.0.1", port: 1 }, limits)),
    expected: "dial-refused",
  },
  {
    title: "says that a name is unknown to the node",
    run: (_world, _transport, { node }) => kindOf(node.dial({ kind: "tcp", host: "no.invalid", port: 1 }, limits)),
    expected: "dial-refused",
  },
  {
    title: "says that a Unix socket is not there",
    run: (_world, _transport, { node }) => kindOf(node.dial({ kind: "socket", path: "/no/such/socket" }, limits)),
    expected: "dial-refused",
  },
  {
    title: "carries four megabytes both ways at once, byte for byte",
    run: (world, _transport, { node }) => {
      const bytes = Buffer.alloc(4_000_000);
      for (let at = 0; at < bytes.length; at += 1) bytes[at] = (at * 31 + (at >> 8)) & 0xff;
      return echoed(node, { kind: "tcp", host: "127.0.0.1", port: world.echo.port }, bytes);
    },
    expected: true,
  },
  {
    title: "still reads after its own end of a stream is closed",
    run: (world, _transport, { node }) =>
      echoed(node, { kind: "tcp", host: "127.0.0.1", port: world.echo.port }, Buffer.from("last words")),
    expected: true,
  },
  {
    title: "holds a stream back that nobody reads, and loses nothing of it",
    run: async (world, _transport, { node }) => {
      const stream = await node.dial({ kind: "tcp", host: "127.0.0.1", port: world.echo.port }, limits);
      stream.pause();
      stream.end(Buffer.alloc(6_000_000, 7));
      await node.run(sh("sleep 0.3"), limits);
      const heldBytes = stream.readableLength;
      const all = everything(stream);
      stream.resume();
      return [heldBytes < 5_000_000, (await all).length];
    },
    expected: [true, 6_000_000],
  },
  {
    title: "tells the end of a stream that the service closed",
    run: async (_world, _transport, { node }) => {
      const server = createServer((socket) => socket.end("bye"));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const bound = server.address();
      const port = bound !== null && typeof bound === "object" ? bound.port : 0;
      const stream = await node.dial({ kind: "tcp", host: "127.0.0.1", port }, limits);
      const text = String(await everything(stream));
      stream.destroy();
      server.close();
      return text;
    },
    expected: "bye",
  },
  {
    title: "closes the service's side when a stream is dropped",
    run: async (_world, _transport, { node }) => {
      let closed = (): void => undefined;
      const gone = new Promise<string>((resolve) => (closed = () => resolve("closed")));
      const server = createServer((socket) => socket.on("error", closed).on("close", closed).resume());
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const bound = server.address();
      const port = bound !== null && typeof bound === "object" ? bound.port : 0;
      const accepted = new Promise<void>((resolve) => server.once("connection", () => resolve()));
      const stream = await node.dial({ kind: "tcp", host: "127.0.0.1", port }, limits);
      await accepted;
      stream.destroy();
      server.close();
      return gone;
    },
    expected: "closed",
  },
  {
    title: "dials twenty times at once beside a command",
    run: async (world, _transport, { node }) => {
      const running = node.run(sh("sleep 0.3; echo ran"), limits);
      const target = { kind: "tcp", host: "127.0.0.1", port: world.echo.port } as const;
      const all = await Promise.all(
        Array.from({ length: 20 }, (_none, n) => echoed(node, target, Buffer.from(`n${n}`))),
      );
      return [all.every(Boolean), (await running).stdout];
    },
    expected: [true, "ran\n"],
  },
];

const servers: readonly ConformanceCase[] = [
  {
    title: "takes no noise of a login for an answer",
    run: async (world, transport) => {
      const { node } = world.reach(transport, hostLines(world, "noisy"));
      return [
        (await node.read("echo quiet", limits)).stdout,
        told(await node.run({ argv: ["echo", "quiet"] }, limits)),
      ];
    },
    expected: ["quiet\n", ["quiet\n", "", exited(0)]],
  },
  {
    title: "works where one session is allowed",
    run: async (world, transport) => {
      const { node } = world.reach(transport, hostLines(world, "single"));
      return [
        (await node.read("echo one", limits)).stdout,
        (await node.run({ argv: ["echo", "two"] }, limits)).stdout,
        (await node.read("echo three", limits)).stdout,
        await echoed(node, { kind: "tcp", host: "127.0.0.1", port: world.echo.port }, Buffer.from("four")),
      ];
    },
    expected: ["one\n", "two\n", "three\n", true],
  },
  {
    title: "says that an account's shell ends at once, and why",
    run: async (world, transport) => {
      const ready = world.reach(transport, hostLines(world, "ending")).node.ready();
      const text = await ready.then(String, String);
      return [await kindOf(ready), text.includes("this account is closed")];
    },
    expected: ["shell-unusable", true],
  },
  {
    title: "says that no algorithm is common",
    // What ssh2 offers is known and told; of what ssh offers only ssh's own words tell.
    run: async (world, transport) => {
      const { node, asked } = world.reach(transport, hostLines(world, "old"));
      const kind = transport === "system" ? "nothing-agreed" : "no-common-algorithm";
      return [(await kindOf(node.ready())) === kind, asked];
    },
    expected: [true, []],
  },
  {
    title: "says that the port refuses",
    run: (world, transport) => login(world.reach(transport, ["Host node", "  HostName 127.0.0.1", "  Port 1"])),
    expected: ["connection-refused", []],
  },
  {
    title: "says that the name cannot be resolved",
    run: (world, transport) => login(world.reach(transport, ["Host node", "  HostName no.invalid"])),
    expected: ["unresolvable", []],
  },
  {
    title: "says that what answers is not SSH",
    run: async (world, transport) => {
      const server = createServer((socket) => socket.on("error", () => undefined).end("+OK ready\r\n".repeat(3_000)));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const bound = server.address();
      const port = bound !== null && typeof bound === "object" ? bound.port : 0;
      const result = await login(world.reach(transport, ["Host node", "  HostName 127.0.0.1", `  Port ${port}`]));
      server.close();
      return result;
    },
    expected: ["not-ssh", []],
  },
];

const hostKeys: readonly ConformanceCase[] = [
  {
    title: "asks about an unknown host key with its fingerprint and address",
    run: async (world, transport) => {
      const { setting } = knownHosts(world);
      const reached = world.reach(transport, hostLines(world, "plain", [setting, "StrictHostKeyChecking ask"]));
      const kind = await kindOf(reached.node.ready());
      return [
        kind,
        reached.asked.map((one) =>
          "fingerprint" in one ? [one.node, one.address === `127.0.0.1:${world.servers.plain.port}`, one.keyType] : one,
        ),
      ];
    },
    expected: ["host-key-unknown", [["node", true, "ssh-ed25519"]]],
  },
  {
    title: "keeps an accepted host key and does not ask again",
    run: async (world, transport) => {
      const { path, setting } = knownHosts(world);
      const lines = hostLines(world, "plain", [setting, "StrictHostKeyChecking ask", "HashKnownHosts no"]);
      const first = await login(world.reach(transport, lines, { answer: () => accept }));
      const written = readFileSync(path, "utf8").trim() === `${filed(world)} ${presented(world)}`;
      return [first, written, await login(world.reach(transport, lines))];
    },
    expected: [["no error", ["host-key-unknown"]], true, ["no error", []]],
  },
  {
    title: "writes a host key under a hashed name where the config says so",
    run: async (world, transport) => {
      const { path, setting } = knownHosts(world);
      const lines = hostLines(world, "plain", [setting, "HashKnownHosts yes"]);
      const first = await login(world.reach(transport, lines));
      return [
        first,
        /^\|1\|\S+ ssh-ed25519 \S+\n$/.test(readFileSync(path, "utf8")),
        await login(world.reach(transport, [...lines, "  StrictHostKeyChecking yes"])),
      ];
    },
    expected: [["no error", []], true, ["no error", []]],
  },
  {
    title: "asks nobody about an unknown host key where the config is strict",
    run: (world, transport) =>
      login(
        world.reach(transport, hostLines(world, "plain", [knownHosts(world).setting, "StrictHostKeyChecking yes"])),
      ),
    expected: ["host-key-unknown", []],
  },
  {
    title: "asks about an unknown host key also where the config says not to check",
    run: (world, transport) =>
      login(world.reach(transport, hostLines(world, "plain", [knownHosts(world).setting, "StrictHostKeyChecking no"]))),
    expected: ["host-key-unknown", ["host-key-unknown"]],
  },
  {
    title: "refuses a changed host key and asks nobody",
    run: (world, transport) => {
      const { setting } = knownHosts(world, `${filed(world)} ${keyLine(world.key("stranger"))}`);
      return login(world.reach(transport, hostLines(world, "plain", [setting]), { answer: () => accept }));
    },
    expected: ["host-key-changed", []],
  },
  {
    title: "refuses a changed host key also where the config says not to check",
    run: (world, transport) => {
      const { setting } = knownHosts(world, `${filed(world)} ${keyLine(world.key("stranger"))}`);
      const lines = hostLines(world, "plain", [setting, "StrictHostKeyChecking no"]);
      return login(world.reach(transport, lines, { answer: () => accept }));
    },
    expected: ["host-key-changed", []],
  },
  {
    title: "refuses a host key of a type not known for a host that is known",
    run: (world, transport) => {
      const { setting } = knownHosts(world, `${filed(world)} ${keyLine(world.key("ecdsa"))}`);
      return login(world.reach(transport, hostLines(world, "plain", [setting]), { answer: () => accept }));
    },
    expected: ["host-key-changed", []],
  },
  {
    title: "refuses a revoked host key whatever else names it",
    run: (world, transport) => {
      const { setting } = knownHosts(world, `${filed(world)} ${presented(world)}`, `@revoked * ${presented(world)}`);
      return login(world.reach(transport, hostLines(world, "plain", [setting]), { answer: () => accept }));
    },
    expected: ["host-key-revoked", []],
  },
  {
    title: "looks a host key up under its alias",
    run: (world, transport) => {
      const { setting } = knownHosts(world, `vault ${presented(world)}`);
      const lines = hostLines(world, "plain", [setting, "HostKeyAlias vault", "StrictHostKeyChecking yes"]);
      return login(world.reach(transport, lines));
    },
    expected: ["no error", []],
  },
  {
    title: "finds a host key in the global file",
    run: (world, transport) => {
      const { path } = knownHosts(world, `${filed(world)} ${presented(world)}`);
      const lines = [knownHosts(world).setting, `GlobalKnownHostsFile ${path}`, "StrictHostKeyChecking yes"];
      return login(world.reach(transport, hostLines(world, "plain", lines)));
    },
    expected: ["no error", []],
  },
];

const secret = (text: string): Answer => ({ kind: "secret", secret: text, keep: false });
const logins: readonly ConformanceCase[] = [
  ...(["ecdsa", "rsa"] as const).map((name): ConformanceCase => ({
    title: `logs in with a key of type ${name}`,
    run: (world, transport) =>
      login(world.reach(transport, hostLines(world, "plain"), { login: { identityFile: world.key(name) } })),
    expected: ["no error", []],
  })),
  {
    title: "says that the server refused the key",
    run: (world, transport) =>
      login(world.reach(transport, hostLines(world, "plain"), { login: { identityFile: world.key("stranger") } })),
    expected: ["login-refused", []],
  },
  {
    title: "says that the server refused the user",
    run: (world, transport) =>
      login(world.reach(transport, hostLines(world, "plain"), { login: { user: "no-such-user" } })),
    expected: ["login-refused", []],
  },
  {
    title: "asks for a passphrase and logs in with it",
    run: (world, transport) =>
      login(
        world.reach(transport, hostLines(world, "plain"), {
          login: { identityFile: world.key("locked") },
          answer: () => secret("open sesame"),
        }),
      ),
    expected: ["no error", ["passphrase"]],
  },
  {
    title: "asks twice for a passphrase and takes the second",
    run: (world, transport) =>
      login(
        world.reach(transport, hostLines(world, "plain"), {
          login: { identityFile: world.key("locked") },
          answer: (one) => secret("attempt" in one && one.attempt === 2 ? "open sesame" : "wrong"),
        }),
      ),
    expected: ["no error", ["passphrase", "passphrase"]],
  },
  {
    title: "stops after two wrong passphrases",
    run: (world, transport) =>
      login(
        world.reach(transport, hostLines(world, "plain"), {
          login: { identityFile: world.key("locked") },
          answer: () => secret("wrong"),
        }),
      ),
    expected: ["passphrase-wrong", ["passphrase", "passphrase"]],
  },
  {
    title: "does not log in when the passphrase is not given",
    run: (world, transport) =>
      login(world.reach(transport, hostLines(world, "plain"), { login: { identityFile: world.key("locked") } })),
    expected: ["passphrase-missing", ["passphrase"]],
  },
  {
    title: "asks for a passphrase once for two hosts",
    run: async (world, transport) => {
      const reached = world.reach(transport, hostLines(world, "plain"), {
        login: { identityFile: world.key("locked") },
        answer: () => secret("open sesame"),
      });
      const first = await login(reached);
      reached.access.know("second", { host: "node", transport, identityFile: world.key("locked") });
      return [first, await kindOf(reached.access.node("second").ready()), reached.asked.length];
    },
    expected: [["no error", ["passphrase"]], "no error", 1],
  },
];

/** The jump host is `plain`, the target `other`. */
function overJump(world: World, jump: readonly string[] = [], target: readonly string[] = []): string[] {
  return [
    ...hostLines(world, "other", ["ProxyJump bastion", ...target]),
    ...hostLines(world, "plain", jump, "bastion"),
  ];
}

const jumps: readonly ConformanceCase[] = [
  {
    title: "runs, reads and dials through a jump host",
    run: async (world, transport) => {
      const { node } = world.reach(transport, overJump(world));
      return [
        told(await node.run({ argv: ["echo", "there"] }, limits)),
        (await node.read("echo read", limits)).stdout,
        await echoed(node, { kind: "socket", path: world.echo.path }, Buffer.from("dialled")),
      ];
    },
    expected: [["there\n", "", exited(0)], "read\n", true],
  },
  {
    title: "goes through two jump hosts",
    run: (world, transport) => {
      const lines = [
        ...hostLines(world, "other", ["ProxyJump first,second"]),
        ...hostLines(world, "plain", [], "first"),
        ...hostLines(world, "noisy", [], "second"),
      ];
      return login(world.reach(transport, lines));
    },
    expected: ["no error", []],
  },
  {
    title: "says that the jump host refuses the connection",
    run: (world, transport) => {
      const lines = [
        ...hostLines(world, "other", ["ProxyJump bastion"]),
        "Host bastion",
        "  HostName 127.0.0.1",
        "  Port 1",
      ];
      return login(world.reach(transport, lines));
    },
    expected: ["connection-refused", []],
  },
  {
    title: "refuses a changed key of the jump host",
    run: (world, transport) => {
      const { setting } = knownHosts(world, `${filed(world)} ${keyLine(world.key("stranger"))}`);
      return login(world.reach(transport, overJump(world, [setting])));
    },
    expected: ["host-key-changed", []],
  },
  {
    title: "asks about an unknown key of the jump host also where its config says not to check",
    run: async (world, transport) => {
      const { setting } = knownHosts(world);
      const reached = world.reach(transport, overJump(world, [setting, "StrictHostKeyChecking no"]));
      return [await login(reached), reached.asked.map(({ node }) => node)];
    },
    expected: [["host-key-unknown", ["host-key-unknown"]], ["bastion"]],
  },
  {
    title: "checks the target behind a jump host under its own name",
    run: (world, transport) => {
      // The key of the jump host, filed for the target: two hosts behind one bastion that swapped their keys.
      const swapped = `[127.0.0.1]:${world.servers.other.port} ${keyLine(world.key("stranger"))}`;
      const { setting } = knownHosts(world, swapped, `${filed(world)} ${presented(world)}`);
      return login(world.reach(transport, overJump(world, [], [setting])));
    },
    expected: ["host-key-changed", []],
  },
];

/** A command that is under way for certain: it has left a file. */
async function begun(world: World, node: NodeAccess): Promise<{ readonly output: Promise<Output> }> {
  const mark = join(world.scratch(), "begun");
  const output = node.run({ argv: ["sh", "-c", `: >"$1"; exec sleep 5`, "sh", mark] }, limits);
  while (!existsSync(mark)) await pause(20);
  return { output };
}

/** Whether anything asked of a frozen link came to an answer, and whether all of it was settled in time. */
async function settled(
  world: World,
  transport: Transport,
  isBehindJump: boolean,
): Promise<readonly [boolean, boolean]> {
  const relay = await startRelay(world.servers.plain.port);
  const frozen = ["  HostName 127.0.0.1", `  Port ${relay.port}`, `  ${knownHosts(world).setting}`];
  const lines = isBehindJump
    ? [...hostLines(world, "other", ["ProxyJump bastion"]), "Host bastion", ...frozen]
    : ["Host node", ...frozen];
  const { node } = world.reach(transport, lines);
  await node.ready();
  relay.fail("freeze");
  const startedAt = performance.now();
  const patient = { ...limits, deadlineMs: 60_000 };
  const kinds = await Promise.all([
    kindOf(node.read("echo x", patient)),
    node.run({ argv: ["true"] }, patient).then(
      ({ ending }) => ending.kind,
      (error: unknown) => kindOf(Promise.reject(error as Error)),
    ),
    kindOf(node.dial({ kind: "tcp", host: "127.0.0.1", port: world.echo.port }, patient)),
  ]);
  relay.close();
  return [kinds.some((kind) => kind === "no error" || kind === "exited"), performance.now() - startedAt < 25_000];
}

const failures: readonly ConformanceCase[] = [
  {
    title: "calls a running command lost when its link is cut",
    run: async (world, transport) => {
      const relay = await startRelay(world.servers.plain.port);
      const { setting } = knownHosts(world);
      const lines = ["Host node", "  HostName 127.0.0.1", `  Port ${relay.port}`, `  ${setting}`];
      const { node } = world.reach(transport, lines);
      await node.ready();
      const running = await begun(world, node);
      relay.fail("cut");
      relay.heal();
      const { ending } = await running.output;
      const after = await kindOf(node.read("echo x", limits));
      relay.close();
      return [ending, after === "no error", node.state().state];
    },
    expected: [{ kind: "lost" }, false, "broken"],
  },
  {
    title: "calls a running command lost when the server's process is killed",
    run: async (world, transport) => {
      const { node } = world.reach(transport, hostLines(world, "single"));
      await node.ready();
      const running = await begun(world, node);
      for (const pid of childrenOf(world.servers.single.pid)) process.kill(pid, "SIGKILL");
      return [(await running.output).ending, node.state().state];
    },
    expected: [{ kind: "lost" }, "broken"],
  },
  {
    title: "ends a stream when its link is cut",
    run: async (world, transport) => {
      const relay = await startRelay(world.servers.plain.port);
      const lines = ["Host node", "  HostName 127.0.0.1", `  Port ${relay.port}`, `  ${knownHosts(world).setting}`];
      const { node } = world.reach(transport, lines);
      const stream = await node.dial({ kind: "tcp", host: "127.0.0.1", port: world.echo.port }, limits);
      const closed = new Promise<string>((resolve) =>
        stream.on("error", () => undefined).once("close", () => resolve("closed")),
      );
      stream.resume();
      relay.fail("cut");
      relay.heal();
      const result = await closed;
      relay.close();
      return result;
    },
    expected: "closed",
  },
  {
    title: "answers nothing any more once it is closed",
    run: async (world, transport) => {
      const { node, access } = world.reach(transport, hostLines(world, "plain"));
      await node.ready();
      const reading = kindOf(node.read(world.blocking, limits));
      await access.close();
      return [await reading, await kindOf(node.read("echo x", limits))];
    },
    expected: ["closed", "closed"],
  },
  {
    title: "gives up a server that accepts and says nothing",
    run: async (world, transport) => {
      const server = createServer((socket) => socket.on("error", () => undefined).resume());
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const bound = server.address();
      const port = bound !== null && typeof bound === "object" ? bound.port : 0;
      const lines = ["Host node", "  HostName 127.0.0.1", `  Port ${port}`, "  ConnectTimeout 1"];
      const result = await login(world.reach(transport, lines));
      server.close();
      return result;
    },
    expected: ["silent", []],
  },
  {
    title: "settles everything on a link that goes silent, within 25 seconds",
    run: (world, transport) => settled(world, transport, false),
    expected: [false, true],
  },
  {
    title: "settles everything on a link that goes silent behind a jump host",
    run: (world, transport) => settled(world, transport, true),
    expected: [false, true],
  },
];

export const conformanceCases = [
  ...commands,
  ...reads,
  ...streams,
  ...servers,
  ...hostKeys,
  ...logins,
  ...jumps,
  ...failures,
];

/** What a connection by the system's ssh keeps in its directory while it lives; the built-in one keeps nothing. */
export function leftBehind(world: World): readonly string[] {
  return readdirSync(world.directory).filter((name) => name.startsWith("evenkeel-ssh-"));
}
