import { randomBytes } from "node:crypto";
import { renameSync } from "node:fs";
import { homedir, userInfo } from "node:os";
import { join } from "node:path";
import type { Cluster } from "../../contract/inventory";
import { systemClock } from "../../main/clock";
import type { AnyEngine } from "../../main/engine/engine";
import type { Reading } from "../../main/probe/probe";
import { gather } from "../../main/monitor/gather";
import { createTakeReadings } from "../../main/probe/run-probes";
import { createWire } from "../../main/probe/wire/wire";
import { hostKeyCheck } from "../../main/ssh/host-keys";
import { createAccess } from "../../main/ssh/pool";
import { readSshConfig, resolveLogin } from "../../main/ssh/ssh-config";
import { casesRoot, previousFolder, writeCase, type RecordedCase } from "./case";

export interface Recorder {
  /** Looks at the cluster (twice with `withPrevious`, so that rates can be made) and writes the case `<engine>/<name>`. */
  record(
    engine: AnyEngine,
    cluster: Pick<Cluster, "nodes" | "members">,
    name: string,
    about: {
      readonly what: string;
      readonly version: string;
      readonly origin: string;
      readonly withPrevious?: boolean;
    },
  ): Promise<void>;
  close(): Promise<void>;
}

/** Records what a real cluster answers, through the very same access and probes as the app uses. */
export function openRecorder(sshConfigPath: string): Recorder {
  const clock = systemClock;
  const desktop = { homeDirectory: homedir(), user: userInfo().username, environment: process.env };
  const access = createAccess({
    clock,
    random: Math.random,
    newNonce: () => randomBytes(16).toString("hex"),
    asker: { ask: () => Promise.resolve({ kind: "refuse" }) },
    hostKeys: hostKeyCheck,
    resolve: async (login) => resolveLogin(await readSshConfig(sshConfigPath, desktop), login),
  });
  const wire = createWire({ password: () => Promise.resolve(null), refused: () => undefined });
  const take = createTakeReadings({ clock, wire, keptRawBytes: Number.MAX_SAFE_INTEGER });

  return {
    record: async (engine, { nodes, members }, name, { withPrevious, ...about }) => {
      for (const { node, login } of nodes) access.know(node, login);
      const directory = join(casesRoot, engine.id, name);
      const look = async (folder: string): Promise<void> =>
        engine.open(async (opened) => {
          const { members: seen, taken } = await gather({ access, take }, opened, members, null);
          const raws = new Map<string, string>();
          const recorded: RecordedCase = {
            engine: engine.id,
            ...about,
            recordedAt: new Date(clock.nowMs()).toISOString(),
            members: seen.map(({ site, reachability, readings }) => {
              const probes = Object.entries(readings as Readonly<Record<string, Reading<unknown>>>).map(
                ([probe, reading]) => {
                  const { id, takenAt, tookMs, rawBytes } = reading.evidence;
                  const answered = reading.kind !== "failed" || rawBytes > 0;
                  if (answered) raws.set(`${site.member} ${probe}`, taken.get(id)?.raw ?? "");
                  return [probe, { takenAt, tookMs, ...(!answered && { reason: reading.reason }) }] as const;
                },
              );
              const member = members.find((one) => one.member === site.member);
              if (member === undefined) throw new Error(`there is no member ${site.member}`);
              return { member, reachability, probes: Object.fromEntries(probes) };
            }),
          };
          writeCase(folder, recorded, raws);
        });
      if (withPrevious !== true) return look(directory);
      // The folder of the case is made anew by the last look, so the first is kept aside until then.
      await look(`${directory}.${previousFolder}`);
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      await look(directory);
      renameSync(`${directory}.${previousFolder}`, join(directory, previousFolder));
    },
    close: async () => {
      wire.close();
      await access.close();
    },
  };
}
