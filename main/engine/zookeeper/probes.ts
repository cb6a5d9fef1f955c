import { sentence } from "../../../contract/sentence";
import { parseHttpAnswer } from "../../probe/parse/http-answer";
import { parseJsonObject, type JsonObject } from "../../probe/parse/json";
import { NotThere, ParseError, type Probe } from "../../probe/probe";
import { quote } from "../../ssh/quote";
import { livenessScript, parseLiveness, type Liveness } from "../process-liveness";
import { serversIn, versionOf, type ListedServer, type ServerList } from "./server-lines";
import { adminLogin, wordCall, type ZookeeperSite } from "./settings";

/** What the port says of a server that has no majority behind it; it goes on to answer `imok` (3.4 to 3.9). */
const notServing = "This ZooKeeper instance is not currently serving requests";

/** Throws NotThere for what a server says instead of an answer. */
function answered(what: string, text: string): string {
  if (text.startsWith(notServing)) throw new NotThere(sentence("zookeeper/not-serving"));
  const word = /^(\w+) is not executed because it is not in the whitelist/.exec(text)?.[1];
  if (word !== undefined) throw new NotThere(sentence("zookeeper/word-refused", { word }));
  if (text.trim() === "") throw new ParseError(what, text);
  return text;
}

/** What a server measures of itself, by the names of `mntr` without their prefix. */
export interface Monitored {
  /** `leader`, `follower`, `observer`, `standalone`, `read-only`. */
  readonly state: string;
  readonly version: string;
  /** Null where this version or role does not tell. */
  number(name: string): number | null;
}

/**
 * ```
 * zk_version	3.8.0-${mvngit.commit.id}, built on 2024-12-29 17:54 UTC
 * zk_server_state	follower
 * zk_avg_latency	8.5
 * ```
 */
