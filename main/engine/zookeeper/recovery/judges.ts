import { sentence, type Fact, type Sentence } from "../../../../contract/sentence";
import type { Claim, Judge } from "../../engine";
import { controlOf } from "../../service";
import {
  fileOf,
  isWeighed,
  leaderOf,
  leadersOf,
  quorumOf,
  serverIn,
  serving,
  votersOf,
  voting,
  type EnsembleSnapshot,
  type Server,
  type Standing,
} from "../snapshot";
import { comparedTexts, isOutdated, listText, type ServerList } from "../server-lines";

type Facts = Readonly<Record<string, Fact>>;

/** What the recoveries of ZooKeeper claim of its servers, as data; `zookeeperJudges` says whether a snapshot shows it. */
export const holds = {
  standing: (member: string, kind: Standing["kind"]): Claim =>
    sentence("zookeeper/holds.standing", { member, standing: `zookeeper/role.${kind}` }),
  stopped: (member: string): Claim => sentence("zookeeper/holds.stopped", { member }),
  hung: (member: string, pid: number): Claim => sentence("zookeeper/holds.hung", { member, pid }),
  ended: (member: string, pid: number): Claim => sentence("zookeeper/holds.ended", { member, pid }),
  serves: (member: string): Claim => sentence("zookeeper/holds.serves", { member }),
  /** Started, with or without a majority to serve with. */
  runs: (member: string): Claim => sentence("zookeeper/holds.runs", { member }),
  leads: (member: string): Claim => sentence("zookeeper/holds.leads", { member }),
  anotherLeads: (member: string): Claim => sentence("zookeeper/holds.another-leads", { member }),
  majorityWithout: (member: string): Claim => sentence("zookeeper/holds.majority-without", { member }),
  allInSync: (): Claim => sentence("zookeeper/holds.all-in-sync"),
  emptied: (member: string): Claim => sentence("zookeeper/holds.emptied", { member }),
  hasData: (member: string): Claim => sentence("zookeeper/holds.has-data", { member }),
} as const;

const memberOf = (facts: Facts): string => String(facts.member);

export const zookeeperJudges: Readonly<Record<string, Judge<EnsembleSnapshot>>> = {
  "zookeeper/holds.standing": (now, facts) => {
    const standing = `zookeeper/role.${serverIn(now, memberOf(facts))?.standing.kind ?? "unseen"}`;
    return standing === facts.standing
      ? null
      : sentence("zookeeper/other-standing", { member: memberOf(facts), standing });
  },
  "zookeeper/holds.stopped": (now, facts) =>
    serverIn(now, memberOf(facts))?.standing.kind === "stopped"
      ? null
      : sentence("zookeeper/not-proven-stopped", { member: memberOf(facts) }),
  "zookeeper/holds.hung": (now, facts) => {
    const standing = serverIn(now, memberOf(facts))?.standing;
    return standing?.kind === "hung" && standing.pid === facts.pid
      ? null
      : sentence("zookeeper/no-longer-hung", { member: memberOf(facts), pid: Number(facts.pid) });
  },
  "zookeeper/holds.ended": (now, facts) => {
    const liveness = serverIn(now, memberOf(facts))?.liveness;
    const isThere =
      liveness?.kind !== "value" || (liveness.value.kind === "running" && liveness.value.pid === facts.pid);
    return isThere ? sentence("zookeeper/still-there", { member: memberOf(facts), pid: Number(facts.pid) }) : null;
  },
  "zookeeper/holds.serves": (now, facts) => serves(now, memberOf(facts)),
  "zookeeper/holds.runs": (now, facts) => {
    const kind = serverIn(now, memberOf(facts))?.standing.kind;
    return kind === "waiting" || serves(now, memberOf(facts)) === null
      ? null
      : sentence("zookeeper/does-not-run", { member: memberOf(facts) });
  },
  "zookeeper/holds.leads": (now, facts) => {
    const leaders = leadersOf(now).map(({ member }) => member);
    return leaders.length === 1 && leaders[0] === facts.member
      ? null
      : sentence("zookeeper/not-the-one-leader", { member: memberOf(facts), leaders: leaders.join(", ") });
  },
  "zookeeper/holds.another-leads": (now, facts) => {
    const leaders = leadersOf(now).map(({ member }) => member);
    return leaders.length === 1 && leaders[0] !== facts.member
      ? null
      : sentence("zookeeper/no-other-leader", { member: memberOf(facts) });
  },
  "zookeeper/holds.majority-without": (now, facts) => majorityWithout(now, memberOf(facts)),
  "zookeeper/holds.all-in-sync": (now) => allInSync(now),
  "zookeeper/holds.emptied": (now, facts) => {
    const disk = diskOf(now, memberOf(facts));
    return disk !== null && disk.currentEpoch === null && disk.closed.length === 0
      ? null
      : sentence("zookeeper/data-there", { member: memberOf(facts) });
  },
  "zookeeper/holds.has-data": (now, facts) =>
    (diskOf(now, memberOf(facts))?.currentEpoch ?? null) === null
      ? sentence("zookeeper/data-not-seen", { member: memberOf(facts) })
      : null,
};

function diskOf(
  now: EnsembleSnapshot,
  member: string,
): { readonly currentEpoch: number | null; readonly closed: readonly string[] } | null {
  const disk = serverIn(now, member)?.disk;
  return disk?.kind === "value" ? disk.value : null;
}

