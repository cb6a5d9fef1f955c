import { connect, createServer, type Socket } from "node:net";

export type Fault =
  /** Both sockets stay open and nothing is passed on any more. */
  | "freeze"
  /** Only what the server says is held back. */
  | "one-way"
  /** Both sides are closed in order. */
  | "cut"
  /** Both sides are reset. */
  | "reset"
  /** One byte at a time, slower than anything could wait for. */
  | "dribble"
  /** Everything comes, 300 ms late each way. */
  | "slow";

/**
 * A fault that no real server shows on demand: a real TCP relay on loopback that misbehaves when told, or once the server has sent
 * `after` bytes.
 */
export interface Relay {
  readonly port: number;
  fail(fault: Fault): void;
  /** Sockets that are open on either side. */
  open(): number;
  /** Passes everything again on connections made from now on. */
  heal(): void;
  close(): void;
}

export async function startRelay(to: number, when?: { readonly fault: Fault; readonly after: number }): Promise<Relay> {
  const pairs = new Set<Pair>();
  let standing: Fault | null = null;
  const server = createServer((near) => {
    const pair = new Pair(near, connect(to, "127.0.0.1"), when);
    pairs.add(pair);
    pair.onGone = () => pairs.delete(pair);
    if (standing !== null) pair.fail(standing);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  return {
    port: bound !== null && typeof bound === "object" ? bound.port : 0,
    fail: (fault) => {
      standing = fault;
      for (const pair of [...pairs]) pair.fail(fault);
    },
    open: () => pairs.size * 2,
    heal: () => (standing = null),
    close: () => {
      for (const pair of [...pairs]) pair.end();
      server.close();
    },
  };
}

class Pair {
  onGone: () => void = () => undefined;
  private fault: Fault | null = null;
  private passed = 0;
  private readonly timers = new Set<NodeJS.Timeout>();

  constructor(
    private readonly near: Socket,
    private readonly far: Socket,
    when?: { readonly fault: Fault; readonly after: number },
  ) {
    near.setNoDelay(true);
    far.setNoDelay(true);
    near.on("data", (chunk: Buffer) => this.pass(chunk, far, "up"));
    far.on("data", (chunk: Buffer) => {
      this.passed += chunk.length;
      if (when !== undefined && this.fault === null && this.passed > when.after) this.fail(when.fault);
      this.pass(chunk, near, "down");
    });
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("end", () => this.fault === null && other.end());
      one.on("close", () => {
        if (this.fault === null || this.fault === "slow" || one === near) this.end();
      });
    }
  }

  fail(fault: Fault): void {
    this.fault = fault;
    if (fault === "cut") this.end();
    if (fault === "reset") {
      this.near.resetAndDestroy();
      this.far.resetAndDestroy();
      this.end();
    }
  }

  end(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.near.destroy();
    this.far.destroy();
    this.onGone();
  }

  private pass(chunk: Buffer, to: Socket, way: "up" | "down"): void {
    switch (this.fault) {
      case null:
        if (!to.destroyed) to.write(chunk);
        return;
      case "freeze":
      case "cut":
      case "reset":
        return;
      case "one-way":
        if (way === "up") to.write(chunk);
        return;
      case "slow":
        this.later(300, () => to.write(chunk));
        return;
      case "dribble":
        for (const [index, byte] of [...chunk].slice(0, 200).entries())
          this.later(3_000 * (index + 1), () => to.write(Buffer.from([byte])));
        return;
    }
  }

  private later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      if (!this.near.destroyed && !this.far.destroyed) work();
    }, ms);
    this.timers.add(timer);
  }
}
