import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { openDocument } from "../../main/store/durable-file";
import { takeLock } from "../../main/store/lock";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "evenkeel-lock-"));
  path = join(directory, "journal.lock");
});
afterEach(() => rmSync(directory, { recursive: true }));

/** A process that lives until it is told to end. */
async function another(): Promise<ChildProcess> {
  const child = spawn(process.execPath, ["-e", "console.log('up'); process.stdin.resume()"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  await once(child.stdout, "data");
  return child;
}

function holder(pid: number, startedAt: string | null): string {
  return JSON.stringify({ host: hostname(), pid, startedAt, token: "other" });
}

function startOf(pid: number): string {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
}

describe("a lock", () => {
  it("is had once, says who has it, and is free after its release", () => {
    const first = takeLock(path, "one");
    expect(takeLock(path, "two")).toMatchObject({ kind: "busy", by: { pid: process.pid, token: "one" } });
    if (first.kind === "held") first.release();
    expect(existsSync(path)).toBe(false);
    expect(takeLock(path, "two").kind).toBe("held");
  });

  it.skipIf(process.platform !== "linux")(
    "of a process that lives is respected; of one that was killed it is taken over",
    async () => {
      const child = await another();
      const pid = child.pid ?? 0;
      writeFileSync(path, holder(pid, startOf(pid)));
      expect(takeLock(path, "one")).toMatchObject({ kind: "busy", by: { pid } });
      child.kill("SIGKILL");
      await once(child, "exit");
      expect(takeLock(path, "one").kind).toBe("held");
    },
  );

  it.skipIf(process.platform !== "linux")(
    "of a dead process whose number was given to another is taken over",
    async () => {
      const child = await another();
      writeFileSync(path, holder(child.pid ?? 0, "1"));
      expect(takeLock(path, "one").kind).toBe("held");
      child.kill();
    },
  );

  it("of another host, or one that cannot be read, is respected", () => {
    writeFileSync(path, JSON.stringify({ host: "elsewhere", pid: 1, startedAt: null, token: "x" }));
    expect(takeLock(path, "one")).toMatchObject({ kind: "busy", by: { host: "elsewhere" } });
    writeFileSync(path, "{");
    expect(takeLock(path, "one")).toEqual({ kind: "busy", by: null });
  });
});

const machine = existsSync("/etc/machine-id") ? readFileSync("/etc/machine-id", "utf8").trim() : "";
const bootPath = "/proc/sys/kernel/random/boot_id";
const boot = existsSync(bootPath) ? readFileSync(bootPath, "utf8").trim() : null;

describe.skipIf(!/^[0-9a-f]{32}$/.test(machine))("a lock of a machine that has an id", () => {
  it.skipIf(boot === null)(
    "is taken over when its process is gone, though the machine was named anew since it started",
    async () => {
      const child = await another();
      const { pid = 0 } = child;
      const left = { host: "as-dhcp-named-it", machine, boot, pid, startedAt: startOf(pid), token: "x" };
      writeFileSync(path, JSON.stringify(left));
      expect(takeLock(path, "one")).toMatchObject({ kind: "busy", by: { host: "as-dhcp-named-it" } });
      child.kill("SIGKILL");
      await once(child, "exit");
      expect(takeLock(path, "one").kind).toBe("held");
      expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ machine, boot, host: hostname() });
    },
  );

  it.each(["3f6c1c56-9d0a-4f0e-8d0f-6a2b7c1d9e10", null])(
    "is respected under another name when it did not start with this one (%s): machines of one image share their id",
    (other) => {
      const left = { host: "its-clone", machine, boot: other, pid: 2 ** 22 + 1, startedAt: null, token: "x" };
      writeFileSync(path, JSON.stringify(left));
      expect(takeLock(path, "one")).toMatchObject({ kind: "busy", by: { host: "its-clone" } });
    },
  );

  it("is respected when it is another machine's, though that has the same name", () => {
    const left = { host: hostname(), machine: "0".repeat(32), pid: 2 ** 22 + 1, startedAt: null, token: "x" };
    writeFileSync(path, JSON.stringify(left));
    expect(takeLock(path, "one").kind).toBe("busy");
  });
});

describe("a document that two processes write", () => {
  const open = (): ReturnType<typeof openDocument<string[]>> =>
    openDocument(join(directory, "inventory.json"), z.array(z.string()), [], {
      nowMs: () => 1,
      noted: () => undefined,
    });

  it("loses nothing: each change is made to what is on the disk", () => {
    const app = open();
    const commandLine = open();
    app.update((now) => [...now, "a"]);
    commandLine.update((now) => [...now, "b"]);
    app.update((now) => [...now, "c"]);
    expect([app.read(), commandLine.read()]).toEqual([
      ["a", "b", "c"],
      ["a", "b", "c"],
    ]);
  });

  it("is left as it is, and says who has it, while the other does not let go", () => {
    const app = open();
    app.update(() => ["a"]);
    takeLock(join(directory, "inventory.json.lock"), "other");
    expect(() => app.update(() => ["b"])).toThrow("in-use");
    expect(open().read()).toEqual(["a"]);
  });
});