export function serves(now: EnsembleSnapshot, member: string): Sentence | null {
  const isServing = serving(now).some((server) => server.member === member && server.standing.kind !== "read-only");
  return isServing ? null : sentence("zookeeper/does-not-serve", { member });
}

export function allInSync(now: EnsembleSnapshot): Sentence | null {
  const [has, wants] = [voting(now).length, votersOf(now).length];
  return has === wants && wants > 0 ? null : sentence("zookeeper/not-all-in-sync", { has, wants });
}

/** The voters in sync make a majority also when this one does not. */
export function majorityWithout(now: EnsembleSnapshot, member: string): Sentence | null {
  if (isWeighed(now)) return sentence("zookeeper/votes-weighed");
  const needs = quorumOf(now);
  const others = voting(now).filter((server) => server.member !== member).length;
  return needs !== null && others >= needs
    ? null
    : sentence("zookeeper/majority-at-risk", { member, others, needs: needs ?? 0 });
}

/** What every plan rests on: what each server is. */
export function layoutOf({ servers }: EnsembleSnapshot): readonly Claim[] {
  return servers.map(({ member, standing }) => holds.standing(member, standing.kind));
}

/** Why nothing can be stopped or started on a server. */
export function controlObjections(server: Server): readonly Sentence[] {
  return controlOf(server.site.settings.control) === null
    ? [sentence("zookeeper/control-unknown", { member: server.member })]
    : [];
}

/**
 * Why a start of these servers could make two lists count. One whose file names what the others run with, or a list that gives way to it,
 * changes nothing; where it names another, the file of every server must be seen to name that one.
 */
export function listObjections({ servers }: EnsembleSnapshot, started: readonly Server[]): readonly Sentence[] {
  const running = servers.flatMap(({ list }) => (list.kind === "value" ? [list.value] : []));
  if (new Set(comparedTexts(running)).size > 1) return [sentence("zookeeper/lists-differ")];
  const unread = started.filter((server) => fileOf(server) === null);
  if (unread.length > 0) return unread.map(({ member }) => sentence("zookeeper/file-not-read", { member }));
  const told = runningList(servers);
  const counts = (list: ServerList): boolean => told === null || !isOutdated(list, told);
  const startedFiles = started.flatMap((server) => fileOf(server) ?? []).filter(counts);
  if (told !== null && new Set(comparedTexts([told, ...startedFiles])).size === 1) return [];
  const files = servers.flatMap((server) => {
    const list = fileOf(server);
    return list === null || !counts(list) ? [] : [{ server, list }];
  });
  if (new Set(comparedTexts(files.map(({ list }) => list))).size > 1) {
    const lists = files.map(({ server, list }) => `${server.member}: ${listText(list)}`).join("; ");
    return [sentence("zookeeper/files-differ", { lists })];
  }
  // With nobody to tell what counts now, a server is no worse started than left to its host's next boot; the plan warns of what is unseen.
  return told === null ? [] : unseenFiles(servers).map((member) => sentence("zookeeper/file-not-read", { member }));
}

function unseenFiles(servers: readonly Server[]): readonly string[] {
  return servers.filter((server) => fileOf(server) === null).map(({ member }) => member);
}

/** A restart makes a configuration count that was changed since the last one, or that of others which could not be seen. */
export function changedWarnings(snapshot: EnsembleSnapshot, members: readonly string[]): readonly Sentence[] {
  const leader = leaderOf(snapshot);
  const running = leader?.list.kind === "value" ? leader.list.value : null;
  const isChanged = (server: Server): boolean => {
    const file = fileOf(server);
    if (running === null || file === null || file.servers.length === 0) return false;
    return new Set(comparedTexts([running, file])).size > 1;
  };
  const unseen = unseenFiles(snapshot.servers);
  return [
    ...snapshot.servers
      .filter((server) => members.includes(server.member) && isChanged(server) && !givesWay(snapshot, server))
      .map(({ member }) => sentence("zookeeper/warning.configuration-changed", { member })),
    ...outdatedWarnings(snapshot, members),
    ...(running === null && unseen.length > 0
      ? [sentence("zookeeper/warning.files-unseen", { members: unseen.join(", ") })]
      : []),
  ];
}

/** A server that was down while the list of a dynamic configuration was changed is started with the one before. */
export function outdatedWarnings(snapshot: EnsembleSnapshot, members: readonly string[]): readonly Sentence[] {
  return snapshot.servers
    .filter((server) => members.includes(server.member) && givesWay(snapshot, server))
    .map(({ member }) => sentence("zookeeper/warning.configuration-outdated", { member }));
}

/** Its file names another list than runs now, an older one. */
function givesWay({ servers }: EnsembleSnapshot, server: Server): boolean {
  const [file, running] = [fileOf(server), runningList(servers)];
  if (file === null || running === null) return false;
  return isOutdated(file, running) && new Set(comparedTexts([file, running])).size > 1;
}

/** What those that run count, told with its version where anybody tells it. */
function runningList(servers: readonly Server[]): ServerList | null {
  const told = servers.flatMap(({ list }) => (list.kind === "value" ? [list.value] : []));
  return told.find(({ version }) => version !== null) ?? told[0] ?? null;
}
