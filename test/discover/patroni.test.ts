import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { discover, type DiscoverParts } from "../../main/discover/discover";
import type { AnyEngine, DiscoveryAsk, HostProcess } from "../../main/engine/engine";
import { patroni } from "../../main/engine/patroni";
import { NotThere, type HttpCall } from "../../main/probe/probe";
import type { NodeAccess } from "../../main/ssh/access";
import { casesRoot, rawFile, readCase, type RecordedCase } from "../engine/case";

/** A cluster as a case has recorded it, and what of its configuration a login may read. */
interface RecordedCluster {
  readonly name: string;
  readonly change: (text: string) => string;
  readonly isClosed: boolean;
  /** Its REST API answers nobody from here, as one that wants a certificate does. */
  readonly isSilent?: boolean;
  /** Lines of the configuration that tell the store, of each host. */
  readonly storeOn?: (host: string) => readonly string[];
}

type RecordedMember = RecordedCase["members"][number]["member"];

const recorded = (name: string): RecordedCluster => ({ name, change: (text) => text, isClosed: false });
const hosts = ["t1", "t2", "t3"];

function addressOf(clusters: readonly RecordedCluster[], host: string): string {
  const members = clusters.flatMap(({ name }) => readCase("patroni", name).members);
  return String(members.find(({ member }) => member.node === host)?.member.settings.postgresHost);
}

function membersOn({ name }: RecordedCluster, node: string): readonly RecordedMember[] {
  return readCase("patroni", name)
    .members.map(({ member }) => member)
    .filter((member) => member.node === node);
}

/** Null where the recorded member did not answer. */
function answer({ name, change, isSilent }: RecordedCluster, { member }: RecordedMember, probe: string): string | null {
  const file = rawFile(join(casesRoot, "patroni", name), member, probe);
  return isSilent !== true && existsSync(file) ? change(readFileSync(file, "utf8")) : null;
}

/** A Patroni and the server it keeps, as their host lists them. */
function processesOf({ settings }: RecordedMember): readonly HostProcess[] {
  const common = {
    pid: Number(settings.port),
    parentPid: 1,
    account: String(settings.account),
    program: "",
    workingDirectory: "/",
    outputFile: "",
    service: { kind: "systemd", unit: "patroni.service" },
  } as const;
  const data = String(settings.dataDirectory);
  const words = ["-D", data, `--config-file=${data}/postgresql.conf`, `--port=${String(settings.postgresPort)}`];
  return [
    { ...common, name: "patroni", argv: ["/usr/bin/python3", "/usr/bin/patroni", `/etc/${String(settings.port)}.yml`] },
    {
      ...common,
      pid: Number(settings.postgresPort),
      name: "postgres",
      argv: ["postgres", ...words, `--cluster_name=${String(settings.scope)}`],
    },
  ];
}

/** What is read of a configuration with the settings that were found when the case was recorded. */
function configurationOf({ storeOn }: RecordedCluster, { node, settings }: RecordedMember): string {
  const own = String(settings.postgresHost);
  return [
    `file scope|scope: ${String(settings.scope)}`,
    `file name|name: ${String(settings.name)}`,
    `file restapi|restapi: {listen: '0.0.0.0:${String(settings.port)}', connect_address: '${own}:${String(settings.port)}'}`,
    `file postgresql|  connect_address: ${own}:${String(settings.postgresPort)}`,
    `file postgresql|  data_dir: ${String(settings.dataDirectory)}`,
    ...(storeOn?.(node) ?? []),
  ].join("\n");
}

/** A fake of an engine on the same hosts that speaks of them all, as etcd does. */
const neighbours = {
  id: "neighbours",
  discovery: {
    processNames: [],
    look: () => Promise.resolve({ members: [], peers: hosts.map((host) => ({ names: [host] })), problems: [] }),
  },
} as unknown as AnyEngine;

/** Who is found in which cluster; the hosts are fakes that only answer what was recorded. */
async function found(
  clusters: readonly RecordedCluster[],
  { from = "t1" }: { readonly from?: string } = {},
): Promise<readonly (readonly string[])[]> {
  const on = (node: string) =>
    clusters.flatMap((cluster) => membersOn(cluster, node).map((member) => ({ cluster, member })));
  const accessTo = (node: string): NodeAccess =>
    ({
      node,
      ready: () => Promise.resolve(),
      state: () => ({ state: "ready", account: "root" }),
      run: ({ argv }: { readonly argv: readonly string[] }) => {
        const asked = on(node).find(({ member }) => argv.includes(`/etc/${String(member.settings.port)}.yml`));
        const text =
          asked === undefined || asked.cluster.isClosed ? "closed" : configurationOf(asked.cluster, asked.member);
        return Promise.resolve({ stdout: text, stderr: "", exitCode: 0 });
      },
    }) as unknown as NodeAccess;
  const asks = (node: string): DiscoveryAsk => ({
    address: addressOf(clusters, node),
    processes: () => Promise.resolve(on(node).flatMap(({ member }) => processesOf(member))),
    call: (call) => {
      const { login, path } = call as HttpCall;
      const asked = on(node).find(
        ({ member }) => login.target.kind === "tcp" && member.settings.port === login.target.port,
      );
      const probe = path === "/patroni" ? "status" : "cluster";
      const said = asked === undefined ? null : answer(asked.cluster, asked.member, probe);
      return said === null
        ? Promise.reject(new NotThere({ code: "probe/not-told", facts: {} }))
        : Promise.resolve(said);
    },
    reasonOf: () => ({ code: "probe/not-told", facts: {} }),
  });
  const parts: DiscoverParts = {
    engines: [patroni, neighbours],
    reach: ({ node }) => Promise.resolve({ access: accessTo(node), address: addressOf(clusters, node) }),
    aliasOf: (name) => hosts.find((host) => host === name || addressOf(clusters, host) === name) ?? null,
    asks: ({ node }) => asks(node),
    reasonOf: (error) => ({ code: "probe/not-told", facts: { problem: String(error) } }),
    progress: () => undefined,
  };
  const seen = await discover(parts, "test", { host: from });
  expect(seen.clusters.map(({ suggestedName }) => suggestedName)).toEqual(seen.clusters.map(() => "lab"));
  return seen.clusters.map(({ members }) => members.map(({ node, settings }) => `${node}:${String(settings.port)}`));
}

