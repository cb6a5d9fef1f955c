import { sentence, type Sentence } from "../../../contract/sentence";
import type { NodeAccess } from "../../ssh/access";
import type { Discovery, DiscoveryAsk, HostProcess, Sighted } from "../engine";
import { isLoopback } from "../loopback";
import { controlText } from "../service";
import { parseConf, parseSrvr } from "./probes";
import { serversIn, type ListedServer } from "./server-lines";
import { wordCall, zookeeperSettings, type ZookeeperSite } from "./settings";

/** The main classes of a server of an ensemble and of one that stands alone. */
const mainClass = /^org\.apache\.zookeeper\.server\.(?:quorum\.QuorumPeerMain|ZooKeeperServerMain)$/;

/** The configuration file, the one it names for the servers (which ZooKeeper writes without a last newline), and the server's own number. */
const configureScript = `
file=$1
sed 's/^/line /' "$file" || echo closed
next=$(sed -n 's/^dynamicConfigFile=//p' "$file" | tail -n 1)
[ -z "$next" ] || sed 's/^/line /' "$next" || echo closed
data=$(sed -n 's/^ *dataDir *= *//p' "$file" | tail -n 1)
echo; read -r id <"$data/myid" && echo "myid $id"
exit 0
`.trim();

export interface Configured {
  readonly isWhole: boolean;
  readonly serverId: number;
  readonly servers: readonly ListedServer[];
  /** The client port of a server's own line, after its semicolon. */
  readonly ownClientPort: number | null;
  setting(name: string): string | null;
}

/**
 * ```
 * line tickTime=1000
 * line dataDir=/var/lib/zookeeper
 * line server.1=10.77.0.51:2888:3888;2181
 * myid 1
 * ```
 */
export function parseConfigured(text: string): Configured {
  const lines = text
    .split("\n")
    .flatMap((line) => (line.startsWith("line ") ? [line.slice("line ".length).trim()] : []));
  const serverId = Number(/^myid (\d+)$/m.exec(text)?.[1] ?? 0);
  const own = lines.find((line) => line.startsWith(`server.${serverId}=`));
  const clientPort = /;(?:.*:)?(\d+)$/.exec(own ?? "")?.[1];
  return {
    isWhole: !text.split("\n").includes("closed"),
    serverId,
    servers: serversIn(lines.join("\n")),
    ownClientPort: clientPort === undefined ? null : Number(clientPort),
    setting: (name) => {
      const pairs = lines.map((line) => /^([^=\s]+)\s*=\s*(.*)$/.exec(line)).filter((found) => found?.[1] === name);
      return pairs.at(-1)?.[2] ?? null;
    },
  };
}

export const zookeeperDiscovery: Discovery = {
  processNames: ["java"],
  look: async (access, ask) => {
    const processes = (await ask.processes()).filter(({ argv }) => argv.some((word) => mainClass.test(word)));
    const sighted = await Promise.all(processes.map((process) => lookAt(access, ask, process)));
    return {
      members: sighted.flatMap((one) => one.members),
      peers: sighted.flatMap((one) => one.peers),
      problems: sighted.flatMap((one) => one.problems),
    };
  },
};

async function lookAt(access: NodeAccess, ask: DiscoveryAsk, process: HostProcess): Promise<Sighted> {
  const given = process.argv.slice(process.argv.findIndex((word) => mainClass.test(word)) + 1);
  const [first = ""] = given;
  // A server may be given a port and a directory instead of a file.
  const file = /^\d+$/.test(first) ? "" : absolute(first, process);
  const output =
    file === ""
      ? ""
      : (
          await access.run(
            { argv: ["/bin/sh", "-c", configureScript, "sh", file] },
            { deadlineMs: 15_000, maxBytes: 1 << 18 },
          )
        ).stdout;
  const configured = parseConfigured(output);
  const problems: Sentence[] = configured.isWhole
    ? []
    : [sentence("zookeeper/configuration-closed", { node: access.node })];
  const settings = settingsOf(process, configured, file, given);
  const site: ZookeeperSite = { member: "", node: access.node, settings };
  try {
    parseSrvr(await ask.call(wordCall(site, "srvr")));
  } catch (error) {
    // It belongs to the cluster though it does not serve now; the reason is shown beside it.
    problems.push(ask.reasonOf(error));
  }
  const servers = configured.servers.length > 0 ? configured.servers : await runningList(ask, site);
  const own = servers.find(({ id }) => id === settings.serverId);
  const [lowest] = servers;
  // Lists that have come to differ still share their first server, so their members are shown as what they are: one cluster in danger.
  const clusterKey =
    lowest === undefined
      ? `${access.node}:${settings.port}`
      : `${lowest.id}=${lowest.host}:${lowest.quorumPort}:${lowest.electionPort}`;
  const member = { node: access.node, settings: { ...settings, quorumAddress: own?.host ?? "" } };
  return {
    members: [{ clusterKeys: [clusterKey], clusterName: "zookeeper", member }],
    peers: servers
      .filter(({ id, host }) => id !== settings.serverId && !isLoopback(host))
      .map(({ host }) => ({ names: [host] })),
    problems,
  };
}

async function runningList(ask: DiscoveryAsk, site: ZookeeperSite): Promise<readonly ListedServer[]> {
  try {
    return parseConf(await ask.call(wordCall(site, "conf"))).servers;
  } catch (error) {
    // A server that does not answer lists nobody; what is wrong with it was said by its first answer.
    void error;
    return [];
  }
}

function settingsOf(
  process: HostProcess,
  configured: Configured,
  configFile: string,
  given: readonly string[],
): ZookeeperSite["settings"] {
  const property = (name: string): string | null =>
    process.argv.find((word) => word.startsWith(`-Dzookeeper.${name}=`))?.split("=")[1] ?? null;
  const setting = (name: string): string | null => property(name) ?? configured.setting(name);
  const dataDirectory = configured.setting("dataDir") ?? given[1] ?? "";
  const port = Number(
    configured.ownClientPort ?? configured.setting("clientPort") ?? (configFile === "" ? given[0] : null),
  );
  const isAdminOff = setting("admin.enableServer") === "false";
  return {
    host: dialled(configured.setting("clientPortAddress") ?? ""),
    port: Number.isInteger(port) && port > 0 ? port : zookeeperSettings.port.standard,
    adminHost: dialled(setting("admin.serverAddress") ?? ""),
    adminPort: isAdminOff ? 0 : Number(setting("admin.serverPort") ?? zookeeperSettings.adminPort.standard),
    serverId: configured.serverId,
    quorumAddress: "",
    configFile,
    dataDirectory: absolute(dataDirectory, process),
    dataLogDirectory: absolute(configured.setting("dataLogDir") ?? dataDirectory, process),
    account: process.account === "" ? "zookeeper" : process.account,
    control: controlText(process.service),
    logFile:
      process.outputFile === "" && property("log.dir") !== null
        ? `${property("log.dir") ?? ""}/zookeeper.log`
        : process.outputFile,
  };
}

/** A service that listens everywhere is dialled at its host's own loopback. */
function dialled(address: string): string {
  if (address === "" || address === "0.0.0.0") return "127.0.0.1";
  return address === "::" ? "::1" : address;
}

function absolute(path: string, { workingDirectory }: HostProcess): string {
  if (path === "" || path.startsWith("/")) return path;
  return `${workingDirectory === "/" ? "" : workingDirectory}/${path}`;
}
