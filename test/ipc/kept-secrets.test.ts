import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Answer } from "../../contract/inventory";
import { answerFromKept, type KeptSecretsAsker } from "../../main/ipc/kept-secrets";
import { createSecretVault, type SecretVault } from "../../main/store/secrets";
import { fakeKeyStorage } from "../fake/fake-key-storage";
import { createPerson, type Person } from "../ssh/person";

let directory: string;
let vault: SecretVault;
let person: Person;
let desk: KeptSecretsAsker;

function start(): void {
  vault = createSecretVault({
    path: join(directory, "secrets.json"),
    storage: fakeKeyStorage("me"),
    nowMs: () => 1,
  });
  person = createPerson(() => typed("typed"));
  desk = answerFromKept(person, vault);
}
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "evenkeel-kept-"));
  start();
});
afterEach(() => rmSync(directory, { recursive: true }));

const typed = (secret: string, forAllHosts = false): Answer => ({ kind: "secret", secret, keep: true, forAllHosts });
const password = (node: string, attempt = 1) => ({ kind: "password", user: "admin", node, attempt }) as const;
const passphrase = { kind: "passphrase", node: "db-1", identityFile: "/key", attempt: 1 } as const;
const sudo = { kind: "sudo-password", node: "db-1", user: "admin", attempt: 1 } as const;
const engine = { kind: "engine-password", node: "db-1", engine: "postgresql", user: "admin", attempt: 1 } as const;

/** As the person's answer to the question arrives. */
async function kept(question: Parameters<typeof desk.ask>[0], answer: Answer): Promise<void> {
  await desk.keep({ ...question, questionId: "1" }, answer);
}

describe("what is kept answers before a person is asked", () => {
  it.each([password("db-1"), passphrase, sudo, { ...engine, target: "127.0.0.1:5432" }])(
    "$kind, at the next start and for that name alone",
    async (question) => {
      await kept(question, typed("kept"));
      start();
      expect(await desk.ask(question)).toMatchObject({ kind: "secret", secret: "kept", keep: false });
      expect(person.asked).toEqual([]);
      const other =
        question.kind === "passphrase" ? { ...question, identityFile: "/other" } : { ...question, user: "root" };
      await desk.ask(other);
      expect(person.asked).toEqual([other]);
    },
  );

  it("a password for every host answers for each, but a host's own goes first", async () => {
    await kept(password("db-1"), typed("of all", true));
    await kept(password("db-2"), typed("of db-2"));
    start();
    expect(await desk.ask(password("db-3"))).toMatchObject({ secret: "of all", forAllHosts: true });
    expect(await desk.ask(password("db-2"))).toMatchObject({ secret: "of db-2", forAllHosts: false });
  });

  it("nothing is kept that the person did not say, and nothing of other questions", async () => {
    await kept(password("db-1"), { ...typed("not to be kept"), keep: false } as Answer);
    const prompts = { kind: "prompts" as const, node: "db-1", title: "", instruction: "", prompts: [] };
    await kept(prompts, typed("one-time code"));
    await kept(password("db-1"), { kind: "refuse" });
    expect((await vault.read()).kept).toEqual([]);
    await desk.ask(prompts);
    expect(person.asked).toEqual([prompts]);
  });
});

describe("what turns out wrong", () => {
  it("is asked for and forgotten, so that it is not tried at every start", async () => {
    await kept(password("db-1"), typed("old"));
    start();
    await desk.ask(password("db-1"));
    await desk.ask(password("db-1", 2));
    expect(person.asked).toEqual([password("db-1", 2)]);
    expect((await vault.read()).kept).toEqual([]);
  });

  it("is not another host's: what was not tried stays", async () => {
    await kept(password("db-1"), typed("one"));
    await kept(password("db-2"), typed("two"));
    start();
    await desk.ask(password("db-1"));
    await desk.ask(password("db-2", 2));
    expect((await vault.read()).kept).toHaveLength(2);
  });

  it("when it was just typed is forgotten as well", async () => {
    await kept(sudo, typed("mistyped"));
    await desk.ask({ ...sudo, attempt: 2 });
    expect((await vault.read()).kept).toEqual([]);
  });
});
