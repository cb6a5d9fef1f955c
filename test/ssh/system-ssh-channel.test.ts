import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { wordsOf } from "../../contract/say";
import { catalogues } from "../../main/catalogue";
import { problemOf } from "../../main/ssh/ssh-error";
import { openProxy } from "../../main/ssh/system-ssh-channel";
import { muxHello, muxPacket, muxProxyAgreed, muxTerminate, muxVersion } from "../../main/ssh/system-ssh-wire";

/** What no real ssh says: a fake behind its control socket. */
describe("a control socket that does not keep to the protocol", () => {
  let directory: string;
  let server: Server;
  beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), "evenkeel-mux-"))));
  afterEach(() => {
    server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Answers each packet with the next of these, and gives what is told of it. */
  async function told(...answers: readonly Buffer[]): Promise<string> {
    const left = [...answers];
    const path = join(directory, "c");
    server = createServer((socket) => socket.on("data", () => socket.write(left.shift() ?? Buffer.alloc(0))));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return new Promise((resolve) => {
      openProxy(connect(path), resolve).catch((error: unknown) => resolve(problemOf(error)));
    });
  }

  it.each([
    ["ssh/system-ssh.not-its-protocol", [Buffer.from("SSH-2.0-OpenSSH_9.2\r\n")]],
    ["ssh/system-ssh.no-proxy", [muxPacket(muxHello, muxVersion), muxPacket(muxTerminate, 1)]],
    [
      "ssh/system-ssh.not-its-protocol",
      [muxPacket(muxHello, muxVersion), Buffer.concat([muxPacket(muxProxyAgreed, 1), Buffer.alloc(4, 0xff)])],
    ],
  ])("is told by a code that both languages have words for: %s", async (code, answers) => {
    expect(await told(...answers)).toBe(code);
    for (const language of ["en", "zh-CN"] as const) expect(wordsOf(catalogues[language], code)).toBeDefined();
  });
});
