/**
 * Prints what is asked for of a Patroni process's configuration, of one file or of all in a directory, and of its environment, which wins.
 * Lines are cut before anything that may be a secret, on the node, so that none leaves it.
 */
export const configurationScript = `
pid=$1 file=$2
if [ -d "$file" ]; then set -- "$file"/*.yml; else set -- "$file"; fi
if [ ! -r "$1" ]; then echo closed; else
 awk '/^[A-Za-z_0-9]+:/ { top = $1; sub(/:.*/, "", top) }
 {
  line = $0
  sub(/ #.*/, "", line)
  if (top == "restapi" && line ~ /authentication *:/) print "guarded"
  if (top ~ /^(scope|namespace|name|restapi|etcd3?|consul|zookeeper|exhibitor|kubernetes|raft)$/ || (top == "postgresql" && line ~ /^  (connect_address|listen|data_dir) *:/)) {
   sub(/[ ,{"\\047]*(authentication|auth|username|password|token|certfile_password|keyfile_password)["\\047]? *:.*/, "", line)
   print "file " top "|" line
  }
  if (top == "postgresql" && line ~ /unix_socket_directories/) { sub(/.*unix_socket_directories["\\047]? *: */, "", line); sub(/[,}].*/, "", line); print "file sockets|sockets: " line }
 }' "$@"
fi
tr '\\n\\0' ' \\n' <"/proc/$pid/environ" | sed -n 's/^PATRONI_\\(SCOPE\\|NAMESPACE\\|NAME\\|RESTAPI_LISTEN\\|RESTAPI_CONNECT_ADDRESS\\|POSTGRESQL_CONNECT_ADDRESS\\|POSTGRESQL_DATA_DIR\\|ETCD3\\{0,1\\}_HOSTS\\{0,1\\}\\|CONSUL_HOST\\)=/environment \\1=/p'
exit 0
`.trim();

/** Everything is null that is not told. */
export interface Configuration {
  /** False where the file may not be read with this login. */
  readonly isReadable: boolean;
  readonly scope: string | null;
  /** Where in the store its scope lies, without slashes; Patroni's own where the configuration names none. */
  readonly namespace: string | null;
  readonly name: string | null;
  readonly listen: string | null;
  readonly connectAddress: string | null;
  readonly isTls: boolean;
  readonly changesNeedLogin: boolean;
  readonly postgresAddress: string | null;
  readonly dataDirectory: string | null;
  readonly socketDirectory: string | null;
  readonly store: {
    readonly kind: string;
    readonly isTls: boolean;
    /** `address:port`, in the order of the configuration. */
    readonly hosts: readonly string[];
  } | null;
}

const standardNamespace = "service";
const storeKinds = ["etcd3", "etcd", "consul", "zookeeper", "exhibitor", "kubernetes", "raft"];

/**
 * ```
 * file scope|scope: lab
 * file namespace|namespace: /service/
 * file restapi|restapi: {listen: '0.0.0.0:8008', connect_address: '10.0.0.41:8008'}
 * file etcd3|etcd3:
 * file etcd3|  hosts:
 * file etcd3|  - 10.0.0.41:2379
 * file postgresql|  data_dir: /var/lib/postgresql/15/patroni
 * environment NAME=t1
 * ```
 * YAML in the forms that configurations are written in: one value a line, or a map in braces on one line.
 */
export function parseConfiguration(text: string): Configuration {
  const lines = text.split("\n");
  const sections = new Map<string, string>();
  for (const line of lines) {
    const [, top, content] = /^file ([a-z0-9]+)\|(.*)$/.exec(line) ?? [];
    if (top !== undefined) sections.set(top, `${sections.get(top) ?? ""}${content ?? ""}\n`);
  }
  const environment = (name: string): string | null =>
    lines.find((line) => line.startsWith(`environment ${name}=`))?.slice(`environment ${name}=`.length) ?? null;
  const value = (top: string, key: string): string | null => valueIn(sections.get(top) ?? "", key);
  const kind =
    storeKinds.find((one) => sections.has(one)) ??
    ((environment("ETCD3_HOSTS") ?? environment("ETCD3_HOST")) ? "etcd3" : null) ??
    ((environment("ETCD_HOSTS") ?? environment("ETCD_HOST")) ? "etcd" : null);
  const named =
    kind === null ? null : (environment(`${kind.toUpperCase()}_HOSTS`) ?? environment(`${kind.toUpperCase()}_HOST`));
  const section = named ?? sections.get(kind ?? "") ?? "";
  const isReadable = !lines.includes("closed");
  const namespace =
    environment("NAMESPACE") ?? value("namespace", "namespace") ?? (isReadable ? standardNamespace : null);
  return {
    isReadable,
    scope: environment("SCOPE") ?? value("scope", "scope"),
    namespace: namespace?.replace(/^\/+|\/+$/g, "") ?? null,
    name: environment("NAME") ?? value("name", "name"),
    listen: environment("RESTAPI_LISTEN") ?? value("restapi", "listen"),
    connectAddress: environment("RESTAPI_CONNECT_ADDRESS") ?? value("restapi", "connect_address"),
    isTls: value("restapi", "certfile") !== null,
    changesNeedLogin: lines.includes("guarded"),
    postgresAddress: environment("POSTGRESQL_CONNECT_ADDRESS") ?? value("postgresql", "connect_address"),
    dataDirectory: environment("POSTGRESQL_DATA_DIR") ?? value("postgresql", "data_dir"),
    socketDirectory: value("sockets", "sockets"),
    store:
      kind === null
        ? null
        : {
            kind,
            isTls: /https:|protocol["']?\s*:\s*["']?https/.test(section),
            hosts: section.match(/(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9_.-]+):\d{2,5}\b/g) ?? [],
          },
  };
}

function valueIn(section: string, key: string): string | null {
  const found = new RegExp(`(?:^|[\\s{,])["']?${key}["']?\\s*:\\s*(?:"([^"]*)"|'([^']*)'|([^\\s,}]+))`, "m").exec(
    section,
  );
  const value = found?.[1] ?? found?.[2] ?? found?.[3] ?? "";
  return value === "" ? null : value;
}
