import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { postgresqlLogs } from "../../main/engine/postgresql/logs";
import { explainLines, mergeLines } from "../../main/logs/explain-lines";

const recorded = (name: string): string => readFileSync(join(import.meta.dirname, name), "utf8");
/** PostgreSQL 15.20 on Debian 12: a standby that was promoted, stopped and started again. */
const file = recorded("postgresql-15-promoted-then-diverged.log");
/** etcd 3.4.23 on Debian 12, as `journalctl -o short-unix` gives it. */
const journal = recorded("etcd-3.4-started.journal");

describe("log lines", () => {
  const origin = { member: "p2", node: "p2", kind: "file", clockOffsetMs: 2_000 } as const;

  it("are put on the desktop's clock", () => {
    const [first] = explainLines(file, postgresqlLogs, origin);
    expect(first?.at).toBe(Date.parse("2026-11-23T22:27:17.690Z"));
  });

  it("without a time stay with the line before", () => {
    const [first, second] = explainLines(`${file.split("\n")[0] ?? ""}\n\tat the end of`, postgresqlLogs, origin);
    expect(second?.at).toBe(first?.at);
  });

  it("are explained where a pattern knows them, and only there", () => {
    const explained = explainLines(file, postgresqlLogs, origin).flatMap(({ explanation }) => explanation?.code ?? []);
    expect(new Set(explained)).toEqual(
      new Set(["postgresql/log.interrupted", "postgresql/log.ready", "postgresql/log.promoted"]),
    );
  });

  it("of a journal lose the time and the host they were asked for with", () => {
    const lines = explainLines(journal, postgresqlLogs, { ...origin, kind: "journal", clockOffsetMs: null });
    expect(lines[2]?.at).toBe(1_795_518_342_480);
    expect(lines[2]?.text).toBe("systemd[1]: Started etcd.service - etcd - highly-available key value store.");
  });

  it("of several members are merged by time and cut to the newest", () => {
    const late = explainLines(journal, postgresqlLogs, {
      ...origin,
      member: "e1",
      kind: "journal",
      clockOffsetMs: null,
    });
    const merged = mergeLines([late, explainLines(file, postgresqlLogs, origin)], 5);
    expect(merged.map(({ member }) => member)).toEqual(["p2", "p2", "e1", "e1", "e1"]);
  });
});
