import { createServer } from "node:net";
import { join } from "node:path";
import { freePort } from "../free-port";

/** One node of the embedded cluster, as a test may need it. */
export interface EmbeddedNode {
  readonly name: string;
  readonly address: string;
  readonly sshPort: number;
  readonly postgresPort: number;
  readonly dataDirectory: string;
  readonly socketDirectory: string;
  /** PostgreSQL's programs. */
  readonly binDirectory: string;
  /** The account that SSH logs in and that owns the server. */
  readonly account: string;
}

// sockaddr_un.sun_path holds 108 bytes with its closing zero; PostgreSQL refuses longer ones.
const longestSocketPath = 107;

/** Places three nodes: on Linux each on its own loopback address with one port for all, elsewhere on one address with own ports. */
export async function layOutNodes(
  directory: string,
  names: readonly string[],
  binDirectory: string,
  account: string,
): Promise<readonly EmbeddedNode[]> {
  const places = await findPlaces(names.length);
  return names.map((name, index) => {
    const place = places[index];
    if (place === undefined) throw new Error(`no place for ${name}`);
    const socketDirectory = join(directory, name, "run");
    const socketPath = join(socketDirectory, `.s.PGSQL.${place.postgresPort}`);
    if (Buffer.byteLength(socketPath) > longestSocketPath)
      throw new Error(
        `${socketPath} is longer than the ${longestSocketPath} bytes of a Unix socket path; give a shorter directory`,
      );
    return { name, ...place, dataDirectory: join(directory, name, "data"), socketDirectory, binDirectory, account };
  });
}

async function findPlaces(
  count: number,
): Promise<readonly { readonly address: string; readonly sshPort: number; readonly postgresPort: number }[]> {
  const own = Array.from({ length: count }, (_, index) => `127.0.0.${index + 2}`);
  if (await allUsable(own)) {
    const sshPort = await freePort(own);
    const postgresPort = await freePort(own);
    return own.map((address) => ({ address, sshPort, postgresPort }));
  }
  const shared = "127.0.0.1";
  const places = [];
  for (let index = 0; index < count; index += 1)
    places.push({ address: shared, sshPort: await freePort([shared]), postgresPort: await freePort([shared]) });
  return places;
}

async function allUsable(addresses: readonly string[]): Promise<boolean> {
  const tried = await Promise.all(addresses.map(usable));
  return tried.every(Boolean);
}

function usable(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(0, address, () => server.close(() => resolve(true)));
  });
}
