import type { SettingValue } from "../../../contract/inventory";
import type { DiscoveryAsk, HostProcess } from "../engine";
import { parseInfo, type RedisInfo } from "../../probe/parse/redis-info";
import { parsePairs } from "../../probe/parse/redis-lists";
import { NotThere, type RedisCall } from "../../probe/probe";
import { controlText } from "../service";
import type { redisServerSettings } from "./settings";

/** A server's process with the address that its title tells. */
export interface FoundServer {
  readonly process: HostProcess;
  readonly host: string;
  readonly port: number;
}

export const redisProcessNames: readonly string[] = ["redis-server", "valkey-server"];
export const sentinelProcessNames: readonly string[] = ["redis-sentinel", "valkey-sentinel", ...redisProcessNames];

/**
 * ```
 * /usr/bin/redis-server 0.0.0.0:6379 [cluster]
 * /usr/bin/redis-sentinel *:26379 [sentinel]
 * redis-rdb-bgsave 0.0.0.0:6379 [cluster]
 * ```
 * The last is a child that saves, and no server of its own.
 */
export function foundServers(processes: readonly HostProcess[], names: readonly string[]): readonly FoundServer[] {
  return processes
    .filter(({ name }) => names.includes(name))
    .flatMap((process): readonly FoundServer[] => {
      const title = process.argv.join(" ");
      if (/^(?:redis|valkey)-(?:rdb|aof|module)-/.test(title)) return [];
      const place = /\s-?(\S+):(\d+)(?:\s|$)/.exec(title);
      if (place === null) return [];
      const [, host = "", port] = place;
      return [{ process, host: reachable(host), port: Number(port) }];
    });
}

/** A server that listens on all addresses is reached on the host's own. */
function reachable(host: string): string {
  if (host === "*" || host === "0.0.0.0") return "127.0.0.1";
  return host === "::" || host === "[::]" ? "::1" : host;
}

export function callOf({ host, port }: Pick<FoundServer, "host" | "port">, command: RedisCall["command"]): RedisCall {
  return { kind: "redis", login: { target: { kind: "tcp", host, port }, user: "" }, command };
}

/** Its INFO and what is to be kept of it. Throws what the call throws. */
export async function lookAtServer(
  ask: DiscoveryAsk,
  found: FoundServer,
): Promise<{ readonly info: RedisInfo; readonly settings: Record<keyof typeof redisServerSettings, SettingValue> }> {
  const info = parseInfo(await ask.call(callOf(found, ["INFO"])));
  const [logFile, dataDirectory, pidFile] = await Promise.all(
    ["logfile", "dir", "pidfile"].map((name) => configured(ask, found, name)),
  );
  const { process, host, port } = found;
  const programDirectory = directoryOf(process.program) || directoryOf(info.executable) || "/usr/bin";
  return {
    info,
    settings: {
      host,
      port,
      user: "",
      account: process.account,
      control: controlSetting(process, info, programDirectory),
      pidFile: pidFile ?? "",
      logFile: absolute(logFile ?? "", dataDirectory ?? "") || process.outputFile,
      dataDirectory: dataDirectory || process.workingDirectory,
      programDirectory,
    },
  };
}

/** Null where it may not be asked: CONFIG can be renamed away or forbidden, and a sentinel keeps another form of it. */
async function configured(ask: DiscoveryAsk, found: FoundServer, name: string): Promise<string | null> {
  try {
    return parsePairs(name, await ask.call(callOf(found, ["CONFIG", "GET", name]))).get(name) ?? null;
  } catch (error) {
    // Every reason a server has for not telling; what it needs for is then said to be unknown.
    if (error instanceof NotThere || ask.reasonOf(error).code === "wire/permission-denied") return null;
    throw error;
  }
}

/**
 * A server writes its title over its arguments, so nobody can see what it was started with; without a keeper it can be started again
 * only where a configuration file says everything.
 */
function controlSetting(process: HostProcess, { configFile }: RedisInfo, programDirectory: string): string {
  if (process.service.kind !== "plain") return controlText(process.service);
  if (configFile === "") return "";
  const argv = [`${programDirectory}/${process.name}`, configFile] as const;
  return controlText({ kind: "plain", argv, workingDirectory: "/" });
}

function absolute(file: string, directory: string): string {
  return file === "" || file.startsWith("/") ? file : `${directory}/${file}`;
}

function directoryOf(path: string): string {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : "";
}
