import { describe, expect, it } from "vitest";
import { say } from "../../contract/say";
import { catalogues } from "../../main/catalogue";
import { resolveLogin } from "../../main/ssh/resolve-login";
import { errorBy, readings } from "../../main/ssh/system-ssh-error";

describe("what the system's ssh says", () => {
  it("has every fact of the words it is told in, in both languages", () => {
    const desktop = { homeDirectory: "/home/ops", user: "ops", environment: {} };
    const login = resolveLogin({ desktop, blocks: [] }, { host: "db1" });
    const unfilled = readings.flatMap((reading) => {
      const { sentence } = errorBy(reading, [], "", login);
      const said = [say(catalogues.en, "en", sentence), say(catalogues["zh-CN"], "zh-CN", sentence)];
      return said.filter((text) => text.includes("{{"));
    });
    expect(unfilled).toEqual([]);
  });
});
