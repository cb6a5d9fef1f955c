import { sentence, type Sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import type { Server, ServersSnapshot } from "../snapshot";

/**
 * The same recovery, refused where Patroni keeps a server or may: it would undo what was done, or promote another beside it. Of a host that
 * cannot be reached nothing is asked here: each recovery says itself what it needs to see, and a person may attest that it is off.
 */
export function notUnderPatroni(recovery: RecoveryAction<ServersSnapshot>): RecoveryAction<ServersSnapshot> {
  return {
    ...recovery,
    objections: (snapshot) => {
      const patroni = patroniObjections(snapshot);
      return patroni.length > 0 ? patroni : recovery.objections(snapshot);
    },
  };
}

function patroniObjections({ servers }: ServersSnapshot): readonly Sentence[] {
  const reachable = servers.filter(({ reachability }) => reachability.state === "reachable");
  return [
    ...named(
      "postgresql/kept-by-patroni",
      servers.filter((server) => isKept(server) === true),
    ),
    ...named(
      "postgresql/may-be-kept-by-patroni",
      reachable.filter((server) => isKept(server) === null),
    ),
  ];
}

function isKept({ liveness }: Server): boolean | null {
  return liveness.kind === "value" ? liveness.value.isKeptByPatroni : null;
}

function named(code: string, servers: readonly Server[]): readonly Sentence[] {
  return servers.length === 0 ? [] : [sentence(code, { members: servers.map(({ member }) => member).join(", ") })];
}
