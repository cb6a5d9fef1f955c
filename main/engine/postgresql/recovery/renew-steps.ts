import { sentence } from "../../../../contract/sentence";
import type { Step } from "../../engine";
import { connectionWord, type Server } from "../snapshot";
import { holds } from "./judges";
import { connectionValue, standbyMark, standbyLines } from "./steps";

const rewindMs = 60 * 60_000;
const copyMs = 12 * 60 * 60_000;

/**
 * pg_rewind looks before it changes anything, and refuses a server without checksums and without wal_log_hints; one that was not shut
 * down cleanly it first lets recover alone (13 and newer). It takes the primary's own settings along, so ours are written after it.
 * It takes standby.signal away: an empty one comes first of all, so that nothing that breaks off later leaves a second primary to be
 * started. Not after a failure: a server with that file cannot recover alone, and the next pg_rewind would be refused.
 */
const rewindScript = `program=$1 data=$2 source=$3 mark=$4; shift 4
"$program" --target-pgdata="$data" --source-server="$source" "$@" </dev/null && : >"$data/standby.signal" &&
cat >>"$data/postgresql.auto.conf" && printf '%s\\n' "$mark" >"$data/standby.signal"`;

export function rewindToPrimary(target: Server, primary: Server, connection: string, slot: string): Step {
  const { binDirectory, dataDirectory, configFile } = target.site.settings;
  const mark = standbyMark("rewound", target, primary, connection, slot);
  const isElsewhere = configFile !== "" && !configFile.startsWith(`${dataDirectory}/`);
  return renewStep("postgresql/step.rewind", "postgresql/no-undo.rewound", target, primary, {
    deadlineMs: rewindMs,
    mark,
    lines: standbyLines(connection, slot),
    argv: [
      "/bin/sh",
      ...["-c", rewindScript, "sh"],
      `${binDirectory}/pg_rewind`,
      dataDirectory,
      rewindLogin(primary, connection),
      mark,
      ...(isElsewhere ? [`--config-file=${configFile}`] : []),
    ],
  });
}

/** The old data are kept beside, under a name that nothing has yet, and put back when the copy fails. */
const copyScript = `program=$1 data=$2 kept=$3 source=$4 slot=$5 mark=$6
first=$kept number=1; while [ -e "$kept" ] || [ -L "$kept" ]; do number=$((number + 1)); kept=$first-$number; done
mv -T "$data" "$kept" && echo "The old data are in $kept." || exit 1
mkdir -m 700 "$data" && "$program" -D "$data" -d "$source" -X stream -c fast -S "$slot" </dev/null || {
 rm -rf "$data"; mv -T "$kept" "$data"; exit 1; }
: >"$data/standby.signal" &&
cat >>"$data/postgresql.auto.conf" && printf '%s\\n' "$mark" >"$data/standby.signal"`;

export function copyFromPrimary(target: Server, primary: Server, connection: string, slot: string): Step {
  const { binDirectory, dataDirectory } = target.site.settings;
  const mark = standbyMark("copied", target, primary, connection, slot);
  const timeline = primary.standing.kind === "primary" ? primary.standing.state.timeline : null;
  return renewStep("postgresql/step.copy", "postgresql/no-undo.copied", target, primary, {
    deadlineMs: copyMs,
    mark,
    lines: standbyLines(connection, slot),
    argv: [
      "/bin/sh",
      ...["-c", copyScript, "sh", `${binDirectory}/pg_basebackup`, dataDirectory],
      `${dataDirectory}.before-timeline-${timeline ?? "unknown"}`,
      connection,
      slot,
      mark,
    ],
  });
}

interface Renewal {
  readonly argv: readonly [string, ...string[]];
  readonly lines: string;
  readonly mark: string;
  readonly deadlineMs: number;
}

/** That it was done is read from the mark, which is written last; whether it was right the start shows. */
function renewStep(
  title: string,
  noUndo: string,
  target: Server,
  primary: Server,
  { argv, lines, mark, deadlineMs }: Renewal,
): Step {
  const { member, node, site } = target;
  return {
    title: sentence(title, { member, primary: primary.member }),
    node,
    effect: { kind: "run", command: { argv, stdin: lines, runAs: site.settings.account } },
    undo: { kind: "none", reason: sentence(noUndo, { member }) },
    changes: true,
    deadlineMs,
    stillSafe: [holds.stopped(member), holds.solePrimary(primary.member)],
    achieved: [holds.stopped(member), holds.setAsStandby(member, mark)],
  };
}

/** pg_rewind reads files of the primary through SQL, as an account that may; the password stands in the passfile of the server's account. */
function rewindLogin(primary: Server, connection: string): string {
  const { host, port, user, database } = primary.site.settings;
  const passfile = connectionWord(connection, "passfile");
  const words = [
    ["host", host],
    ["port", String(port)],
    ["user", user],
    ["dbname", database],
    ...(passfile === null ? [] : [["passfile", passfile]]),
  ];
  return words.map(([word, value]) => `${word}=${connectionValue(value ?? "")}`).join(" ");
}
