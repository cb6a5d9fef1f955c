import type { FindingCode, Subject } from "../../../../contract/health";
import type { Fact } from "../../../../contract/sentence";
import type { HealthRule, Sighting } from "../../engine";
import type { PatroniMember, PatroniSnapshot } from "../snapshot";

export type Rule = HealthRule<PatroniSnapshot>;
type Level = NonNullable<Sighting["level"]>;
type Evident = Pick<
  PatroniMember,
  "status" | "cluster" | "settings" | "history" | "server" | "postmaster" | "liveness" | "store"
>;

const cluster: Subject = { kind: "cluster" };
export const names = (members: readonly PatroniMember[]): string => members.map(({ member }) => member).join(", ");
export const evidenceOf = (members: readonly PatroniMember[], ...of: readonly (keyof Evident)[]): readonly string[] =>
  members.flatMap((member) => of.map((name) => member[name].evidence.id));

/** A rule over each member by itself; the facts of what is seen, with its own level where that differs. */
export function each(
  code: FindingCode,
  level: Level,
  see: (
    member: PatroniMember,
    snapshot: PatroniSnapshot,
  ) => { readonly facts?: Readonly<Record<string, Fact>>; readonly level?: Level; readonly of?: keyof Evident } | null,
  explains: readonly FindingCode[] = [],
): Rule {
  return {
    code,
    level,
    explains,
    find: (snapshot) =>
      snapshot.members.flatMap((member): readonly Sighting[] => {
        const seen = see(member, snapshot);
        if (seen === null) return [];
        return [
          {
            subject: { kind: "member", member: member.member },
            facts: { member: member.member, ...seen.facts },
            evidence: [member[seen.of ?? "status"].evidence.id],
            ...(seen.level !== undefined && { level: seen.level }),
          },
        ];
      }),
  };
}

/** A rule over the cluster as a whole. */
export function whole(
  code: FindingCode,
  level: Level,
  see: (
    snapshot: PatroniSnapshot,
  ) => (Pick<Sighting, "facts" | "level" | "cannotTell"> & { readonly evidence?: readonly string[] }) | null,
  explains: readonly FindingCode[] = [],
): Rule {
  return {
    code,
    level,
    explains,
    find: (snapshot) => {
      const seen = see(snapshot);
      if (seen === null) return [];
      const { evidence, ...rest } = seen;
      return [{ subject: cluster, evidence: evidence ?? evidenceOf(snapshot.members, "status", "cluster"), ...rest }];
    },
  };
}
