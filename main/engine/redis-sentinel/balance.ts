import type { Balance } from "../../../contract/balance";
import { sentence } from "../../../contract/sentence";
import { rate, told } from "../redis-server/figures";
import { judgeShares } from "../shares";
import type { SentinelSnapshot } from "./snapshot";

/** Every data server holds the whole of the data, so only the reading around it can be shared out. */
export function redisSentinelBalance({ data }: SentinelSnapshot): readonly Balance[] {
  const none = sentence("probe/not-told");
  return [
    judgeShares({
      measure: "redis-sentinel/balance.clients",
      unit: "count",
      goal: "shown",
      tolerance: null,
      shares: data.map((one) => ({
        member: one.member,
        amount: told(one, "count", none, ({ clients }) => clients.connected),
      })),
    }),
    judgeShares({
      measure: "redis-sentinel/balance.commandRate",
      unit: "per-second",
      goal: "shown",
      tolerance: null,
      shares: data.map((one) => ({
        member: one.member,
        amount: rate(one, "per-second", ({ statistics }) => statistics.commands),
      })),
    }),
  ];
}
