import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as turn, setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../main/clock";
import { performDurably, recallDurably } from "../../main/probe/perform-durably";
import type { Access, Command } from "../../main/ssh/access";
import { durableScriptSha256 } from "../../main/ssh/durable-run";
import { childrenOf, type Sshd } from "../lab/sshd";
import { cannotRun, realSsh, type RealSsh } from "./real-node";
import { startRelay } from "./relay";

const limits = { deadlineMs: 20_000, maxBytes: 64 << 10 };
const cuts = Number(process.env.EVENKEEL_LINK_CUTS ?? 40);
const base = process.getuid?.() === 0 ? "/var/lib/evenkeel" : join(process.env.HOME ?? "/", ".local/state/evenkeel");

/** How far a command had come on its node when the link was cut, as its record there showed. */
const moments = [
  "before the claim",
  "after the claim, before the start",
  "while it runs",
  "after its end, before it was read",
  "after it was read",
] as const;
type Moment = (typeof moments)[number];

interface CutRow {
  cuts: number;
  recovered: number;
  neverBegun: number;
  other: number;
}

function momentOf(record: string): Moment {
  if (existsSync(join(record, "rc"))) return "after its end, before it was read";
  if (existsSync(join(record, "started"))) return "while it runs";
  return existsSync(record) ? "after the claim, before the start" : "before the claim";
}

function tableText(table: ReadonlyMap<Moment, CutRow>): string {
  const lines = [...table].map(([moment, { cuts: count, recovered, neverBegun, other }]) =>
    [moment.padEnd(34), ...[count, recovered, neverBegun, other].map((one) => String(one).padStart(11))].join(" "),
  );
  const head = ["cuts", "one effect", "never begun", "other"].map((one) => one.padStart(11)).join(" ");
  return [`link cuts: ${cuts}`, `${"moment".padEnd(34)} ${head}`, ...lines].join("\n");
}

