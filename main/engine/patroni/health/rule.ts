import type { FindingCode, Subject } from "../../../../contract/health";
import type { HealthRule, Sighting } from "../../engine";
import { ofEachMember } from "../../member-rule";
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

/** A rule over each member by itself. */
export const each = ofEachMember<keyof Evident, PatroniMember, PatroniSnapshot>(({ members }) => members, "status");

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
