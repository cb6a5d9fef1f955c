import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import ssh2, { type AuthContext, type Connection, type ServerChannel } from "ssh2";
import type { Account } from "./account";
import type { Room } from "./room";

export interface InProcessSshServer {
  /** Public host key line, `<type> <base64>`, without comment. */
  readonly hostKey: string;
  /** Ends the server, its connections and what they started. */
  stop(): Promise<void>;
}

/** Runs in the node's room: a socket that asks who its peer is has to see the node's account. */
const socketCarrier =
  'const s=require("net").connect(process.argv[1]);s.once("connect",()=>process.stderr.write("+"));' +
  's.on("error",()=>process.exit(1));process.stdin.pipe(s).pipe(process.stdout)';

/**
 * An SSH server inside this very process, made of ssh2. It stands in where a machine has no OpenSSH sshd, for one account and one key:
 * commands with and without input, and forwarding to TCP ports and Unix sockets; no password, no terminal, no subsystem.
 */
export async function startInProcessSshServer(options: {
  readonly address: string;
  readonly port: number;
  readonly authorizedKey: string;
  readonly account: Account;
  readonly room: Room;
}): Promise<InProcessSshServer> {
  const pair = ssh2.utils.generateKeyPairSync("ecdsa", { bits: 256, comment: "" });
  const authorized = parsedKey(options.authorizedKey);
  const connections = new Set<Connection>();
  const children = new Set<ChildProcessWithoutNullStreams>();

  function start(words: readonly string[]): ChildProcessWithoutNullStreams {
    const { prefix, environment, identity } = options.room;
    const [program = "", ...args] = [...prefix, ...words];
    const child = spawn(program, args, {
      ...identity,
      cwd: environment["HOME"],
      env: { ...environment, SHELL: options.account.shell },
    });
    children.add(child);
    child.once("close", () => children.delete(child));
    // Its input may be closed before the client has said everything; how it ended is told by its exit.
    child.stdin.on("error", () => undefined);
    return child;
  }

  function execute(channel: ServerChannel, command: string): void {
    const child = start([options.account.shell, "-c", command]);
    channel.on("error", () => child.kill("SIGKILL"));
    channel.pipe(child.stdin);
    child.stdout.pipe(channel, { end: false });
    child.stderr.pipe(channel.stderr, { end: false });
    channel.once("close", () => {
      child.stdin.destroy();
      child.stdout.destroy();
      child.stderr.destroy();
    });
    child.once("error", (error) => channel.stderr.write(`${error.message}\n`));
    child.once("close", (code, signal) => {
      if (signal === null) channel.exit(code ?? 255);
      else channel.exit(signal.replace("SIG", ""), false);
      channel.end();
    });
  }

  function authenticate(login: AuthContext): void {
    const isKnown =
      login.method === "publickey" &&
      login.username === options.account.name &&
      login.key.algo === authorized.type &&
      login.key.data.equals(authorized.getPublicSSH()) &&
      (login.signature === undefined ||
        (login.blob !== undefined && authorized.verify(login.blob, login.signature, login.hashAlgo)));
    if (isKnown) login.accept();
    else login.reject(["publickey"]);
  }

  function serve(connection: Connection): void {
    connections.add(connection);
    connection.once("close", () => connections.delete(connection));
    // A client that goes away in the middle is no trouble of the server's.
    connection.on("error", () => undefined);
    connection.on("authentication", authenticate);
    connection.on("session", (accept) => {
      accept().on("exec", (acceptExec, _reject, { command }) => execute(acceptExec(), command));
    });
    connection.on("tcpip", (accept, reject, { destIP, destPort }) => {
      const socket = connect({ host: destIP, port: destPort });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        join(accept(), socket);
      });
    });
    connection.on("openssh.streamlocal", (accept, reject, { socketPath }) => {
      const child = start([process.execPath, "-e", socketCarrier, socketPath]);
      child.once("close", reject);
      child.once("error", () => undefined);
      child.stderr.once("data", () => {
        child.off("close", reject);
        const channel = accept();
        channel.on("error", () => child.kill("SIGKILL"));
        channel.pipe(child.stdin);
        child.stdout.pipe(channel);
        channel.once("close", () => child.stdin.destroy());
      });
    });
  }

  const server = new ssh2.Server({ hostKeys: [pair.private], ident: "Evenkeel-in-process" }, serve);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.address, () => resolve());
  });
  return {
    hostKey: pair.public.split(" ").slice(0, 2).join(" "),
    stop: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const child of children) child.kill("SIGKILL");
      for (const connection of connections) connection.end();
      await closed;
    },
  };
}

function join(channel: Duplex, socket: Duplex): void {
  channel.on("error", () => socket.destroy());
  socket.on("error", () => channel.destroy());
  channel.once("close", () => socket.destroy());
  channel.pipe(socket).pipe(channel);
}

function parsedKey(line: string): ssh2.ParsedKey {
  const parsed = ssh2.utils.parseKey(line);
  if (parsed instanceof Error) throw parsed;
  return parsed;
}
