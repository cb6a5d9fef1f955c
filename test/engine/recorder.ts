import { randomUUID } from "node:crypto";
import { renameSync } from "node:fs";
import { homedir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Cluster } from "../../contract/inventory";
import { systemClock } from "../../main/clock";
import type { AnyEngine } from "../../main/engine/engine";
import type { Reading } from "../../main/probe/probe";
import { gather } from "../../main/monitor/gather";
import { createTakeReadings, type TakeReadings } from "../../main/probe/run-probes";
import { createWire } from "../../main/probe/wire/wire";
import { hostKeyCheck } from "../../main/ssh/host-keys";
import type { Access } from "../../main/ssh/access";
import { createAccess } from "../../main/ssh/pool";
import { resolveLogin } from "../../main/ssh/resolve-login";
import { readSshConfig } from "../../main/ssh/ssh-config";
import { casesRoot, previousFolder, writeCase, type RecordedCase } from "./case";

export interface RecordOptions extends Pick<RecordedCase, "what" | "version" | "origin"> {
  /** Looks twice, so that rates can be made. */
  readonly withPrevious?: boolean;
  /** What happens between the two looks; two seconds pass when left out. */
  readonly betweenLooks?: () => Promise<void>;
}

export interface Recorder {
  /** Looks at the cluster and writes the case `<engine>/<name>`. */
  record(
    engine: AnyEngine,
    cluster: Pick<Cluster, "nodes" | "members">,
    name: string,
    options: RecordOptions,
  ): Promise<void>;
}

/** Records what a real cluster answers, through the very same access and probes as the app; each look has connections of its own. */
export function openRecorder(sshConfigPath: string, databasePassword: string | null = null): Recorder {
  return {
    record: async (engine, cluster, name, { withPrevious, betweenLooks, ...about }) => {
      const directory = join(casesRoot, engine.id, name);
      const eyes = openEyes(sshConfigPath, databasePassword);
      try {
        if (withPrevious !== true) return await look(eyes, engine, cluster, directory, about);
        // The folder of the case is made anew by the last look, so the first is kept aside until then.
        const aside = `${directory}.${previousFolder}`;
        await look(eyes, engine, cluster, aside, about);
        await (betweenLooks?.() ?? pause(2_000));
        await look(eyes, engine, cluster, directory, about);
        renameSync(aside, join(directory, previousFolder));
      } finally {
        await eyes.close();
      }
    },
  };
}

interface Eyes {
  readonly access: Access;
  readonly take: TakeReadings;
  close(): Promise<void>;
}

function openEyes(sshConfigPath: string, databasePassword: string | null): Eyes {
  const clock = systemClock;
  const desktop = { homeDirectory: homedir(), user: userInfo().username, environment: process.env };
  const access = createAccess({
    clock,
    random: Math.random,
    newNonce: randomUUID,
    asker: { ask: () => Promise.resolve({ kind: "refuse" }) },
    hostKeys: hostKeyCheck,
    resolve: async (login) => resolveLogin(await readSshConfig(sshConfigPath, desktop), login),
  });
  const wire = createWire({
    password: () => Promise.resolve(databasePassword),
    accepted: () => undefined,
    refused: () => undefined,
  });
  return {
    access,
    take: createTakeReadings({ clock, wire, keptRawBytes: Number.MAX_SAFE_INTEGER }),
    close: async () => {
      wire.close();
      await access.close();
    },
  };
}

async function look(
  { access, take }: Eyes,
  engine: AnyEngine,
  { nodes, members }: Pick<Cluster, "nodes" | "members">,
  directory: string,
  about: Pick<RecordedCase, "what" | "version" | "origin">,
): Promise<void> {
  for (const { node, login } of nodes) access.know(node, login);
  await engine.open(async (opened) => {
    const { members: seen, taken } = await gather({ access, take }, opened, members, null);
    const raws = new Map<string, string>();
    const recorded: RecordedCase = {
      engine: engine.id,
      ...about,
      recordedAt: new Date().toISOString(),
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
    writeCase(directory, recorded, raws);
  });
}
