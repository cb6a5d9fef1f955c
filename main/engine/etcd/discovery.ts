import { sentence, type Sentence } from "../../../contract/sentence";
import { urlOf } from "../../probe/parse/url";
import type { NodeAccess } from "../../ssh/access";
import type { Discovery, DiscoveryAsk, HostProcess, Sighted } from "../engine";
import { isLoopback } from "../loopback";
import { controlText } from "../service";
import { parseMembers, parseStatus, type ListedMember } from "./probes";
import { gateway, loginOf, type EtcdSite } from "./settings";

/**
 * How a process was told its settings, beyond its arguments: the environment where it may be read, else what its unit gives it, and the
 * file named on the command line.
 */
const configureScript = `
pid=$1 unit=$2 file=$3
if [ -r "/proc/$pid/environ" ]; then tr '\\n\\0' ' \\n' <"/proc/$pid/environ" | sed -n 's/^ETCD_/environment ETCD_/p'
elif [ "$unit" ]; then
 systemctl show -p Environment --value "$unit" | tr ' ' '\\n' | sed -n 's/^ETCD_/environment ETCD_/p'
 systemctl show -p EnvironmentFiles --value "$unit" | sed 's/ (ignore.*//' | while read -r one; do
  sed -n "s/^\\(ETCD_[A-Z0-9_]*\\)=[\\"']\\{0,1\\}\\([^\\"']*\\)[\\"']\\{0,1\\}$/environment \\1=\\2/p" "$one"
 done
else echo closed; fi
[ -z "$file" ] || sed -n 's/^\\([a-z][a-z-]*\\): *[\\"'\\'']\\{0,1\\}\\([^\\"'\\'']*\\)[\\"'\\'']\\{0,1\\} *$/file \\1=\\2/p' "$file" || echo unread
exit 0
`.trim();

/** The settings of one process by their long names, such as `listen-client-urls`. */
export interface Configured {
  readonly by: "arguments" | "environment" | "file";
  readonly isWhole: boolean;
  setting(name: string): string | null;
}

/**
 * ```
 * environment ETCD_NAME=e1
 * environment ETCD_LISTEN_CLIENT_URLS=http://10.0.0.61:2379,http://127.0.0.1:2379
 * file data-dir=/var/lib/etcd
 * ```
 * A file silences arguments and environment; an argument wins over the environment (3.4).
 */
export function parseConfigured(argv: readonly string[], text: string): Configured {
  const lines = text.split("\n");
  const pairs = (word: string): Map<string, string> =>
    new Map(
      lines
        .filter((line) => line.startsWith(`${word} `))
        .map((line) => line.slice(word.length + 1))
        .map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
    );
  const given = argumentsOf(argv);
  const environment = pairs("environment");
  const file = pairs("file");
  const isFile = given.has("config-file");
  const named = (name: string): string => `ETCD_${name.toUpperCase().replaceAll("-", "_")}`;
  return {
    by: isFile ? "file" : given.size > 0 ? "arguments" : "environment",
    isWhole: !lines.includes("closed") && !lines.includes("unread"),
    setting: (name) => (isFile ? (file.get(name) ?? null) : (given.get(name) ?? environment.get(named(name)) ?? null)),
  };
}

/** `--name e1`, `--name=e1` and `-name e1` are the same. */
function argumentsOf(argv: readonly string[]): ReadonlyMap<string, string> {
  const given = new Map<string, string>();
  argv.forEach((word, at) => {
    const [, name, , value] = /^--?([a-z][a-z0-9-]*)(=(.*))?$/.exec(word) ?? [];
    if (name === undefined) return;
    const next = argv[at + 1];
    given.set(name, value ?? (next === undefined || next.startsWith("-") ? "true" : next));
  });
  return given;
}

export const etcdDiscovery: Discovery = {
  processNames: ["etcd"],
  look: async (access, ask) => {
    const processes = (await ask.processes()).filter(({ name }) => name === "etcd");
    const sighted = await Promise.all(processes.map((process) => lookAt(access, ask, process)));
    return {
      members: sighted.flatMap((one) => one.members),
      peers: sighted.flatMap((one) => one.peers),
      problems: sighted.flatMap((one) => one.problems),
    };
  },
};

