import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { hostKeyRecordSchema, type HostKeyRecord } from "../../contract/host-keys";
import { systemClock } from "../../main/clock";
import { RequestError } from "../../main/ipc/answer";
import { createHostKeyDesk, type HostKeyDesk, type Replacement } from "../../main/ipc/host-keys";
import type { ResolvedLogin } from "../../main/ssh/resolved-login";
import { createSessionSecrets } from "../../main/ssh/session-secrets";
import { openAuditLog, type AuditLog } from "../../main/store/audit-log";
import { StoreError } from "../../main/store/durable-file";
import { freePort } from "../lab/free-port";
import { startSshd, systemSshd, type Sshd } from "../lab/sshd";
import { createPerson, kindsOf, loginTo, outcomeOf, type Person } from "./person";

describe.skipIf(systemSshd() === null && process.env.CI !== "true")("a changed host key is replaced", () => {
  let directory: string;
  let sshd: Sshd;
  let known: string;
  let stranger: string;
  let login: ResolvedLogin;
  let desk: HostKeyDesk;
  let log: AuditLog<HostKeyRecord>;
  let person: Person;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "evenkeel-replace-"));
    for (const name of ["id", "stranger"])
      execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", join(directory, name)]);
    stranger = readFileSync(join(directory, "stranger.pub"), "utf8").trim();
    sshd = await startSshd({
      directory: join(directory, "sshd"),
      address: "127.0.0.1",
      port: await freePort(["127.0.0.1"]),
      authorizedKeys: [readFileSync(join(directory, "id.pub"), "utf8").trim()],
      hostKeyTypes: ["ed25519", "rsa"],
    });
  });
  afterAll(async () => {
    await sshd.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  beforeEach(() => {
    const home = mkdtempSync(join(directory, "case-"));
    known = join(home, "known_hosts");
    writeFileSync(
      known,
      `# mine\nother ${stranger}\n[127.0.0.1]:${sshd.port} ${stranger} old\n@revoked x ${stranger}\n`,
    );
    login = loginTo(sshd.port, {
      identityFiles: [join(directory, "id")],
      userKnownHostsFiles: [known],
      strictHostKeyChecking: "yes",
    });
    log = openAuditLog(join(home, "host-keys.log"), hostKeyRecordSchema);
    person = createPerson();
    const parts = { clock: systemClock, asker: person, secrets: createSessionSecrets(), operator: "admin" };
    desk = createHostKeyDesk({ ...parts, log, resolve: () => Promise.resolve(login) });
  });

  const printOf = (line: string): string =>
    execFileSync("ssh-keygen", ["-l", "-f", "-"], { input: `${line}\n`, encoding: "utf8" }).split(" ")[1] ?? "";
  const asked = (said: Partial<Replacement> = {}): Replacement => ({
    login: { host: "node" },
    typed: `[127.0.0.1]:${sshd.port}`,
    oldFingerprint: printOf(stranger),
    newFingerprint: printOf(sshd.hostKeys[0] ?? ""),
    reason: "reinstalled",
    ...said,
  });
  const refusal = async (said: Partial<Replacement>): Promise<string> => {
    const error: unknown = await desk.replace(asked(said)).catch((one: unknown) => one);
    return error instanceof RequestError ? error.sentence.code : String(error);
  };

  it("shows what is known and what the host shows, logs in nowhere and asks nobody", async () => {
    const found = await desk.read({ host: "node" });
    expect(found.known).toEqual([{ keyType: "ssh-ed25519", fingerprint: printOf(stranger), where: `${known}:3` }]);
    expect(found.presented.map(({ fingerprint }) => fingerprint).sort()).toEqual(sshd.hostKeys.map(printOf).sort());
    expect([kindsOf(person), sshd.log().includes("Accepted")]).toEqual([[], false]);
  });

  it("replaces a changed key by typed name and both fingerprints, on record, and touches no other line", async () => {
    expect(await outcomeOf(login)).toBe("host-key-changed");
    const before = readFileSync(known, "utf8");
    await desk.replace(asked());
    const [key] = sshd.hostKeys;
    expect(readFileSync(known, "utf8")).toBe(
      `# mine\nother ${stranger}\n@revoked x ${stranger}\n[127.0.0.1]:${sshd.port} ${key}\n`,
    );
    expect(readFileSync(`${known}.old`, "utf8")).toBe(before);
    expect(await outcomeOf(login)).toBe("connected");
    expect(log.records().map(({ state, operator, reason }) => [state, operator, reason])).toEqual([
      ["begun", "admin", "reinstalled"],
      ["done", "admin", "reinstalled"],
    ]);
  });

  it("replaces nothing where a name or a fingerprint is not what it is said to be", async () => {
    const before = readFileSync(known, "utf8");
    expect(await refusal({ typed: "127.0.0.1" })).toBe("request/host-key-name");
    expect(await refusal({ oldFingerprint: printOf(sshd.hostKeys[0] ?? "") })).toBe("request/host-key-not-known");
    expect(await refusal({ newFingerprint: printOf(stranger) })).toBe("request/host-key-not-shown");
    login = { ...login, globalKnownHostsFiles: [known], userKnownHostsFiles: [join(directory, "none")] };
    expect(await refusal({})).toBe("request/host-key-elsewhere");
    expect([readFileSync(known, "utf8"), existsSync(`${known}.old`), log.records()]).toEqual([before, false, []]);
  });

  it("replaces nothing with a revoked key", async () => {
    writeFileSync(known, `${readFileSync(known, "utf8")}@revoked * ${sshd.hostKeys[0]}\n`);
    expect(await refusal({})).toBe("request/host-key-revoked");
  });

  it("changes nothing where the record cannot be kept, or was tampered with", async () => {
    await desk.replace(asked());
    const path = join(known, "..", "host-keys.log");
    writeFileSync(path, readFileSync(path, "utf8").replace("reinstalled", "nothing"));
    const before = readFileSync(known, "utf8");
    const again = { oldFingerprint: printOf(sshd.hostKeys[0] ?? ""), newFingerprint: printOf(sshd.hostKeys[1] ?? "") };
    await expect(desk.replace(asked(again))).rejects.toThrow(StoreError);
    expect(readFileSync(known, "utf8")).toBe(before);
  });

  it("cuts off a last line of the record that a crash cut short", () => {
    const path = join(known, "..", "torn.log");
    const torn = openAuditLog(path, hostKeyRecordSchema);
    const record: HostKeyRecord = {
      ...{ state: "begun", at: 1, operator: "admin", name: "db-1", file: known },
      ...{ oldFingerprint: "a", newFingerprint: "b", reason: "c" },
    };
    torn.append(record);
    writeFileSync(path, `${readFileSync(path, "utf8")}5f0c half a li`);
    torn.append({ ...record, state: "done" });
    expect(torn.records().map(({ state }) => state)).toEqual(["begun", "done"]);
  });
});