const first = recorded("healthy-first-of-scope");
const second = recorded("healthy-second-of-scope");
const whole = ["t1:8008", "t2:8008", "t3:8008"];

describe("members of Patroni", () => {
  it("come together as one cluster", async () => {
    expect(await found([recorded("healthy")])).toEqual([whole]);
  });

  it("are two clusters where two have the same scope and names on the same hosts, in namespaces of their own", async () => {
    expect(await found([first, second])).toEqual([whole, ["t1:8009", "t2:8009"]]);
  });

  it("are two clusters also where one was made from the other and has its system identifier, as a standby cluster has", async () => {
    const identifier = /"database_system_identifier": "\d+"/;
    const [original = ""] =
      identifier.exec(
        membersOn(first, "t1")
          .map((one) => answer(first, one, "status"))
          .join(),
      ) ?? [];
    const copy = { ...second, change: (text: string) => text.replace(identifier, original) };
    expect(await found([first, copy])).toEqual([whole, ["t1:8009", "t2:8009"]]);
  });

  it("stay one where one that was cut off lists those that no longer list it", async () => {
    expect(await found([recorded("minority-partition")], { from: "t2" })).toEqual([whole]);
  });

  it("stay one where one of them hangs, also when its configuration may not be read", async () => {
    expect(await found([recorded("leader-hung")])).toEqual([whole]);
    expect(await found([{ ...recorded("leader-hung"), isClosed: true }])).toEqual([whole]);
  });
});

describe("members of Patroni whose REST API answers nobody", () => {
  const silent = (cluster: RecordedCluster, storeOn: RecordedCluster["storeOn"]): RecordedCluster => ({
    ...cluster,
    isSilent: true,
    ...(storeOn && { storeOn }),
  });
  const store = (hostsText: string, namespace: string) => (): readonly string[] => [
    "file etcd3|etcd3:",
    `file etcd3|  hosts: ${hostsText}`,
    `file namespace|namespace: ${namespace}`,
  ];
  const everywhere = "198.18.0.41:2379,198.18.0.42:2379,198.18.0.43:2379";
  const apart = [whole, ["t1:8009", "t2:8009"]];

  it("come together by the store that their configurations name", async () => {
    const rotated: Readonly<Record<string, string>> = {
      t1: "198.18.0.41:2379,198.18.0.42:2379",
      t2: "198.18.0.42:2379,198.18.0.43:2379",
      t3: "198.18.0.43:2379,198.18.0.41:2379",
    };
    const one = silent(recorded("healthy"), (host) => store(String(rotated[host]), "/service/")());
    expect(await found([one])).toEqual([whole]);
  });

  it("come together by the scope alone where no configuration tells the store, or each names its own host's", async () => {
    expect(await found([silent(recorded("healthy"), undefined)])).toEqual([whole]);
    expect(await found([{ ...silent(recorded("healthy"), undefined), isClosed: true }])).toEqual([whole]);
    expect(await found([silent(recorded("healthy"), store("127.0.0.1:2379", "/service/"))])).toEqual([whole]);
  });

  it("come together where some of their configurations tell the store", async () => {
    const some = silent(recorded("healthy"), (host) => (host === "t2" ? [] : store(everywhere, "/service/")()));
    expect(await found([some])).toEqual([whole]);
  });

  it("are two clusters where they name two stores, or two namespaces of one", async () => {
    const both = (one: RecordedCluster["storeOn"], other: RecordedCluster["storeOn"]): Promise<unknown> =>
      found([silent(first, one), silent(second, other)]);
    expect(await both(store(everywhere, "/service/"), store("198.18.0.51:2379", "/service/"))).toEqual(apart);
    expect(await both(store(everywhere, "/service/"), store(everywhere, "/other/"))).toEqual(apart);
  });

  it("are no part of a cluster of the same scope that answers and does not list them", async () => {
    const seen = await found([first, silent(second, undefined)]);
    expect(seen[0]).toEqual(whole);
    expect(seen.slice(1).flat().sort()).toEqual(["t1:8009", "t2:8009"]);
    expect(await found([first, silent(second, store("198.18.0.51:2379", "/service/"))])).toEqual(apart);
  });

  it("of one scope stay apart where each names its own host's store and they name two namespaces", async () => {
    const seen = await found([
      silent(first, store("127.0.0.1:2379", "/service/")),
      silent(second, store("127.0.0.1:2379", "/other/")),
    ]);
    expect(seen).toEqual(apart);
  });
});