async function lookAt(access: NodeAccess, ask: DiscoveryAsk, process: HostProcess): Promise<Sighted> {
  const { service, pid, argv } = process;
  const file = argumentsOf(argv).get("config-file") ?? "";
  const unit = service.kind === "systemd" ? service.unit : "";
  const output = await access.run(
    { argv: ["/bin/sh", "-c", configureScript, "sh", String(pid), unit, absolute(file, process)] },
    { deadlineMs: 15_000, maxBytes: 1 << 18 },
  );
  const configured = parseConfigured(argv, output.stdout);
  const problems: Sentence[] = configured.isWhole ? [] : [sentence("etcd/settings-closed", { node: access.node })];
  const settings = settingsOf(process, configured, access.node);
  const site: EtcdSite = { member: "", node: access.node, settings };
  const cluster = configured.setting("initial-cluster") ?? "";
  const member = { node: access.node, settings };
  try {
    const login = loginOf(site);
    const status = parseStatus(await ask.call({ ...gateway(login, "/v3/maintenance/status"), reads: true }));
    const listed = parseMembers(await ask.call({ ...gateway(login, "/v3/cluster/member/list"), reads: true }));
    const own = listed.find(({ id }) => id === status.memberId);
    const found = { ...member, settings: { ...settings, ...(own !== undefined && ownSettings(own)) } };
    return {
      members: [{ clusterKeys: [status.clusterId], clusterName: "etcd", member: found }],
      peers: listed
        .filter(({ id }) => id !== status.memberId)
        .map(({ name, clientUrls, peerUrls }) => namesOf(name, [...clientUrls, ...peerUrls]))
        .map((names) => ({ names })),
      problems,
    };
  } catch (error) {
    problems.push(ask.reasonOf(error));
    // Its settings tell whom it belongs with, though it does not answer: certificates may be missing, or it hangs.
    if (cluster === "") return { members: [], peers: [], problems };
    const clusterKey = [...cluster.split(",")].sort().join(",");
    const peers = cluster.split(",").map((entry) => ({ names: namesOf(...initialPeer(entry)) }));
    return { members: [{ clusterKeys: [clusterKey], clusterName: "etcd", member }], peers, problems };
  }
}

/** What the cluster says of a member wins over what it was started with. */
function ownSettings({ name, peerUrls }: ListedMember): { readonly name: string; readonly peerUrl: string } {
  return { name, peerUrl: peerUrls[0] ?? "" };
}

function settingsOf(process: HostProcess, configured: Configured, node: string): EtcdSite["settings"] {
  const listens = urlsOf(configured.setting("listen-client-urls") ?? "http://localhost:2379");
  const chosen = listens.find(({ hostname }) => isLoopback(hostname)) ?? listens[0];
  const metrics = urlsOf(configured.setting("listen-metrics-urls") ?? "").find(({ protocol }) => protocol === "http:");
  const name = configured.setting("name") ?? "default";
  return {
    host: dialled(chosen?.hostname ?? "127.0.0.1"),
    port: Number(chosen?.port || "2379"),
    tls: chosen?.protocol === "https:",
    serverName: "",
    caFile: "",
    certFile: "",
    keyFile: "",
    metricsPort: Number(metrics?.port || "0"),
    name: name === "%H" ? node : name,
    peerUrl: configured.setting("initial-advertise-peer-urls")?.split(",")[0] ?? "",
    dataDirectory: absolute(configured.setting("data-dir") ?? `${name}.etcd`, process),
    walDirectory: absolute(configured.setting("wal-dir") ?? "", process),
    account: process.account === "" ? "etcd" : process.account,
    control: controlText(process.service),
    configuredBy: configured.by,
    logFile: process.outputFile,
  };
}

function urlsOf(list: string): readonly URL[] {
  return list.split(",").flatMap((text) => urlOf(text.trim()) ?? []);
}

/** A service that listens everywhere is dialled at its host's own loopback. */
function dialled(host: string): string {
  if (host === "0.0.0.0" || host === "localhost") return "127.0.0.1";
  return host === "[::]" ? "::1" : host.replace(/^\[|\]$/g, "");
}

/** What another member may be known by: its name first, its address last. */
function namesOf(name: string, urls: readonly string[]): readonly string[] {
  const hosts = urlsOf(urls.join(",")).map(({ hostname }) => hostname.replace(/^\[|\]$/g, ""));
  return [...new Set([name, ...hosts])].filter((one) => one !== "" && !isLoopback(one));
}

/** `e1=http://10.0.0.61:2380` */
function initialPeer(entry: string): readonly [string, readonly string[]] {
  const at = entry.indexOf("=");
  return [entry.slice(0, at), [entry.slice(at + 1)]];
}

function absolute(path: string, { workingDirectory }: HostProcess): string {
  if (path === "" || path.startsWith("/")) return path;
  return `${workingDirectory === "/" || workingDirectory === "" ? "" : workingDirectory}/${path}`;
}
