import { sentence, type Sentence } from "../../../../contract/sentence";
import type { RecoveryAction } from "../../engine";
import { isLeftOutOf, solePrimary, type Server, type ServersSnapshot } from "../snapshot";
import { holds, layoutOf } from "./judges";
import {
  joiningOf,
  objectionsToChangeFiles,
  objectionsToJoin,
  objectionsToSlot,
  objectionsToStart,
  slotWarnings,
} from "./joining";
import { copyFromPrimary, rewindToPrimary } from "./renew-steps";
import { checkpoint, nothingToDo, provideSlot, startServer, stopServer } from "./steps";

/** `--config-file` came with 15; before it pg_rewind finds no configuration outside the data directory (Debian's is). */
const configFileSince = 150_000;

/** Brings back a server that has taken another way than its primary, an old primary above all, by undoing what it has alone. */
export const rewind = renewal("postgresql/rewind-to-primary");
/** The same by copying everything anew, where rewinding is not possible; the old data stay beside the new. */
export const rebuild = renewal("postgresql/rebuild-from-primary");

function renewal(
  action: "postgresql/rewind-to-primary" | "postgresql/rebuild-from-primary",
): RecoveryAction<ServersSnapshot> {
  const rewinds = action === "postgresql/rewind-to-primary";
  return {
    action,
    risk: "R3",
    answers: ["postgresql/ServerStopped", "postgresql/StandbyNotStreaming", "postgresql/TimelineDiffers"],
    verifyWithinMs: 120_000,

    objections: objectionsToJoin,
    targets: (snapshot) =>
      snapshot.servers
        .filter((server) => mayNeedIt(snapshot, server))
        .map((server) => ({
          target: server.member,
          objections: [
            ...objectionsToChangeFiles(server),
            ...objectionsToStart(server),
            ...(rewinds ? objectionsToRewind(snapshot, server) : []),
          ],
        })),

    plan: (snapshot, targetName) => {
      const joining = joiningOf(snapshot, targetName);
      if (joining === null) return nothingToDo;
      const { primary, target, connection, slot, joined } = joining;
      const { member } = target;
      const isPrimary = [holds.solePrimary(primary.member)];
      return {
        steps: [
          ...(target.standing.kind === "standby" ? [stopServer(target, isPrimary, isPrimary)] : []),
          ...provideSlot(primary, slot),
          // Until the first one after a promotion pg_rewind (13 to 15) sees the old timeline on both and says that nothing is to be done.
          ...(rewinds ? [checkpoint(primary)] : []),
          rewinds
            ? rewindToPrimary(target, primary, connection, slot)
            : copyFromPrimary(target, primary, connection, slot),
          startServer(target, isPrimary, joined),
        ],
        warnings: [
          sentence(rewinds ? "postgresql/warning.rewinds" : "postgresql/warning.rebuilds", {
            member,
            primary: primary.member,
            user: primary.site.settings.user,
            account: target.site.settings.account,
          }),
          ...(rewinds ? slotWarnings(snapshot, target) : []),
        ],
        restsOn: layoutOf(snapshot),
        goal: [...isPrimary, ...joined],
      };
    },
  };
}

/** One that is proven stopped, or answers as a standby and does not receive from the primary. */
function mayNeedIt(snapshot: ServersSnapshot, { standing }: Server): boolean {
  const primary = solePrimary(snapshot);
  if (standing.kind === "stopped") return true;
  return standing.kind === "standby" && primary !== null && isLeftOutOf(standing.state, primary.standing.state);
}

function objectionsToRewind(snapshot: ServersSnapshot, server: Server): readonly Sentence[] {
  const { member, site } = server;
  const { configFile, dataDirectory } = site.settings;
  const version = solePrimary(snapshot)?.standing.state.versionNumber ?? 0;
  const findsNone = configFile !== "" && !configFile.startsWith(`${dataDirectory}/`) && version < configFileSince;
  return [
    ...(findsNone ? [sentence("postgresql/rewind-finds-no-configuration", { member, configFile })] : []),
    ...objectionsToSlot(snapshot, server),
  ];
}
