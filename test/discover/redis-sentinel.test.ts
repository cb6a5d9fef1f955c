import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { discover, type DiscoverParts } from "../../main/discover/discover";
import type { DiscoveryAsk, HostProcess } from "../../main/engine/engine";
import { redisSentinel } from "../../main/engine/redis-sentinel";
import { NotThere, type RedisCall } from "../../main/probe/probe";
import type { NodeAccess } from "../../main/ssh/access";
import { casesRoot, rawFile, readCase, type RecordedCase } from "../engine/case";

/** One set of sentinels and servers as a case has recorded it, or as it is with a set of its own made out of it by `change`. */
interface RecordedSet {
  readonly caseOf: (node: string) => string;
  readonly change: (text: string, node: string) => string;
}

type RecordedMember = RecordedCase["members"][number]["member"];

const unchanged = (text: string): string => text;
const recorded = (name: string): RecordedSet => ({ caseOf: () => name, change: unchanged });
/** The same three hosts at other ports, with run ids of its own. */
const twin = (text: string): string =>
  text.replaceAll("6379", "6380").replace(/\b[0-9a-f]{40}\b/g, (id) => id.slice(20) + id.slice(0, 20));

const hosts = ["s1", "s2", "s3"];
const addresses = new Map(hosts.map((host, place) => [host, `198.18.2.2${place + 1}`]));

function membersOn({ caseOf, change }: RecordedSet, node: string): readonly RecordedMember[] {
  return readCase("redis-sentinel", caseOf(node))
    .members.map(({ member }) => member)
    .filter((member) => member.node === node && answer(recorded(caseOf(node)), member, "info") !== null)
    .map((member) => ({ ...member, settings: { ...member.settings, port: Number(change(portOf(member), node)) } }));
}

function portOf({ settings }: RecordedMember): string {
  return String(settings.port);
}

function answer({ caseOf, change }: RecordedSet, { member, node }: RecordedMember, probe: string): string | null {
  const file = rawFile(join(casesRoot, "redis-sentinel", caseOf(node)), member, probe);
  return existsSync(file) ? change(readFileSync(file, "utf8"), node) : null;
}

function processOf(member: RecordedMember): HostProcess {
  const isSentinel = member.settings.kind === "sentinel";
  const name = isSentinel ? "redis-sentinel" : "redis-server";
  return {
    pid: Number(portOf(member)),
    parentPid: 1,
    name,
    argv: [`/usr/bin/${name} *:${portOf(member)}${isSentinel ? " [sentinel]" : ""}`],
    account: "redis",
    program: `/usr/bin/${name}`,
    workingDirectory: "/var/lib/redis",
    outputFile: "",
    service: { kind: "systemd", unit: `${name}.service` },
  };
}

/** What the recorded servers of one host answer; a discovery asks for the list of masters, each recording holds the one it has. */
function asksOf(sets: readonly RecordedSet[], node: string): DiscoveryAsk {
  const all = sets.flatMap((set) => membersOn(set, node).map((member) => ({ set, member })));
  const probes = new Map([
    ["INFO", "info"],
    ["SENTINEL MASTERS", "master"],
    ["SENTINEL REPLICAS mymaster", "replicas"],
    ["SENTINEL SENTINELS mymaster", "sentinels"],
  ]);
  return {
    address: addresses.get(node) ?? "",
    processes: () => Promise.resolve(all.map(({ member }) => processOf(member))),
    call: (call) => {
      const { login, command } = call as RedisCall;
      const words = command.join(" ");
      const asked = all.find(
        ({ member }) => login.target.kind === "tcp" && Number(portOf(member)) === login.target.port,
      );
      const said = asked === undefined ? null : answer(asked.set, asked.member, probes.get(words) ?? words);
      if (said === null) return Promise.reject(new NotThere({ code: "probe/not-told", facts: {} }));
      return Promise.resolve(words === "SENTINEL MASTERS" ? `[${said}]` : said);
    },
    reasonOf: () => ({ code: "probe/not-told", facts: {} }),
  };
}

/** Who is found in which cluster, from `s1`; the hosts are fakes that only answer what was recorded. */
async function found(...sets: readonly RecordedSet[]): Promise<readonly (readonly string[])[]> {
  const accessTo = (node: string): NodeAccess =>
    ({
      node,
      ready: () => Promise.resolve(),
      run: () => Promise.resolve({ stdout: "", stderr: "", exitCode: 0 }),
    }) as unknown as NodeAccess;
  const parts: DiscoverParts = {
    engines: [redisSentinel],
    reach: ({ node }) => Promise.resolve({ access: accessTo(node), address: addresses.get(node) ?? "" }),
    aliasOf: (name) => hosts.find((host) => host === name || addresses.get(host) === name) ?? null,
    asks: ({ node }) => asksOf(sets, node),
    reasonOf: (error) => ({ code: "probe/not-told", facts: { problem: String(error) } }),
    progress: () => undefined,
  };
  const { clusters, problems } = await discover(parts, "test", { host: "s1" });
  expect(problems).toEqual([]);
  return clusters.map(({ members }) => members.map(({ node, settings }) => `${node}:${String(settings.port)}`).sort());
}

const whole = (dataPort: number, sentinelPort: number): readonly string[] =>
  hosts.flatMap((host) => [`${host}:${sentinelPort}`, `${host}:${dataPort}`]);

describe("sentinels and the servers they watch", () => {
  it("come together as one cluster", async () => {
    expect(await found(recorded("healthy"))).toEqual([whole(6379, 26_379)]);
  });

  it("are two clusters where two sets give their master the same name", async () => {
    const sets = [recorded("healthy"), { ...recorded("healthy"), change: twin }];
    expect(await found(...sets)).toEqual([whole(6379, 26_379), whole(6380, 26_380)]);
  });

  it("stay one while sentinels name two masters during a failover", async () => {
    // The old master hangs and answers nobody.
    const seen = whole(6379, 26_379).filter((one) => one !== "s1:6379");
    expect(await found(recorded("master-hung"))).toEqual([seen]);
  });

  it("stay one when a sentinel looked at before a failover and another looked at after it are met in one walk", async () => {
    const caseOf = (node: string): string => (node === "s1" ? "master-killed" : "after-master-killed");
    const seen = whole(6379, 26_379).filter((one) => one !== "s1:6379");
    expect(await found({ caseOf, change: unchanged })).toEqual([seen]);
  });

  it("stay one when one sentinel names the master by its host's name and another by its address", async () => {
    const change = (text: string, node: string): string =>
      node === "s2" ? text.replaceAll('"ip","198.18.2.21"', '"ip","s1"') : text;
    expect(await found({ ...recorded("healthy"), change })).toEqual([whole(6379, 26_379)]);
  });

  it("are clusters of their own on hosts that watch nothing but themselves", async () => {
    const change = (text: string, node: string): string =>
      twin(text)
        .replace(/198\.18\.2\.2\d/g, "127.0.0.1")
        .replace(/\b[0-9a-f]{38}(?=[0-9a-f]{2}\b)/g, (id) => `${id.slice(0, -2)}${node}`.replace("s", "0"));
    const alone = hosts.map((host) => [`${host}:26380`, `${host}:6380`]);
    expect(await found(recorded("healthy"), { ...recorded("healthy"), change })).toEqual([
      whole(6379, 26_379),
      ...alone,
    ]);
  });
});
