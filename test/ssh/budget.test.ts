import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createGate } from "../../main/ssh/gate";
import { createRoom } from "../../main/ssh/room";
import { cannotRun, kindOf, realSsh, type RealSsh } from "./real-node";

const limits = { deadlineMs: 40_000, maxBytes: 10_000 };
const storm = Number(process.env.EVENKEEL_STORM ?? 200);

describe.skipIf(cannotRun)("what a node is asked for", () => {
  let ssh: RealSsh;
  beforeAll(() => {
    ssh = realSsh();
  });
  afterAll(() => ssh.close());

  async function askMuchOf(mostSessions: number): Promise<string> {
    const sshd = await ssh.sshd([`MaxSessions ${mostSessions}`]);
    const node = ssh.node(ssh.login(sshd.port));
    const asked = Array.from({ length: 24 }, (_, index) =>
      index % 3 === 0
        ? node.read(`echo ${index}`, limits).then(({ stdout }) => stdout.trim())
        : node.run({ argv: ["sh", "-c", `sleep 0.1; echo ${index}`] }, limits).then(({ stdout }) => stdout.trim()),
    );
    expect(await Promise.all(asked)).toEqual(Array.from({ length: 24 }, (_, index) => String(index)));
    return sshd.log();
  }

  it("works at MaxSessions 1", async () => void (await askMuchOf(1)));
  it("works at MaxSessions 2", async () => void (await askMuchOf(2)));
  it("works at MaxSessions 10, and is refused no session there", async () => {
    expect(await askMuchOf(10)).not.toMatch(/no more sessions/);
  });

  it("streams are not charged to the sessions", async () => {
    const sshd = await ssh.sshd(["MaxSessions 1"]);
    const node = ssh.node(ssh.login(sshd.port));
    const streams = await Promise.all(
      Array.from({ length: 20 }, () => node.dial({ kind: "tcp", host: "127.0.0.1", port: sshd.port }, limits)),
    );
    expect((await node.read("echo still", limits)).stdout).toBe("still\n");
    for (const stream of streams) stream.destroy();
  });

  it("200 logins at once at one default sshd lose none", async () => {
    const sshd = await ssh.sshd(["MaxStartups 10:30:100", "LogLevel VERBOSE"]);
    const names = Array.from({ length: storm }, (_, index) => `node-${index}`);
    const { access } = ssh.access(ssh.login(sshd.port, { strictHostKeyChecking: "accept-new" }), undefined, names);
    const startedAt = performance.now();
    const outcomes = await Promise.all(names.map((name) => kindOf(access.node(name).ready())));
    console.log(
      `storm of ${storm} direct: ${Math.round(performance.now() - startedAt)} ms, dropped ${dropsIn(sshd.log())}`,
    );
    expect(outcomes.filter((kind) => kind !== "no error")).toEqual([]);
    expect(dropsIn(sshd.log())).toBe(0);
    await access.close();
  }, 180_000);

  it("200 logins at once through one default bastion lose none", async () => {
    const sshd = await ssh.sshd(["MaxStartups 10:30:100"]);
    const bastion = await ssh.sshd(["MaxStartups 10:30:100"]);
    const names = Array.from({ length: storm }, (_, index) => `node-${index}`);
    const jumps = [ssh.login(bastion.port, { host: "bastion" })];
    const { access } = ssh.access(ssh.login(sshd.port, { jumps }), undefined, names);
    const startedAt = performance.now();
    const outcomes = await Promise.all(names.map((name) => kindOf(access.node(name).ready())));
    const dropped = dropsIn(sshd.log()) + dropsIn(bastion.log());
    console.log(
      `storm of ${storm} through a bastion: ${Math.round(performance.now() - startedAt)} ms, dropped ${dropped}`,
    );
    expect(outcomes.filter((kind) => kind !== "no error")).toEqual([]);
    expect(dropped).toBe(0);
    await access.close();
  }, 180_000);

  it("a server that takes two logins at once from one address gets two at once", async () => {
    const sshd = await ssh.sshd(["PerSourceMaxStartups 2"]);
    const names = Array.from({ length: 30 }, (_, index) => `node-${index}`);
    const { access } = ssh.access(ssh.login(sshd.port), undefined, names);
    const outcomes = await Promise.all(names.map((name) => kindOf(access.node(name).ready())));
    console.log(`PerSourceMaxStartups 2: dropped ${dropsIn(sshd.log())} before the pace was found`);
    expect(outcomes.filter((kind) => kind !== "no error")).toEqual([]);
    await access.close();
  }, 120_000);

  it("a room lets no more in than it has places, in their order, and forgets who stopped waiting", async () => {
    const room = createRoom(2);
    const never = new AbortController().signal;
    const [one, two] = [await room.enter(never), await room.enter(never)];
    const gone = new AbortController();
    const order: string[] = [];
    const left = room.enter(gone.signal).then(
      () => order.push("left"),
      () => order.push("gave up"),
    );
    const third = room.enter(never).then((leave) => (order.push("third"), leave));
    gone.abort(new Error("no longer"));
    await left;
    one();
    one();
    const leaveThird = await third;
    expect([order, room.taken, room.waiting]).toEqual([["gave up", "third"], 2, 0]);
    room.shrink();
    two();
    expect([room.places, room.taken]).toEqual([1, 1]);
    leaveThird();
    expect(room.taken).toBe(0);
  });

  it("a gate holds back all but its places, and fewer once it was narrowed", async () => {
    const gate = createGate(4);
    let inside = 0;
    let most = 0;
    const work = async (): Promise<void> => {
      inside += 1;
      most = Math.max(most, inside);
      await pause(5);
      inside -= 1;
    };
    await Promise.all(Array.from({ length: 20 }, () => gate.through(work)));
    expect(most).toBe(4);
    gate.narrow();
    gate.narrow();
    most = 0;
    await Promise.all(Array.from({ length: 10 }, () => gate.through(work)));
    expect([most, gate.places]).toEqual([1, 1]);
  });
});

/**
 * What sshd says of a login beyond its limits:
 * ```
 * drop connection #10 from [127.0.0.1]:40852 on [127.0.0.1]:40001 past MaxStartups
 * beginning MaxStartups throttling
 * ```
 */
function dropsIn(log: string): number {
  return log.match(/^(?:error: )?(?:drop connection|.*Not allowed at this time)/gm)?.length ?? 0;
}