export function parseMntr(text: string): Monitored {
  const what = "what the server measures";
  const values = new Map<string, string>();
  for (const line of answered(what, text)
    .split("\n")
    .filter((one) => one !== "")) {
    const [, name, value] = /^zk_(\S+)\t(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new ParseError(what, line);
    values.set(name, value);
  }
  return monitored(what, text, (name) => values.get(name) ?? null);
}

/** `/commands/monitor` tells the same without the prefix, as JSON; without a majority it is a page about its own fault (3.8). */
export function parseMonitor(text: string): Monitored {
  const what = "what the server measures";
  const body = adminBody(what, text);
  return monitored(what, text, (name) => {
    if (!body.has(name)) return null;
    return name === "server_state" || name === "version" ? body.text(name) : String(body.number(name));
  });
}

function monitored(what: string, text: string, get: (name: string) => string | null): Monitored {
  const state = get("server_state");
  if (state === null) throw new ParseError(what, text);
  return {
    state,
    version: (get("version") ?? "").replace(/[-,].*$/, ""),
    number: (name) => {
      const value = get(name);
      if (value === null) return null;
      const number = Number(value);
      return Number.isFinite(number) && number >= 0 ? number : null;
    },
  };
}

function adminBody(what: string, text: string): JsonObject {
  const { status, body } = parseHttpAnswer(what, text);
  if (/not currently serving requests|&quot;zkServer&quot; is null|"zkServer" is null/.test(body))
    throw new NotThere(sentence("zookeeper/not-serving"));
  if (status !== 200) throw new NotThere(sentence("zookeeper/admin-answered", { status }));
  return parseJsonObject(what, body);
}

export interface Served {
  readonly version: string;
  readonly mode: string;
  /** The last transaction it has: the epoch of its leader and a counter within it. */
  readonly epoch: number;
  readonly counter: number;
  readonly nodeCount: number;
}

/**
 * ```
 * Zookeeper version: 3.8.0-${mvngit.commit.id}, built on 2024-12-29 17:54 UTC
 * Zxid: 0x100000003
 * Mode: follower
 * Node count: 6
 * ```
 * The one word that is answered without being allowed in the configuration (3.5 and newer).
 */
export function parseSrvr(text: string): Served {
  const what = "the server's standing";
  const answer = answered(what, text);
  const line = (name: string): string => {
    const value = new RegExp(`^${name}: (.*)$`, "m").exec(answer)?.[1];
    if (value === undefined) throw new ParseError(`${what}: ${name}`, answer);
    return value;
  };
  const zxid = line("Zxid");
  if (!/^0x[0-9a-f]{1,16}$/.test(zxid)) throw new ParseError(`${what}: Zxid`, zxid);
  const nodeCount = Number(line("Node count"));
  if (!Number.isSafeInteger(nodeCount)) throw new ParseError(`${what}: Node count`, line("Node count"));
  return {
    version: line("Zookeeper version").replace(/[-,].*$/, ""),
    mode: line("Mode"),
    epoch: Number(BigInt(zxid) >> 32n),
    counter: Number(BigInt(zxid) & 0xffffffffn),
    nodeCount,
  };
}

/** `ruok` proves that the port is served and nothing else. */
export function parseRuok(text: string): true {
  if (answered("ruok", text).trim() !== "imok") throw new ParseError("ruok", text);
  return true;
}

/** The servers of the ensemble as a running server counts them; asked with `conf`. */
export function parseConf(text: string): ServerList {
  const list = answered("the server list", text);
  const version = versionOf(/^version=(.*)$/m.exec(list)?.[1]?.trim() ?? "");
  return { servers: serversIn(list), isWhole: true, version };
}

/** The same from `/commands/voting_view`, which leaves out observers, groups and weights; used where `conf` is refused. */
export function parseVotingView(text: string): ServerList {
  const what = "the voting servers";
  const config = adminBody(what, text).object("current_config");
  const servers = config
    .names()
    .map((id) => {
      const server = config.object(id);
      const [address] = server.texts("server_addresses");
      const [election] = server.texts("election_addresses");
      const [, host, port] = /^(.*):(\d+)$/.exec(address ?? "") ?? [];
      if (!/^\d+$/.test(id) || host === undefined) throw new ParseError(what, text);
      return {
        id: Number(id),
        host: host.replace(/^\[|\]$/g, ""),
        quorumPort: Number(port),
        electionPort: Number(/:(\d+)$/.exec(election ?? "")?.[1] ?? 0),
        role: "participant" as const,
        group: null,
        weight: null,
      };
    })
    .sort((one, other) => one.id - other.id);
  return { servers, isWhole: false, version: null };
}

/** `{"is_leader":false,"leader_id":3,"leader_ip":"10.77.0.53","command":"leader","error":null}` */
export function parseLeader(text: string): number {
  return adminBody("the leader", text).count("leader_id");
}

/** `{"zxid":"0","timestamp":1795473531,…}`: the moment is in seconds (3.8). */
export function parseLastSnapshot(text: string): number {
  const seconds = adminBody("the last snapshot", text).count("timestamp");
  if (seconds === 0) throw new NotThere(sentence("zookeeper/no-snapshot"));
  return seconds * 1000;
}

/** What lies on the disk, readable also while nothing is served. */
export interface OnDisk {
  readonly serverId: number | null;
  readonly currentEpoch: number | null;
  readonly acceptedEpoch: number | null;
  /** The servers its configuration will name when it is started next. */
  readonly servers: readonly ListedServer[];
  /** Of those servers, where they stand in a dynamic configuration; null where they do not. */
  readonly listVersion: number | null;
  /** The unread files among those. */
  readonly closed: readonly string[];
}

/** Builtins only. A dynamic configuration lies in a file of its own that the first one names. */
function diskScript({ settings }: ZookeeperSite): string {
  const { configFile, dataDirectory } = settings;
  const one = (word: string, path: string): string =>
    `line=; if [ -r ${quote([path])} ]; then read -r line <${quote([path])}; echo "${word} $line"; elif [ -e ${quote([path])} ] || [ ! -x ${quote([dataDirectory])} ]; then echo "closed ${word}"; fi`;
  return `${one("myid", `${dataDirectory}/myid`)}
${one("currentEpoch", `${dataDirectory}/version-2/currentEpoch`)}
${one("acceptedEpoch", `${dataDirectory}/version-2/acceptedEpoch`)}
file=${quote([configFile])}
for round in 1 2; do
 [ -n "$file" ] || break
 next=; if [ -r "$file" ]; then while read -r line || [ -n "$line" ]; do
  case $line in server.*|group.*|weight.*) echo "$line";; dynamicConfigFile=*) next=\${line#dynamicConfigFile=}; echo "dynamic \${next##*/}";; esac
 done <"$file"; else echo "closed configuration"; fi
 file=$next
done`;
}

/**
 * ```
 * myid 1
 * currentEpoch 3
 * acceptedEpoch 3
 * dynamic zoo.cfg.dynamic.100000000
 * server.1=10.77.0.51:2888:3888;2181
 * ```
 */
export function parseOnDisk(text: string): OnDisk {
  const lines = text.split("\n");
  const number = (word: string): number | null => {
    const value = lines.find((line) => line.startsWith(`${word} `))?.slice(word.length + 1);
    if (value === undefined) return null;
    if (!/^\d{1,15}$/.test(value.trim())) throw new ParseError(word, value);
    return Number(value);
  };
  const dynamic = lines.find((line) => line.startsWith("dynamic "));
  return {
    serverId: number("myid"),
    currentEpoch: number("currentEpoch"),
    acceptedEpoch: number("acceptedEpoch"),
    servers: serversIn(text),
    listVersion: dynamic === undefined ? null : dynamicVersion(dynamic),
    closed: lines.filter((line) => line.startsWith("closed ")).map((line) => line.slice("closed ".length)),
  };
}

/** A dynamic configuration whose name ends in no version is of version 0 (3.5). */
function dynamicVersion(fileName: string): number | null {
  const [, digits] = /\.([0-9a-f]+)$/i.exec(fileName.trim()) ?? [];
  return digits === undefined ? 0 : versionOf(digits);
}

export interface ZookeeperProbes extends Readonly<Record<string, Probe<unknown>>> {
  readonly mntr: Probe<Monitored>;
  readonly srvr: Probe<Served>;
  readonly conf: Probe<ServerList>;
  readonly ruok: Probe<true>;
  readonly monitor: Probe<Monitored>;
  readonly leader: Probe<number>;
  readonly votingView: Probe<ServerList>;
  readonly lastSnapshot: Probe<number>;
  readonly disk: Probe<OnDisk>;
  readonly liveness: Probe<Liveness>;
}

const snapshotEveryMs = 60_000;

export function zookeeperProbes(site: ZookeeperSite): ZookeeperProbes {
  const word = <T>(name: string, parse: (text: string) => T): Probe<T> => ({
    ask: wordCall(site, name),
    parse,
    deadlineMs: 3_000,
  });
  const login = adminLogin(site);
  const admin = <T>(command: string, parse: (text: string) => T, everyMs = 0): Probe<T> =>
    login === null
      ? {
          ask: { kind: "read", script: ":" },
          parse: () => {
            throw new NotThere(sentence("zookeeper/admin-off"));
          },
        }
      : {
          ask: { kind: "http", login, method: "GET", path: `/commands/${command}` },
          parse,
          everyMs,
          deadlineMs: 3_000,
        };
  const { control, configFile } = site.settings;
  // Without a configuration file the main class is all there is to tell it by.
  const process = {
    name: "java",
    words: ["org.apache.zookeeper.server.", configFile].filter((one) => one !== ""),
    control,
  };
  return {
    mntr: word("mntr", parseMntr),
    srvr: word("srvr", parseSrvr),
    conf: word("conf", parseConf),
    ruok: word("ruok", parseRuok),
    monitor: admin("monitor", parseMonitor),
    leader: admin("leader", parseLeader),
    votingView: admin("voting_view", parseVotingView),
    lastSnapshot: admin("last_snapshot", parseLastSnapshot, snapshotEveryMs),
    disk: { ask: { kind: "read", script: diskScript(site) }, parse: parseOnDisk },
    liveness: { ask: { kind: "read", script: livenessScript(process) }, parse: parseLiveness },
  };
}
