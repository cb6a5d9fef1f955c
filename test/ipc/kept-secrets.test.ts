import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Answer } from "../../contract/inventory";
import type { Sentence } from "../../contract/sentence";
import { answerFromKept, type KeptSecretsAsker } from "../../main/ipc/kept-secrets";
import type { Given } from "../../main/ssh/asker";
import { createSecretVault, type KeyStorage, type SecretVault } from "../../main/store/secrets";
import { fakeKeyStorage } from "../fake/fake-key-storage";
import { createPerson, type Person } from "../ssh/person";

let directory: string;
let vault: SecretVault;
let person: Person;
let desk: KeptSecretsAsker;
let notKept: Sentence[];

function start(answer: Answer = typed("typed", false, false), storage: KeyStorage = fakeKeyStorage("me")): void {
  vault = createSecretVault({ path: join(directory, "secrets.json"), storage, nowMs: () => 1 });
  person = createPerson(() => answer);
  notKept = [];
  desk = answerFromKept(person, vault, (why) => notKept.push(why));
}
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "evenkeel-kept-"));
  start();
});
afterEach(() => rmSync(directory, { recursive: true }));

function typed(secret: string, forAllHosts = false, keep = true): Answer {
  return { kind: "secret", secret, keep, forAllHosts };
}
const password = (node: string, attempt = 1) => ({ kind: "password", user: "admin", node, attempt }) as const;
const passphrase = { kind: "passphrase", node: "db-1", identityFile: "/key", attempt: 1 } as const;
const sudo = { kind: "sudo-password", node: "db-1", user: "admin", attempt: 1 } as const;
const engine = { kind: "engine-password", node: "db-1", engine: "postgresql", user: "admin", attempt: 1 } as const;

/** A person gives this answer to the question, and it is judged so. */
async function answered(
  question: Parameters<typeof desk.ask>[0],
  answer: Answer,
  ...verdicts: readonly boolean[]
): Promise<Given> {
  start(answer);
  const given = await desk.ask(question);
  for (const isRight of verdicts) given.judged?.(isRight);
  await desk.close();
  return given;
}

const kept = async (): Promise<readonly string[]> => {
  const { kept: found } = await vault.read();
  return Promise.all(found.map(async ({ name }) => (await vault.find(name))?.toString() ?? "–"));
};

describe("what is kept answers before a person is asked", () => {
  it.each([password("db-1"), passphrase, sudo, { ...engine, target: "127.0.0.1:5432" }])(
    "$kind, at the next start and for that name alone",
    async (question) => {
      await answered(question, typed("kept"), true);
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
    await answered(password("db-1"), typed("of all", true), true);
    // Asked again: the one of every host was wrong there.
    await answered(password("db-2", 2), typed("of db-2"), true);
    start();
    expect(await desk.ask(password("db-3"))).toMatchObject({ secret: "of all", forAllHosts: true });
    expect(await desk.ask(password("db-2"))).toMatchObject({ secret: "of db-2", forAllHosts: false });
  });

  it("nothing is kept that the person did not say, and nothing of other questions", async () => {
    await answered(password("db-1"), typed("not to be kept", false, false), true);
    const prompts = { kind: "prompts" as const, node: "db-1", title: "", instruction: "", prompts: [] };
    await answered(prompts, typed("one-time code"), true);
    await answered(password("db-1"), { kind: "refuse" }, true);
    expect(await kept()).toEqual([]);
    await desk.ask(prompts);
    expect(person.asked).toContainEqual(prompts);
  });
});

describe("what a person chose to keep", () => {
  it("is kept once it was right, and not while that is not known", async () => {
    await answered(password("db-1"), typed("of nobody knows what"));
    expect(await kept()).toEqual([]);
    await answered(password("db-1"), typed("right"), true, true);
    expect(await kept()).toEqual(["right"]);
  });

  it("is not kept when it was wrong, however it is judged after that", async () => {
    await answered(password("db-1"), typed("wrong"), false);
    expect(await kept()).toEqual([]);
    await answered(password("db-1", 2), typed("wrong too"), false, true);
    expect(await kept()).toEqual([]);
  });

  it("is forgotten when it was right once and is wrong now", async () => {
    await answered(sudo, typed("of last year"), true, false);
    expect(await kept()).toEqual([]);
  });

  it("and cannot be kept is told, and is good for this session all the same", async () => {
    const storage = fakeKeyStorage("me");
    storage.is = { kind: "none", why: "unavailable" };
    start(typed("right"), storage);
    const given = await desk.ask(password("db-1"));
    given.judged?.(true);
    await desk.close();
    expect([given.kind, notKept.map(({ code }) => code)]).toEqual(["secret", ["store/secrets-unavailable"]]);
  });
});

describe("what is kept and turns out wrong", () => {
  it("is forgotten and asked for, so that it is not tried at every start", async () => {
    await answered(password("db-1"), typed("old"), true);
    start();
    (await desk.ask(password("db-1"))).judged?.(false);
    await desk.ask(password("db-1", 2));
    await desk.close();
    expect(person.asked).toEqual([password("db-1", 2)]);
    expect(await kept()).toEqual([]);
  });

  it("is not another host's: what was not tried stays", async () => {
    await answered(password("db-1"), typed("one"), true);
    await answered(password("db-2"), typed("two"), true);
    start();
    (await desk.ask(password("db-1"))).judged?.(true);
    await desk.ask(password("db-2", 2));
    await desk.close();
    expect(await kept()).toEqual(["one", "two"]);
  });
});
