import type { Evidence } from "../../contract/figure";
import type { FindingCode } from "../../contract/health";
import type { Fact } from "../../contract/sentence";
import type { HealthRule, Sighting } from "./engine";

type Level = NonNullable<Sighting["level"]>;

/** What a rule sees of one member: facts beside its name, a level of its own where that differs, and the reading that shows it. */
interface SeenOfMember<Shown extends string> {
  readonly facts?: Readonly<Record<string, Fact>>;
  readonly level?: Level;
  readonly of?: Shown;
}

/** Makes rules that look at each member of an engine by itself; the reading `standard` shows what a rule sees unless it names another. */
export function ofEachMember<
  Shown extends string,
  M extends { readonly member: string } & Readonly<Record<Shown, { readonly evidence: Evidence }>>,
  S,
>(
  membersOf: (snapshot: S) => readonly M[],
  standard: Shown,
): (
  code: FindingCode,
  level: Level,
  see: (member: M, snapshot: S) => SeenOfMember<Shown> | null,
  explains?: readonly FindingCode[],
) => HealthRule<S> {
  return (code, level, see, explains = []) => ({
    code,
    level,
    explains,
    find: (snapshot) =>
      membersOf(snapshot).flatMap((member): readonly Sighting[] => {
        const seen = see(member, snapshot);
        if (seen === null) return [];
        return [
          {
            subject: { kind: "member", member: member.member },
            facts: { member: member.member, ...seen.facts },
            evidence: [member[seen.of ?? standard].evidence.id],
            ...(seen.level !== undefined && { level: seen.level }),
          },
        ];
      }),
  });
}
