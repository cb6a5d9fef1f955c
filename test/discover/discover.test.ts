import { describe, expect, it } from "vitest";
import type { SettingValue } from "../../contract/inventory";
import { discover, type DiscoverParts } from "../../main/discover/discover";
import type { AnyEngine, Sighted } from "../../main/engine/engine";
import type { NodeAccess } from "../../main/ssh/access";

type Settings = Readonly<Record<string, SettingValue>>;

/** A fake engine that sights the same processes on every host, and a fake host that only answers. */
function seen(host: string, sightings: readonly Settings[]): ReturnType<typeof discover> {
  const look = (access: NodeAccess): Promise<Sighted> =>
    Promise.resolve({
      members: sightings.map((settings) => ({
        clusterKeys: ["shop"],
        clusterName: "shop",
        member: { node: access.node, settings },
      })),
      peers: [],
      problems: [],
    });
  const engine = { id: "redis-sentinel", discovery: { processNames: [], look } } as unknown as AnyEngine;
  const reach: DiscoverParts["reach"] = ({ node }) =>
    Promise.resolve({ access: { node, ready: () => Promise.resolve() } as unknown as NodeAccess, address: "10.0.0.1" });
  return discover(
    {
      engines: [engine],
      reach,
      aliasOf: () => null,
      asks: () => ({}) as ReturnType<DiscoverParts["asks"]>,
      reasonOf: () => ({ code: "ssh/unreachable", facts: {} }),
      progress: () => undefined,
    },
    "test",
    { host },
  );
}

describe("members of one host", () => {
  it("are two when they share a directory and serve ports of their own, as a data server and its sentinel do", async () => {
    const { clusters } = await seen("s1", [
      { port: 6379, dataDirectory: "/var/lib/redis" },
      { port: 26_379, dataDirectory: "/var/lib/redis" },
    ]);
    expect(clusters[0]?.members.map(({ member }) => member)).toEqual(["s1", "s1:26379"]);
  });

  it("are one when the same port of the same directory is sighted twice", async () => {
    const { clusters } = await seen("s1", [
      { port: 6379, dataDirectory: "/var/lib/redis" },
      { port: 6379, dataDirectory: "/var/lib/redis" },
    ]);
    expect(clusters[0]?.members.map(({ member }) => member)).toEqual(["s1"]);
  });
});
