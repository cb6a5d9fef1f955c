import type { FindingCode } from "../../../../contract/health";
import { sentence } from "../../../../contract/sentence";
import { each, evidenceOf, names, whole, type Rule } from "./rule";
import { answering, leaderIn, memberNamed, namedLeaders, timelineOf, untold, writers } from "../snapshot";
import { storeSaid } from "../store";

const withoutLeader: readonly FindingCode[] = [
  "patroni/PatroniStopped",
  "patroni/PatroniHung",
  "patroni/ServerNotRunning",
  "patroni/NotStreaming",
  "patroni/NotListed",
  "patroni/LeaderViewsDiffer",
];

/** Who takes writes, who holds the leader key, and the store that it lies in. */
export const leadershipRules: readonly Rule[] = [
  whole(
    "patroni/StoreLost",
    "critical",
    (snapshot) => {
      const { asked, isLost } = storeSaid(snapshot);
      if (!isLost) return null;
      const isFailsafe = snapshot.settings?.isFailsafe === true;
      const kind = snapshot.members.find(({ site }) => site.settings.storeKind !== "")?.site.settings.storeKind ?? "";
      return {
        facts: {
          kind,
          asked,
          named: namedLeaders(snapshot)
            .filter((name) => name !== null)
            .join(", "),
          writing: names(writers(snapshot)),
        },
        ...(isFailsafe && writers(snapshot).length === 1 && { level: "degraded" as const }),
        evidence: evidenceOf(snapshot.members, "store", "status"),
      };
    },
    ["patroni/NoLeader", "patroni/StoreUnwell", "patroni/StoreNotSeen", ...withoutLeader],
  ),
  whole(
    "patroni/TwoPrimaries",
    "critical",
    (snapshot) => {
      const taking = writers(snapshot);
      if (taking.length < 2) return null;
      const named = namedLeaders(snapshot).filter((name) => name !== null);
      return {
        facts: {
          members: taking.map((member) => `${member.member} (${timelineOf(member) ?? "?"})`).join(", "),
          named: named.map((name) => memberNamed(snapshot, name)).join(", "),
          others: names(taking.filter(({ name }) => !named.includes(name))),
        },
        evidence: evidenceOf(taking, "status", "postmaster", "server"),
      };
    },
    [
      "patroni/PrimaryUnguarded",
      "patroni/PatroniHung",
      "patroni/PatroniStopped",
      "patroni/LeaderViewsDiffer",
      "patroni/TimelineBehind",
      "patroni/NotStreaming",
      "patroni/NotListed",
    ],
  ),
  whole(
    "patroni/NoLeader",
    "critical",
    (snapshot) => {
      if (
        writers(snapshot).length > 0 ||
        answering(snapshot).some(({ standing }) => standing.kind === "standby-leader")
      )
        return null;
      const named = namedLeaders(snapshot).filter((name) => name !== null);
      const missing = untold(snapshot);
      const facts = { named: named.map((name) => memberNamed(snapshot, name)).join(", ") };
      const evidence = evidenceOf(snapshot.members, "status", "cluster", "postmaster");
      // Whoever is not seen may be the leader, and is where the others name it.
      return missing.length === 0 && snapshot.members.length > 0
        ? { facts, evidence }
        : { facts, evidence, cannotTell: sentence("patroni/not-all-seen", { members: names(missing) }) };
    },
    withoutLeader,
  ),
  each(
    "patroni/PrimaryUnguarded",
    "critical",
    ({ takesWrites, standing, postmaster }) =>
      takesWrites === true && (standing.kind === "stopped" || standing.kind === "hung")
        ? {
            facts: {
              pid: postmaster.kind === "value" && postmaster.value.kind === "running" ? postmaster.value.pid : 0,
            },
            of: "postmaster",
          }
        : null,
    ["patroni/PatroniHung", "patroni/PatroniStopped"],
  ),
  whole("patroni/LeaderViewsDiffer", "degraded", (snapshot) => {
    if (namedLeaders(snapshot).length < 2) return null;
    const told = snapshot.members.flatMap(({ member, cluster: view }) =>
      view.kind === "value" ? [`${member}: ${leaderIn(view.value) ?? "-"}`] : [],
    );
    return { facts: { views: told.join(", ") }, evidence: evidenceOf(snapshot.members, "cluster") };
  }),
  whole("patroni/SystemIdentifierDiffers", "critical", ({ members }) => {
    const told = members.flatMap(({ member, status }) =>
      status.kind === "value" && status.value.systemIdentifier !== null
        ? [{ member, id: status.value.systemIdentifier }]
        : [],
    );
    if (new Set(told.map(({ id }) => id)).size < 2) return null;
    return { facts: { members: told.map(({ member, id }) => `${member}: ${id}`).join(", ") } };
  }),
];
