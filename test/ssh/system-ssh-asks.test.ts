import { describe, expect, it } from "vitest";
import type { ResolvedLogin } from "../../main/ssh/resolved-login";
import { questionOf } from "../../main/ssh/system-ssh-question";
import { loginTo } from "./person";

const bastion = loginTo(22, { host: "bastion", hostName: "bastion.example", user: "jo@corp" });
const db = loginTo(22, { host: "DB-1", hostName: "db-1.example", user: "root", jumps: [bastion] });
const asked = (prompt: string, login: ResolvedLogin = db): unknown => questionOf(prompt, 0, login, 0).asked;
const passwordOf = (node: string, user: string): unknown => ({ kind: "password", node, user, attempt: 1 });

describe("a password that the system's ssh asks for", () => {
  it("is the one of the host that is named, however ssh writes its name and however much of it", () => {
    expect(asked("root@db-1.example's password: ")).toEqual(passwordOf("DB-1", "root"));
    expect(asked("root@db-1's password: ")).toEqual(passwordOf("DB-1", "root"));
    expect(asked("(root@db-1.example) Password: ")).toEqual(passwordOf("DB-1", "root"));
    expect(asked("jo@corp@bastion.example's password: ")).toEqual(passwordOf("bastion", "jo@corp"));
    const user = "administrator.of.databases@corp.example";
    expect(asked(`${user.slice(0, 30)}@db-1.example's password: `, { ...db, user })).toEqual(passwordOf("DB-1", user));
  });

  it("is put in its own words, and is nobody's, where it names no host on the way", () => {
    const inItsWords = (title: string, text: string): unknown => ({
      kind: "prompts",
      node: "DB-1",
      title,
      instruction: "",
      prompts: [{ text, echo: false }],
    });
    expect(asked("ops@inner's password: ")).toEqual(inItsWords("", "ops@inner's password: "));
    expect(asked("ops@db-1.example's password: ")).toEqual(inItsWords("", "ops@db-1.example's password: "));
    expect(asked("(ops@inner) Password: ")).toEqual(inItsWords("ops@inner", "Password: "));
  });

  it("is the target's where only ssh itself decides by what name and as whom it is reached", () => {
    const at = { file: "/etc/ssh/ssh_config", line: 1, hasOtherWays: false };
    for (const keyword of ["CanonicalizeHostname", "Match exec"] as const) {
      const login = { ...db, needsSystemSsh: { kind: "setting", keyword, ...at } as const };
      expect(asked("dba@db-1.corp.example's password: ", login)).toEqual(passwordOf("DB-1", "dba"));
    }
  });
});
