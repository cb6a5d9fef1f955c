import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { comparedTexts, serversIn } from "../../main/engine/zookeeper/server-lines";
import { casesRoot } from "./case";

describe("the weights of an ensemble whose votes are counted by groups", () => {
  const recorded = (probe: string): string =>
    readFileSync(join(casesRoot, "zookeeper", "weights", "z1", `${probe}.out`), "utf8");
  const compared = (configuration: string): readonly string[] =>
    comparedTexts(
      [recorded("conf"), configuration].map((text) => ({ servers: serversIn(text), isWhole: true, version: null })),
    );

  it("are one where a configuration leaves a weight out, as the running server then tells", () => {
    const [running, file] = compared(recorded("disk").replace(/^weight\.\d+=1\n/gm, ""));
    expect(file).toBe(running);
  });

  it("are none for an observer", () => {
    const observed = recorded("disk")
      .replace(/^(server\.3=.*):participant/m, "$1:observer")
      .replace(/^weight\.3=1\n/m, "")
      .replace("group.1=1:2:3", "group.1=1:2");
    expect(serversIn(observed).map(({ group, weight }) => [group, weight])).toEqual([
      [1, 3],
      [1, 1],
      [null, null],
    ]);
  });

  it("are told apart where they differ", () => {
    const [running, file] = compared(recorded("disk").replace("weight.1=3\n", ""));
    expect(file).not.toBe(running);
  });
});
