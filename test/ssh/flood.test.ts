import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemSshd } from "../lab/sshd";
import { hostLines, makeWorld, type Transport, type World } from "./transport-world";

const limits = { deadlineMs: 120_000, maxBytes: 100_000 };
const floodBytes = Number(process.env.EVENKEEL_FLOOD_BYTES ?? 256_000_000);
const mostGrowthBytes = 150 * 2 ** 20;
const transports: readonly Transport[] = ["built-in", "system"];

/** A service that sends each caller so many bytes, in pieces of so many. */
const service = `
  const [path, total, size] = process.argv.slice(1);
  require("net").createServer((socket) => {
    let left = Number(total);
    const piece = Buffer.alloc(Number(size), 7);
    socket.on("error", () => socket.destroy());
    const send = () => {
      while (left > 0) {
        left -= piece.length;
        if (!socket.write(piece)) return socket.once("drain", send);
      }
      socket.end();
    };
    socket.setNoDelay(true);
    send();
  }).listen(path, () => console.log("listening"));`;

describe.skipIf(systemSshd() === null && process.env.CI !== "true")("a node that floods", () => {
  let world: World;
  const services: ChildProcess[] = [];

  beforeAll(async () => {
    world = await makeWorld();
  });
  afterAll(async () => {
    for (const one of services) one.kill();
    await world.close();
  });

  async function serve(name: string, totalBytes: number, pieceBytes: number): Promise<string> {
    const path = join(world.directory, name);
    const child = spawn(process.execPath, ["-e", service, path, String(totalBytes), String(pieceBytes)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    services.push(child);
    await once(child.stdout, "data");
    return path;
  }

  /** What the work gave, and by how much this process grew at most meanwhile. */
  async function grown<T>(work: () => Promise<T>): Promise<{ result: T; grownBytes: number }> {
    const before = process.memoryUsage.rss();
    let most = before;
    const watch = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 10);
    try {
      const result = await work();
      return { result, grownBytes: Math.max(most, process.memoryUsage.rss()) - before };
    } finally {
      clearInterval(watch);
    }
  }

  const size = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
  const reach = (transport: Transport) => world.reach(transport, hostLines(world, "plain")).node;

  it("is stopped when it says far more than may be kept, on either stream or both, in bounded memory", async () => {
    const floods = {
      stdout: `head -c ${floodBytes} /dev/zero`,
      stderr: `head -c ${floodBytes} /dev/zero >&2`,
      both: `head -c ${floodBytes} /dev/zero & head -c ${floodBytes} /dev/zero >&2; wait`,
    };
    for (const transport of transports) {
      const node = reach(transport);
      await node.ready();
      for (const [name, script] of Object.entries(floods)) {
        const { result, grownBytes } = await grown(() => node.run({ argv: ["sh", "-c", script] }, limits));
        console.log(`flood of ${size(floodBytes)} on ${name}, ${transport}: ${size(grownBytes)} of memory`);
        expect([transport, name, result.ending.kind]).toEqual([transport, name, "truncated"]);
        expect(result.stdout.length + result.stderr.length).toBeLessThanOrEqual(2 * limits.maxBytes);
        expect(grownBytes).toBeLessThan(mostGrowthBytes);
        expect((await node.read("echo still", limits)).stdout).toBe("still\n");
      }
    }
  });

  it("may send a stream of any length, no byte of it lost, in bounded memory", async () => {
    const path = await serve("flood.sock", floodBytes, 64_000);
    for (const transport of transports) {
      const stream = await reach(transport).dial({ kind: "socket", path }, limits);
      let bytes = 0;
      const startedAt = performance.now();
      const { grownBytes } = await grown(async () => {
        for await (const piece of stream) bytes += (piece as Buffer).length;
      });
      const tookMs = Math.round(performance.now() - startedAt);
      console.log(`stream of ${size(floodBytes)}, ${transport}: ${tookMs} ms, ${size(grownBytes)} of memory`);
      expect(bytes).toBe(Math.ceil(floodBytes / 64_000) * 64_000);
      expect(grownBytes).toBeLessThan(mostGrowthBytes);
    }
  });

  it("may say it in pieces of one byte, no byte of it lost, in bounded memory", async () => {
    const path = await serve("drip.sock", 100_000, 1);
    const drip = "dd if=/dev/zero bs=1 count=100000 2>/dev/null";
    for (const transport of transports) {
      const node = reach(transport);
      const { result, grownBytes } = await grown(async () => {
        const stream = await node.dial({ kind: "socket", path }, limits);
        let bytes = 0;
        const reading = (async () => {
          for await (const piece of stream) bytes += (piece as Buffer).length;
        })();
        const [output] = await Promise.all([node.run({ argv: ["sh", "-c", drip] }, limits), reading]);
        return [output.stdout.length, output.ending, output.droppedBytes, bytes];
      });
      expect([transport, result]).toEqual([transport, [100_000, { kind: "exited", code: 0 }, 0, 100_000]]);
      expect(grownBytes).toBeLessThan(mostGrowthBytes);
    }
  });
});
