import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemSshd } from "../lab/sshd";
import { conformanceCases, leftBehind } from "./transport.conformance";
import { hostLines, makeWorld, type Reached, type Transport, type World } from "./transport-world";

const transports: readonly Transport[] = ["built-in", "system"];

describe.skipIf(systemSshd() === null && process.env.CI !== "true")("both transports", () => {
  let world: World;
  const shared = new Map<Transport, Reached>();

  beforeAll(async () => {
    world = await makeWorld();
    for (const transport of transports) {
      const reached = world.reach(transport, hostLines(world, "plain"));
      await reached.node.ready();
      shared.set(transport, reached);
    }
  }, 60_000);

  afterAll(async () => {
    await world.close();
  });

  for (const { title, run, expected } of conformanceCases)
    it(title, { timeout: 60_000 }, async () => {
      // One after the other where they could disturb each other on the two servers that count sessions; the long waits together.
      const table: Record<string, unknown> = {};
      const one = async (transport: Transport): Promise<void> => {
        const reached = shared.get(transport);
        if (reached !== undefined) table[transport] = await run(world, transport, reached);
      };
      if (/silent/.test(title)) await Promise.all(transports.map(one));
      else for (const transport of transports) await one(transport);
      expect(table).toEqual({ "built-in": expected, system: expected });
    });

  it("are held to at least sixty cases, and the system's leaves nothing behind", async () => {
    expect(conformanceCases.length).toBeGreaterThanOrEqual(60);
    await Promise.all([...shared.values()].map(({ access }) => access.close()));
    await world.closeAll();
    expect(leftBehind(world)).toEqual([]);
  });
});
