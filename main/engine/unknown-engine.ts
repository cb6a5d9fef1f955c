import { sentence } from "../../contract/sentence";
import { defineEngine, judgeBy, type AnyEngine, type MemberReadings, type SettingFields } from "./engine";
import { missing } from "./figure-of";

/**
 * Stands in for an engine that this version does not know, such as one of a newer version's inventory: its servers are asked nothing and
 * all of them is unknown. Their hosts are read as ever.
 */
export function unknownEngine(id: string): AnyEngine {
  const reason = sentence("request/engine-unknown", { engine: id });
  return defineEngine({
    id,
    settings: {},
    messages: { en: {}, "zh-CN": {} },
    discovery: null,
    probes: () => ({}),
    snapshot: (members: readonly MemberReadings<SettingFields, Record<string, never>>[]) => members,
    members: (members) =>
      members.map(({ site: { member, node } }) => ({ member, node, role: missing(reason, null), figures: [] })),
    health: [
      {
        code: "assess/EngineUnknown",
        level: "watch",
        find: () => [{ subject: { kind: "cluster" }, facts: { engine: id }, evidence: [], cannotTell: reason }],
      },
    ],
    balance: () => [],
    consistency: () => ({ witnesses: [], tables: [], maps: [] }),
    tolerance: () => [],
    logs: null,
    recoveries: [],
    judge: judgeBy({}),
  });
}
