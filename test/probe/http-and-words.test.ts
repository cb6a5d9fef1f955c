import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { HttpCall, HttpLogin } from "../../main/probe/probe";
import { createWire, OutcomeUnknown, type Wire } from "../../main/probe/wire/wire";
import type { NodeAccess } from "../../main/ssh/access";
import { SshError } from "../../main/ssh/ssh-error";

/** Services that misbehave on demand, which no real one does; each is a real socket, dialled as a node would dial it. */
describe("HTTP and word calls to services that misbehave", () => {
  const servers: Server[] = [];
  /** Both ends of every connection. */
  const dialled: Socket[] = [];
  let wire: Wire;
  let uncaught: unknown[];
  const noticed = (error: unknown): void => void uncaught.push(error);

  beforeAll(() => {
    process.on("uncaughtException", noticed);
  });
  afterAll(() => {
    process.off("uncaughtException", noticed);
  });
  afterEach(async () => {
    wire.close();
    for (const socket of dialled.splice(0)) socket.destroy();
    await Promise.all(servers.splice(0).map((server) => new Promise((done) => server.close(done))));
    await new Promise((done) => setImmediate(done));
    expect(uncaught).toEqual([]);
  });

  /** A node whose dialled streams are plain sockets. */
  const node = {
    node: "n1",
    dial: (target: { readonly port: number }, { deadlineMs }: { readonly deadlineMs: number }) =>
      new Promise((resolve, reject) => {
        const socket = connect(target.port, "127.0.0.1");
        dialled.push(socket);
        socket.once("connect", () => resolve(socket));
        socket.once("error", (error) =>
          reject(new SshError("dial-refused", "n1", { target: "", problem: error.message, deadlineMs })),
        );
      }),
  } as unknown as NodeAccess;

  async function listen(server: Server): Promise<number> {
    uncaught = [];
    wire = createWire({ password: () => Promise.resolve(null), accepted: () => undefined, refused: () => undefined });
    servers.push(server);
    for (const event of ["connection", "secureConnection"])
      server.on(event, (socket: Socket) => {
        // The service's end is cut when the client gives up; what is to be noticed is the client's end alone.
        socket.on("error", () => undefined);
        dialled.push(socket);
      });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return (server.address() as AddressInfo).port;
  }
  const serve = (answer: RequestListener): Promise<number> => listen(createHttpServer(answer));
  const loginAt = (port: number, tls: HttpLogin["tls"] = null): HttpLogin => ({
    service: "etcd",
    target: { kind: "tcp", host: "127.0.0.1", port },
    tls,
  });
  const get = (port: number, more: Partial<HttpCall> = {}): Promise<string> =>
    wire.call(node, { kind: "http", login: loginAt(port), method: "GET", path: "/", ...more }, 500);
  const word = (port: number, ms = 300): Promise<string> =>
    wire.call(node, { kind: "words", service: "ZooKeeper", target: loginAt(port).target, word: "ruok" }, ms);
  const kindOf = async (call: Promise<string>): Promise<string> => {
    const error: unknown = await call.then(
      () => new Error("it was answered"),
      (reason: unknown) => reason,
    );
    if (error instanceof OutcomeUnknown) return `unknown: ${error.problem.kind}`;
    return (error as { kind?: string }).kind ?? String(error);
  };

  it("hands on an answer whatever its status is", async () => {
    const port = await serve((asked, answer) => {
      answer.statusCode = asked.url === "/404" ? 404 : 503;
      answer.end("said");
    });
    expect(await get(port, { path: "/404" })).toBe("HTTP/1.1 404 Not Found\n\nsaid");
    expect(await get(port)).toBe("HTTP/1.1 503 Service Unavailable\n\nsaid");
  });

  it("keeps a connection for reads and asks again on a new one when the service has closed it", async () => {
    let asked = 0;
    const port = await serve((_, answer) => {
      asked += 1;
      answer.end(String(asked), () => setTimeout(() => answer.socket?.destroy(), 20));
    });
    expect(await get(port)).toContain("1");
    expect(await get(port)).toContain("2");
    await new Promise((done) => setTimeout(done, 60));
    expect(await get(port)).toContain("3");
  });

  it("sends what changes something once, and does not know its outcome when the connection is cut", async () => {
    let asked = 0;
    const port = await serve((request) => {
      asked += 1;
      request.socket.destroy();
    });
    expect(await kindOf(get(port, { method: "POST", body: "{}" }))).toBe("unknown: connection-lost");
    expect(asked).toBe(1);
  });

  it("asks a read that is cut twice at most", async () => {
    let asked = 0;
    const port = await serve((request) => {
      asked += 1;
      request.socket.destroy();
    });
    expect(await kindOf(get(port))).toBe("unknown: connection-lost");
    expect(asked).toBe(2);
  });

  it("calls a service silent that takes the request and never answers", async () => {
    const port = await serve(() => undefined);
    expect(await kindOf(get(port))).toBe("unknown: silent");
  });

  it("calls a service silent that begins an answer and does not end it", async () => {
    const port = await serve((_, answer) => void answer.write("half"));
    expect(await kindOf(get(port))).toBe("unknown: silent");
  });

  it("knows that nothing was sent where nobody listens", async () => {
    const port = await serve(() => undefined);
    await new Promise((done) => servers.splice(0)[0]?.close(done));
    expect(await kindOf(get(port))).toBe("dial-refused");
  });

  it("takes no more than 16 MiB", async () => {
    const port = await serve((_, answer) => void answer.end(Buffer.alloc(17 << 20)));
    expect(
      await kindOf(wire.call(node, { kind: "http", login: loginAt(port), method: "GET", path: "/" }, 10_000)),
    ).toBe("unknown: garbled");
  });

  it("does not take another protocol for HTTP", async () => {
    const port = await listen(createServer((socket) => void socket.end("SSH-2.0-OpenSSH_9.2\r\n")));
    expect(await kindOf(get(port))).toMatch(/connection-lost|garbled/);
  });

  it("speaks TLS with a client certificate and says why without one", async () => {
    const directory = mkdtempSync(join(tmpdir(), "evenkeel-tls-"));
    const at = (file: string): string => join(directory, file);
    const openssl = (words: string): void => void execFileSync("openssl", words.split(" "), { stdio: "ignore" });
    openssl(
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=ca -keyout ${at("ca.key")} -out ${at("ca.crt")}`,
    );
    for (const name of ["server", "client"]) {
      openssl(
        `req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=${name} -addext subjectAltName=DNS:${name} -keyout ${at(`${name}.key`)} -out ${at(`${name}.csr`)}`,
      );
      openssl(
        `x509 -req -in ${at(`${name}.csr`)} -CA ${at("ca.crt")} -CAkey ${at("ca.key")} -CAcreateserial -days 2 -copy_extensions copy -out ${at(`${name}.crt`)}`,
      );
    }
    const options = {
      ca: readFileSync(at("ca.crt")),
      cert: readFileSync(at("server.crt")),
      key: readFileSync(at("server.key")),
    };
    const port = await listen(
      createTlsServer(
        { ...options, requestCert: true, rejectUnauthorized: true },
        (_, answer) => void answer.end("in"),
      ),
    );
    const files = { serverName: "server", caFile: at("ca.crt"), certFile: at("client.crt"), keyFile: at("client.key") };
    const ask = (tls: HttpLogin["tls"]): Promise<string> =>
      wire.call(node, { kind: "http", login: loginAt(port, tls), method: "POST", path: "/", reads: true }, 2_000);
    expect(await ask(files)).toContain("in");
    wire.close();
    expect(await kindOf(ask({ ...files, caFile: "" }))).toBe("tls-refused");
    wire.close();
    expect(await kindOf(ask({ ...files, caFile: at("none") }))).toBe("certificate-unreadable");
    wire.close();
    expect(await kindOf(ask({ ...files, certFile: "", keyFile: "" }))).toMatch(/tls-refused|unknown: connection-lost/);
    rmSync(directory, { recursive: true });
  });

  it("reads the answer to a word until the service closes", async () => {
    const port = await listen(
      createServer((socket) => socket.once("data", (asked) => socket.end(`${String(asked)}!`))),
    );
    expect(await word(port)).toBe("ruok!");
  });

  it("tells a service that says nothing from one that says something else and stays", async () => {
    const port = await listen(createServer(() => undefined));
    expect(await kindOf(word(port))).toBe("silent");
    const other = await listen(createServer((socket) => void socket.write("SSH-2.0-OpenSSH_9.2\r\n")));
    expect(await kindOf(word(other))).toBe("garbled");
  });

  it("notices an answer to a word that is cut, and one without end", async () => {
    const cut = await listen(createServer((socket) => socket.once("data", () => socket.resetAndDestroy())));
    expect(await kindOf(word(cut))).toBe("connection-lost");
    const port = await listen(createServer((socket) => void socket.write(Buffer.alloc(5 << 20))));
    expect(await kindOf(word(port, 5_000))).toBe("garbled");
  });
});
