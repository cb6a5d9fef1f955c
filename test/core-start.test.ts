import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Gives, RequestName, Takes } from "../contract/channels";
import type { RunRecord } from "../contract/recovery";
import { runCommand } from "../main/cli/command";
import { systemClock } from "../main/clock";
import { createCore } from "../main/core";
import type { Core } from "../main/core-port";
import { openJournal } from "../main/recovery/journal";
import { noKeyStorage } from "../main/store/secrets";

const leftInDoubt: RunRecord = {
  runId: "left",
  clusterId: "etcd",
  clusterName: "etcd",
  action: "etcd/defragment",
  target: "etcd",
  risk: "R1",
  state: "in-doubt",
  fingerprint: "f",
  operator: "operator",
  reason: "",
  approvedAt: 1,
  endedAt: 2,
  origin: [],
  goal: [],
  steps: [],
  acts: [],
  verdict: null,
  undoObstacle: null,
  needsAcknowledgement: true,
  acknowledgement: null,
};

/** What a core starts from may be damaged, or of another version; what is not of that file goes on all the same. */
describe("the start of the core", () => {
  let directory: string;
  let core: Core | null;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "evenkeel-start-"));
    writeFileSync(join(directory, "ssh_config"), "");
    core = null;
  });
  afterEach(async () => {
    await close();
    rmSync(directory, { recursive: true });
  });

  async function close(): Promise<void> {
    await core?.close();
    core = null;
  }

  function open(mayRecover = true): Core {
    core = createCore({
      userDataDirectory: directory,
      version: "0.0.0",
      electron: "none",
      shell: {
        keyStorage: noKeyStorage,
        chooseSavePath: () => Promise.resolve(null),
        chooseOpenPath: () => Promise.resolve(join(directory, "hosts.conf")),
      },
      sshConfigPath: join(directory, "ssh_config"),
      interactive: false,
      watch: false,
      mayRecover,
    });
    return core;
  }

  async function ask<N extends RequestName>(name: N, argument: Takes<N>): Promise<Gives<N>> {
    const reply = await core?.handle(name, argument);
    if (reply?.ok !== true) throw new Error(`${name}: ${JSON.stringify(reply)}`);
    return reply.value;
  }

  /** One host each, where nobody listens. */
  function keep(...engines: readonly string[]): void {
    const clusters = engines.map((engine) => ({
      clusterId: engine,
      name: engine,
      engine,
      nodes: [{ node: engine, login: { host: "127.0.0.1", port: 1 } }],
      members: [{ member: engine, node: engine, settings: {} }],
      addedAt: 0,
    }));
    writeFileSync(join(directory, "inventory.json"), JSON.stringify(clusters));
  }

  async function evenkeel(...argv: readonly string[]): Promise<{ code: number; out: string[]; err: string[] }> {
    const out: string[] = [];
    const err: string[] = [];
    const code = await runCommand([...argv, "--ssh-config", join(directory, "ssh_config")], {
      version: "0.0.0",
      standardDirectory: directory,
      out: (line) => void out.push(line),
      err: (line) => void err.push(line),
    });
    return { code, out, err };
  }

  it("reads on beside a damaged journal, and says why nothing is recovered", async () => {
    keep("etcd");
    writeFileSync(join(directory, "journal.log"), "not what was written\n");
    const refused = { ok: false, sentence: { code: "recovery/journal-damaged", facts: { line: 1 } } };
    const plan = { clusterId: "etcd", action: "etcd/move-leader", target: "etcd" };
    expect(await open().handle("recovery:plan", plan)).toMatchObject(refused);
    expect(await ask("recovery:journal", undefined)).toMatchObject({
      barred: refused.sentence,
      problem: refused.sentence,
    });
    await ask("cluster:refresh", { clusterId: "etcd" });
    expect(await ask("cluster:read", { clusterId: "etcd" })).toMatchObject({ level: "unknown" });
    expect(await ask("recovery:runs", { clusterId: "etcd" })).toEqual([]);
    const { code, out } = await evenkeel("check", "etcd");
    expect([code, out[0]]).toEqual([3, expect.stringMatching(/^EVENKEEL UNKNOWN - etcd: /)]);
  });

  it("refuses what an open run keeps from being done with what to do about the journal, where that keeps it from being settled", async () => {
    keep("etcd");
    writeFileSync(join(directory, "hosts.conf"), "Host etcd\n  HostName 127.0.0.1\n");
    const journal = openJournal(join(directory, "journal.log"), systemClock);
    journal.write(leftInDoubt);
    journal.close();
    const clusterId = "etcd";
    open();
    const preview = await ask("hosts:preview-import", { format: "ssh-config" });
    const change = { clusterId, nodes: ["etcd"], change: { user: "ops" } };
    const importId = preview?.importId ?? "";
    const codes = async (): Promise<readonly string[]> => {
      const replies = [
        await core?.handle("logins:change", change),
        await core?.handle("hosts:accept-import", { importId }),
        await core?.handle("cluster:forget", { clusterId }),
      ];
      return replies.map((reply) => (reply?.ok === false ? reply.sentence.code : "done"));
    };
    expect(await codes()).toEqual(["request/login-recovering", "request/import-recovering", "request/run-open"]);
    await close();
    appendFileSync(join(directory, "journal.log"), "not what was written\n");
    open();
    const again = (await ask("hosts:preview-import", { format: "ssh-config" }))?.importId ?? "";
    expect(again).not.toBe("");
    const damaged = { ok: false, sentence: { code: "recovery/journal-damaged", facts: { line: 2 } } };
    expect(await core?.handle("logins:change", change)).toMatchObject(damaged);
    expect(await core?.handle("hosts:accept-import", { importId: again })).toMatchObject(damaged);
    expect(await core?.handle("cluster:forget", { clusterId })).toMatchObject(damaged);
    expect(await core?.handle("recovery:acknowledge", { runId: "left", note: "seen" })).toMatchObject(damaged);
    await close();
    // The app settles it, so the command line goes on telling to wait for that.
    open(false);
    expect(await core?.handle("logins:change", change)).toMatchObject({
      sentence: { code: "request/login-recovering" },
    });
  });

  it("reads on where the journal cannot be opened at all", async () => {
    keep("etcd");
    mkdirSync(join(directory, "journal.log"));
    const reply = await open().handle("recovery:plan", {
      clusterId: "etcd",
      action: "etcd/defragment",
      target: "etcd",
    });
    expect(reply).toMatchObject({ ok: false, sentence: { code: "recovery/journal-unwritable" } });
    expect(await ask("fleet:read", undefined)).toHaveLength(1);
    expect(await ask("recovery:runs", { clusterId: "etcd" })).toEqual([]);
    await close();
    open(false);
    expect(await ask("recovery:runs", { clusterId: "etcd" })).toEqual([]);
  });

  it("shows a cluster of an engine it does not know as unknown, with the reason, and reads the others", async () => {
    keep("etcd", "futuredb");
    open();
    const unread = await ask("fleet:read", undefined);
    expect(unread.map(({ clusterId, level }) => [clusterId, level])).toEqual([
      ["etcd", "unknown"],
      ["futuredb", "unknown"],
    ]);
    for (const clusterId of ["etcd", "futuredb"]) await ask("cluster:refresh", { clusterId });
    const read = await ask("cluster:read", { clusterId: "futuredb" });
    expect(read).toMatchObject({
      level: "unknown",
      engine: "futuredb",
      members: [{ member: "futuredb", level: "unknown" }],
    });
    expect(read?.findings).toContainEqual(
      expect.objectContaining({
        code: "assess/EngineUnknown",
        level: "unknown",
        subject: { kind: "cluster" },
        reason: { code: "request/engine-unknown", facts: { engine: "futuredb" } },
      }),
    );
    // Its hosts are hosts like any other.
    expect(read?.findings.map(({ subject }) => subject)).toContainEqual({ kind: "node", node: "futuredb" });
    const plan = { clusterId: "futuredb", action: "futuredb/x", target: "futuredb" };
    expect(await core?.handle("recovery:plan", plan)).toMatchObject({ ok: true, value: { state: "refused" } });
    for (const [language, said] of [
      ["en", "knows no engine futuredb"],
      ["zh-CN", "不认识引擎 futuredb"],
    ] as const) {
      const { code, out } = await evenkeel("check", "futuredb", "--language", language);
      expect([code, out.join("\n")]).toEqual([3, expect.stringContaining(said)]);
      expect(out[0]).toMatch(/^EVENKEEL UNKNOWN - futuredb: /);
    }
    expect((await evenkeel("check", "etcd")).out[0]).toMatch(/^EVENKEEL UNKNOWN - etcd: /);
  });

  it.each([
    ["en", "EVENKEEL UNKNOWN - Evenkeel cannot use "],
    ["zh-CN", "EVENKEEL UNKNOWN - Evenkeel 无法使用 "],
  ])("the command line says first what kept it from starting: %s", async (language, first) => {
    const data = join(directory, "ssh_config", "below-a-file");
    const { code, out, err } = await evenkeel("check", "etcd", "--data", data, "--language", language);
    expect([code, out.length, err]).toEqual([3, 1, []]);
    expect(out[0]).toContain(first);
    expect(out[0]).toContain(data);
  });

  const settings = (readOnly: boolean): string =>
    JSON.stringify({ language: "zh-CN", colours: "dark", readOnly, cycleSeconds: 7 });
  const told = async (): Promise<readonly string[]> =>
    (await ask("damage:read", undefined)).map(({ sentence }) => sentence.code);

  it("only reads after its settings were damaged, with or without a good copy, until a person says otherwise", async () => {
    for (const copy of [settings(false), "{", null]) {
      rmSync(join(directory, "damaged"), { recursive: true, force: true });
      writeFileSync(join(directory, "preferences.json"), settings(true).slice(0, 30));
      rmSync(join(directory, "preferences.json.bak"), { force: true });
      if (copy !== null) writeFileSync(join(directory, "preferences.json.bak"), copy);
      const isCopyGood = copy === settings(false);
      const code = `store/settings-damaged.${isCopyGood ? "copy-before" : "nothing"}`;
      const cycleSeconds = isCopyGood ? 7 : 5;
      for (let start = 1; start <= 3; start += 1) {
        open();
        expect(await ask("preferences:read", undefined)).toMatchObject({ readOnly: true, cycleSeconds });
        expect(await told()).toEqual(start < 3 ? [code] : []);
        // Seen is not the same as switched off.
        if (start === 2)
          for (const { damageId } of await ask("damage:read", undefined)) await ask("damage:acknowledge", { damageId });
        await close();
      }
      open();
      const now = await ask("preferences:read", undefined);
      await ask("preferences:write", { ...now, readOnly: false });
      await close();
      open();
      expect((await ask("preferences:read", undefined)).readOnly).toBe(false);
      await close();
    }
  });

  it("says that its inventory was damaged, in the window and on the command line, until a person has seen it", async () => {
    keep("etcd");
    writeFileSync(join(directory, "inventory.json"), "[{");
    for (const [language, said] of [
      ["en", "begins empty"],
      ["zh-CN", "从空白开始"],
    ] as const) {
      const { code, out, err } = await evenkeel("check", "etcd", "--language", language);
      expect([code, out, err]).toEqual([3, [expect.stringContaining(said)], [expect.stringContaining(said)]]);
      // What is not known of it may have been in it.
      expect(out[0]).toMatch(/^EVENKEEL UNKNOWN - (There is no cluster etcd|清单中没有集群 etcd).*inventory\.json/);
    }
    open();
    const [damage, ...others] = await ask("damage:read", undefined);
    expect([damage?.file, others]).toEqual(["inventory.json", []]);
    expect(readFileSync(String(damage?.sentence.facts.aside), "utf8")).toBe("[{");
    for (const damageId of ["../inventory.json", "inventory.json"]) await ask("damage:acknowledge", { damageId });
    expect(await told()).toEqual(["store/damaged.nothing"]);
    expect(await ask("damage:acknowledge", { damageId: damage?.damageId ?? "" })).toEqual([]);
    expect((await evenkeel("check", "etcd")).out[0]).toMatch(/^EVENKEEL UNKNOWN - There is no cluster etcd/);
  });

  it("says only that a mistyped cluster is unknown once the inventory was written anew, though its damage was not seen", async () => {
    keep("etcd");
    writeFileSync(join(directory, "inventory.json"), "[{");
    expect((await evenkeel("list")).err).toHaveLength(1);
    keep("zookeeper");
    const { out, err } = await evenkeel("check", "zokeeper");
    expect(out).toEqual([expect.stringMatching(/^EVENKEEL UNKNOWN - There is no cluster zokeeper(?!.*damaged)/)]);
    expect(err).toEqual([expect.stringContaining("begins empty")]);
  });

  it("tells a damage on a desktop without the window until the command line was told that it was seen", async () => {
    keep("etcd");
    writeFileSync(join(directory, "inventory.json"), "[{");
    for (const seen of [[], ["--damage-seen"]]) {
      const { code, err } = await evenkeel("list", ...seen);
      expect([code, err]).toEqual([0, [expect.stringContaining("begins empty")]]);
    }
    expect(await evenkeel("list", "--damage-seen")).toEqual({ code: 0, out: [], err: [] });
    open();
    expect(await told()).toEqual([]);
    for (const language of ["en", "zh-CN"])
      expect((await evenkeel("help", "--language", language)).out[0]).toContain("list [--damage-seen]");
  });

  it("tells at once what is damaged while it runs", async () => {
    keep("etcd", "zookeeper");
    const heard: string[] = [];
    open().onEvent((name) => void heard.push(name));
    await ask("cluster:forget", { clusterId: "zookeeper" });
    writeFileSync(join(directory, "inventory.json"), "not what was written");
    // The copy before it is one change older.
    expect((await ask("fleet:read", undefined)).map(({ clusterId }) => clusterId)).toEqual(["etcd", "zookeeper"]);
    expect(heard).toContain("damage:changed");
    expect(await told()).toEqual(["store/damaged.copy-before"]);
  });
});
