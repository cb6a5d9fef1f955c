import { sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import type { ServersSnapshot } from "../snapshot";

/** The same recovery, refused where Patroni keeps a server: it would undo what was done, or promote another beside it. */
export function notUnderPatroni(recovery: RecoveryAction<ServersSnapshot>): RecoveryAction<ServersSnapshot> {
  return {
    ...recovery,
    objections: (snapshot) => {
      const kept = keptByPatroni(snapshot);
      return kept === "" ? recovery.objections(snapshot) : [sentence("postgresql/kept-by-patroni", { members: kept })];
    },
  };
}

function keptByPatroni({ servers }: ServersSnapshot): string {
  return servers
    .filter(({ liveness }) => liveness.kind === "value" && liveness.value.isKeptByPatroni)
    .map(({ member }) => member)
    .join(", ");
}
