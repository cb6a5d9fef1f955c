import type { Reachability } from "../../../contract/health";
import type { MemberReadings, SettingFields } from "../engine";
import type { Reading } from "../../probe/probe";
import type { HostFacts, Kills, LinuxProbes, Pulse } from "./probes";

/** One host as it answered; what it did not answer keeps its reason. */
export interface Host {
  readonly node: string;
  readonly reachability: Reachability;
  readonly pulse: Reading<Pulse>;
  readonly facts: Reading<HostFacts>;
  readonly kills: Reading<Kills>;
  /** Busy share of all processors since the cycle before; null until there are two readings of the same boot. */
  readonly cpuBusyRatio: number | null;
  /** Since the count was read before; null while there are no two counts of the same boot. */
  readonly oomKillsSinceLast: number | null;
}
export interface HostsSnapshot {
  readonly hosts: readonly Host[];
}

export function snapshotHosts(members: readonly MemberReadings<SettingFields, LinuxProbes>[]): HostsSnapshot {
  return {
    hosts: members.map(({ site, reachability, readings, previous }) => {
      const pulses = sameBoot(readings.pulse, previous?.pulse);
      const kills = sameBoot(readings.kills, previous?.kills);
      return {
        node: site.node,
        reachability,
        pulse: readings.pulse,
        facts: readings.facts,
        kills: readings.kills,
        cpuBusyRatio: pulses && busyRatio(pulses.before, pulses.now),
        oomKillsSinceLast:
          kills === null || kills.now.oomKills === null || kills.before.oomKills === null
            ? null
            : kills.now.oomKills - kills.before.oomKills,
      };
    }),
  };
}

/** After a reboot every counter starts again; the difference to the boot before means nothing. */
function sameBoot<T extends { readonly bootId: string }>(
  now: Reading<T>,
  before: Reading<T> | undefined,
): { readonly now: T; readonly before: T } | null {
  if (now.kind !== "value" || before?.kind !== "value" || now.value.bootId !== before.value.bootId) return null;
  return { now: now.value, before: before.value };
}

function busyRatio(before: Pulse, now: Pulse): number | null {
  const total = now.cpuTotal - before.cpuTotal;
  const idle = now.cpuIdle - before.cpuIdle;
  // The kernel's idle counter may step back a little on virtual processors.
  return total <= 0 ? null : Math.min(1, Math.max(0, 1 - idle / total));
}

/** How far the node's clock is ahead of the desktop's; half the answer's duration is the uncertainty. */
export function clockOffsetMs(
  facts: Reading<HostFacts>,
): { readonly offsetMs: number; readonly uncertainMs: number } | null {
  if (facts.kind !== "value") return null;
  const { takenAt, tookMs } = facts.evidence;
  return { offsetMs: Math.round(facts.value.nodeClockMs - (takenAt - tookMs / 2)), uncertainMs: Math.ceil(tookMs / 2) };
}