describe.skipIf(cannotRun)("a command that changes a node", () => {
  let ssh: RealSsh;
  let sshd: Sshd;
  const ids: string[] = [];
  const newId = (): string => {
    const id = `test-${randomUUID()}`;
    ids.push(id);
    return id;
  };
  /** Leaves one line behind each time it runs. */
  const leave = (name: string, then = ":"): Command => ({
    argv: ["/bin/sh", "-c", `echo ran >> "$1"; ${then}`, "sh", join(ssh.directory, name)],
  });
  const effects = (name: string): number => {
    const path = join(ssh.directory, name);
    return existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0;
  };
  const parts = (access: Access) => ({
    access: access.node("node"),
    clock: systemClock,
    hurry: () => access.hurry(["node"]),
  });

  beforeAll(async () => {
    ssh = realSsh();
    sshd = await ssh.sshd();
  });
  afterAll(async () => {
    await ssh.close();
    for (const id of ids) rmSync(join(base, id), { recursive: true, force: true });
  });

  it("runs once for an id, whoever asks and however often, and what it said is kept on the node", async () => {
    const node = ssh.node(ssh.login(sshd.port));
    const id = newId();
    const command = leave("once", "echo out; echo err >&2; exit 7");
    const first = await node.runDurably(id, command, limits);
    expect(first).toEqual({
      kind: "done",
      ending: { kind: "exited", code: 7 },
      by: "itself",
      output: "out\nerr\n",
      droppedBytes: 0,
    });
    const other = ssh.node(ssh.login(sshd.port));
    expect(await other.runDurably(id, command, limits)).toEqual(first);
    expect(await other.reattach(id)).toEqual(first);
    expect(effects("once")).toBe(1);
    expect(readFileSync(join(base, id, "effect"), "utf8")).toBe(`${node.shown(command)}\n`);
    expect(readFileSync(join(base, id, "spec"), "utf8")).toContain(durableScriptSha256);
  });

  it("is given its input, and hostile words byte for byte", async () => {
    const node = ssh.node(ssh.login(sshd.port));
    const words = ["it's", "$HOME\n!", "\\", "", "\u{1F600}"] as const;
    const said = await node.runDurably(
      newId(),
      { argv: ["sh", "-c", 'cat; printf "<%s>" "$@"', "sh", ...words], stdin: "in\nput" },
      limits,
    );
    expect(said).toMatchObject({ output: `in\nput${words.map((word) => `<${word}>`).join("")}` });
  });

  it("has one winner when two desktops send the same id at once", async () => {
    const nodes = await Promise.all([0, 1].map(() => Promise.resolve(ssh.node(ssh.login(sshd.port)))));
    await Promise.all(nodes.map((node) => node.ready()));
    for (let round = 0; round < 10; round += 1) {
      const id = newId();
      const states = await Promise.all(nodes.map((node) => node.runDurably(id, leave(`race-${round}`), limits)));
      expect(states.some((state) => state.kind === "done")).toBe(true);
      expect(effects(`race-${round}`)).toBe(1);
    }
  });

  it("is refused while another change runs on the node, and says which", async () => {
    const nodes = [ssh.node(ssh.login(sshd.port)), ssh.node(ssh.login(sshd.port))] as const;
    const [holding, late] = [newId(), newId()];
    const running = nodes[0].runDurably(holding, leave("holding", "sleep 3"), limits);
    while (effects("holding") === 0) await pause(50);
    const refused = await nodes[1].runDurably(late, leave("late"), limits);
    expect(refused).toMatchObject({ kind: "refused", error: { kind: "node-busy", facts: { holder: holding } } });
    expect((await running).kind).toBe("done");
    expect(await nodes[1].runDurably(late, leave("late"), limits)).toMatchObject({ kind: "refused" });
    expect(effects("late")).toBe(0);
  });

  it("goes on without its link, and tells its ending to whoever reattaches", async () => {
    const { access } = ssh.access(ssh.login(sshd.port));
    const id = newId();
    const running = access.node("node").runDurably(id, leave("cut", "sleep 2; exit 3"), limits);
    while (effects("cut") === 0) await pause(20);
    for (const pid of childrenOf(sshd.pid)) {
      const name = readFileSync(`/proc/${pid}/comm`, "utf8").trim();
      if (name === "sshd") process.kill(pid, "SIGKILL");
    }
    expect(await running).toEqual({ kind: "unseen" });
    access.hurry(["node"]);
    expect(await access.node("node").reattach(id)).toMatchObject({ kind: "alive", hasKeeper: true });
    expect(await recallDurably(parts(access), id, 60_000)).toMatchObject({
      kind: "answered",
      problem: { facts: { code: 3 } },
    });
    expect(effects("cut")).toBe(1);
  });

  it("hurries one login after its link is lost, and then waits as any link does for a node that stays away", async () => {
    const relay = await startRelay(sshd.port);
    const { access } = ssh.access(ssh.login(relay.port));
    await access.node("node").ready();
    let hurries = 0;
    const counted = { ...parts(access), hurry: () => void ((hurries += 1), access.hurry(["node"])) };
    const working = performDurably(counted, newId(), leave("away", "sleep 1; exit 5"), 20_000);
    while (effects("away") === 0) await pause(20);
    relay.fail("reset");
    await pause(3_000);
    expect(hurries).toBe(1);
    relay.heal();
    expect(await working).toMatchObject({ kind: "answered", problem: { facts: { code: 5 } } });
    expect([hurries, effects("away")]).toEqual([1, 1]);
    relay.close();
  });

  it(
    "has exactly one effect and a recovered ending wherever the link is cut",
    async () => {
      const table = new Map(moments.map((moment) => [moment, { cuts: 0, recovered: 0, neverBegun: 0, other: 0 }]));
      const least = (): Moment =>
        moments.slice(0, -1).reduce((one, other) => (rowOf(other).cuts < rowOf(one).cuts ? other : one));
      const rowOf = (moment: Moment): CutRow => table.get(moment) ?? { cuts: 0, recovered: 0, neverBegun: 0, other: 0 };
      const relay = await startRelay(sshd.port);
      const { access } = ssh.access(ssh.login(relay.port));
      const startedAt = performance.now();
      await performDurably(parts(access), newId(), leave("uncut", "sleep 0.05; exit 5"), 20_000);
      const wholeMs = performance.now() - startedAt;
      let busy = 0;
      for (let at = 0; at < cuts + busy; at += 1) {
        access.hurry(["node"]);
        await access.node("node").ready();
        const id = newId();
        const state = { isRead: false };
        const working = performDurably(parts(access), id, leave(`cut-${at}`, "sleep 0.05; exit 5"), 20_000).finally(
          () => (state.isRead = true),
        );
        const now = (): Moment => (state.isRead ? "after it was read" : momentOf(join(base, id)));
        // Half of them at any time at all, half at the moment that was met least.
        if (at % 4 < 2) await pause(Math.random() * wholeMs);
        else for (const aim = least(); moments.indexOf(now()) < moments.indexOf(aim);) await turn();
        const moment = now();
        relay.fail(at % 2 === 0 ? "cut" : "reset");
        relay.heal();
        const performed = await working;
        const ran = effects(`cut-${at}`);
        // Refused before the link was cut, because the one before or another test was not quite done: no cut at all.
        if (moment === "after it was read" && performed.kind === "not-sent" && ran === 0) {
          busy += 1;
          expect(busy).toBeLessThan(cuts);
          continue;
        }
        const isRecovered = performed.kind === "answered" && performed.problem?.facts["code"] === 5 && ran === 1;
        const row = rowOf(moment);
        row.cuts += 1;
        if (isRecovered) row.recovered += 1;
        else if (performed.kind === "not-sent" && ran === 0) row.neverBegun += 1;
        else {
          row.other += 1;
          console.log(`link cut ${moment}: ran ${ran} times, told ${JSON.stringify(performed)}`);
        }
      }
      relay.close();
      console.log(`${tableText(table)}\nrefused before it could be cut: ${busy}`);
      expect([...table.values()].reduce((sum, { other }) => sum + other, 0)).toBe(0);
      // Nothing that had started is told as never begun.
      for (const moment of ["while it runs", "after its end, before it was read", "after it was read"] as const)
        expect([moment, rowOf(moment).neverBegun]).toEqual([moment, 0]);
      expect(moments.slice(0, -1).filter((moment) => rowOf(moment).cuts === 0)).toEqual([]);
    },
    60_000 + cuts * 5_000,
  );

  it("cannot begin any more once it was withdrawn, and is told apart from one that ran", async () => {
    const node = ssh.node(ssh.login(sshd.port));
    const id = newId();
    expect(await node.reattach(id)).toEqual({ kind: "none" });
    expect(await node.withdraw(id)).toMatchObject({ kind: "refused", error: { kind: "withdrawn" } });
    expect(await node.runDurably(id, leave("withdrawn"), limits)).toMatchObject({ kind: "refused" });
    expect(effects("withdrawn")).toBe(0);
    const ran = newId();
    await node.runDurably(ran, leave("ran"), limits);
    expect(await node.withdraw(ran)).toMatchObject({ kind: "done" });
  });

  it("is ended by the node itself at its deadline, with all it started", async () => {
    const node = ssh.node(ssh.login(sshd.port));
    // The second is the command's; a login on a busy machine may take one by itself.
    await node.ready();
    const stubborn = `(trap '' TERM; echo $$ > "$1.pid"; while :; do sleep 1; done) & trap '' TERM; wait`;
    const state = await node.runDurably(newId(), leave("late-one", stubborn), { ...limits, deadlineMs: 1_000 });
    expect(state).toMatchObject({ kind: "done", by: "deadline" });
    expect(processesWith(join(ssh.directory, "late-one"))).toBe("");
  });

  it("is called cancelled only when nothing of it is left", async () => {
    const { access } = ssh.access(ssh.login(sshd.port));
    const [one, other] = [access.node("node"), ssh.node(ssh.login(sshd.port))];
    const id = newId();
    const running = one.runDurably(id, leave("cancel", `(trap '' TERM; sleep 300) & sleep 300`), limits);
    while (effects("cancel") === 0) await pause(20);
    expect(await other.cancel(id)).toMatchObject({ kind: "done", by: "cancel" });
    expect(await running).toMatchObject({ kind: "done", by: "cancel" });
    expect(processesWith(join(ssh.directory, "cancel"))).toBe("");
  });

  it("does not wait for a daemon it leaves behind, nor keep the node's lock for it", async () => {
    const node = ssh.node(ssh.login(sshd.port));
    const state = await node.runDurably(newId(), leave("daemon", "setsid sleep 4 & echo up"), limits);
    expect(state).toMatchObject({ kind: "done", ending: { code: 0 }, output: "up\n", droppedBytes: null });
    expect(await node.runDurably(newId(), leave("after"), limits)).toMatchObject({ kind: "done" });
  });

  it("keeps what it said up to a cap, counts the rest and lets it end", async () => {
    const node = ssh.node(ssh.login(sshd.port));
    const flood: Command = { argv: ["head", "-c", "1000000000", "/dev/zero"] };
    const state = await node.runDurably(newId(), flood, { deadlineMs: 60_000, maxBytes: 1_000 });
    expect(state).toMatchObject({ kind: "done", ending: { code: 0 }, droppedBytes: 999_999_000 });
  });

  it("is told as dead, and never as ended, after a restart of the node", async () => {
    const node = ssh.node(ssh.login(sshd.port));
    const id = newId();
    await node.runDurably(id, leave("reboot"), limits);
    // A fake: no restart can be had here, so the record is made what a restart in the middle of the command leaves behind.
    rmSync(join(base, id, "rc"));
    writeFileSync(join(base, id, "started"), "1 1 00000000-0000-0000-0000-000000000000\n");
    expect(await node.reattach(id)).toMatchObject({ kind: "dead", isRebooted: true });
    expect(await node.runDurably(id, leave("reboot"), limits)).toMatchObject({ kind: "dead" });
    expect(effects("reboot")).toBe(1);
    const { access } = ssh.access(ssh.login(sshd.port));
    expect(await recallDurably(parts(access), id, 60_000)).toMatchObject({ kind: "unknown" });
  });
});

/** Processes whose command line holds a text, this one's own search left out. */
function processesWith(text: string): string {
  const lines = execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" }).split("\n");
  return lines.filter((line) => line.includes(text) && !line.includes("ps -eo")).join("\n");
}
