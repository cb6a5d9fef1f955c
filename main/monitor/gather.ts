import type { EvidenceId } from "../../contract/figure";
import type { Reachability } from "../../contract/health";
import type { Member } from "../../contract/inventory";
import { sentence } from "../../contract/sentence";
import type { Engine, MemberReadings, SettingFields, Site } from "../engine/engine";
import type { Probes, Readings, Taken } from "../probe/probe";
import type { TakeReadings } from "../probe/run-probes";
import type { Access, LinkState } from "../ssh/access";
import { SshError } from "../ssh/ssh-error";

/** What one round of asking gave: the readings as the engine reads them, and every raw answer. */
export interface Gathered<F extends SettingFields, P extends Probes> {
  readonly members: readonly MemberReadings<F, P>[];
  readonly taken: ReadonlyMap<EvidenceId, Taken>;
}

/** Asks every member of a cluster at once; a member that is slow or silent costs its own deadline and nobody else's. */
export async function gather<F extends SettingFields, P extends Probes>(
  parts: { readonly access: Access; readonly take: TakeReadings },
  engine: Pick<Engine<F, P, unknown>, "settings" | "probes">,
  members: readonly Member[],
  previous: Gathered<F, P> | null,
  which: "all" | "routine" = "all",
): Promise<Gathered<F, P>> {
  const taken = new Map<EvidenceId, Taken>();
  const asked = members.map(async (member): Promise<MemberReadings<F, P>> => {
    const site = siteOf(engine, member);
    const access = parts.access.node(member.node);
    const answers = await parts.take(access, member.member, engine.probes(site), previous?.taken ?? new Map(), which);
    for (const answer of Object.values(answers)) taken.set(answer.reading.evidence.id, answer);
    // Every host is a member of one name, so the node belongs to who it is.
    const before = previous?.members.find(
      ({ site: { node, member: name } }) => node === member.node && name === member.member,
    );
    // The keys come from `engine.probes` itself; TypeScript cannot follow that through Object.entries.
    const readings = Object.fromEntries(
      Object.entries(answers).map(([name, answer]) => [name, answer.reading]),
    ) as Readings<P>;
    return {
      site,
      reachability: reachabilityOf(access.node, access.state()),
      readings,
      ...(before && { previous: readBefore(readings, before) }),
    };
  });
  return { members: await Promise.all(asked), taken };
}

/**
 * What was read before each reading: one that was kept from the cycle before is not compared with itself, which would show no change, and
 * a failed one does not hide what went on while it failed.
 */
function readBefore<P extends Probes>(
  readings: Readings<P>,
  before: { readonly readings: Readings<P>; readonly previous?: Readings<P> },
): Readings<P> {
  const names: readonly (keyof P)[] = Object.keys(readings);
  const earlier = names.map((name) => {
    const last = before.readings[name];
    const isNone = last === readings[name] || last.kind !== "value";
    return [name, isNone ? (before.previous?.[name] ?? last) : last] as const;
  });
  return Object.fromEntries(earlier) as Readings<P>;
}

/** The settings of a member with the engine's standards where it says nothing. */
export function siteOf<F extends SettingFields>(
  engine: Engine<F, Probes, unknown> | { settings: F },
  member: Member,
): Site<F> {
  const settings = Object.fromEntries(
    Object.entries(engine.settings).map(([name, field]) => [name, member.settings[name] ?? field.standard]),
  );
  return { member: member.member, node: member.node, settings: settings as Site<F>["settings"] };
}

function reachabilityOf(node: string, state: LinkState): Reachability {
  switch (state.state) {
    case "ready":
      return { state: "reachable", roundTripMs: state.roundTripMs, certifiedUntil: state.certifiedUntil };
    case "broken":
      return {
        state: "unreachable",
        reason:
          state.error instanceof SshError
            ? state.error.sentence
            : sentence("ssh/link-lost", { node, problem: state.error.message }),
        since: state.since,
      };
    case "idle":
    case "connecting":
      return { state: "connecting" };
  }
}
