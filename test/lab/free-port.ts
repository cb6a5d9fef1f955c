import { createServer } from "node:net";

/** A TCP port that was free on every given address a moment ago. */
export async function freePort(addresses: readonly string[]): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const port = await portFreeOn(addresses[0] ?? "127.0.0.1", 0);
    if (port === null) continue;
    const others = await Promise.all(addresses.slice(1).map((address) => portFreeOn(address, port)));
    if (others.every((found) => found === port)) return port;
  }
  throw new Error(`no port is free on all of ${addresses.join(", ")}`);
}

function portFreeOn(address: string, wanted: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(null));
    server.listen(wanted, address, () => {
      const bound = server.address();
      server.close(() => resolve(bound !== null && typeof bound === "object" ? bound.port : null));
    });
  });
}
