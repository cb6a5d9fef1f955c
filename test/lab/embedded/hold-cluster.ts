import { startEmbeddedCluster } from "./embedded-cluster";

/**
 * Starts an embedded cluster for the shell and holds it until Ctrl-C:
 * `npx tsx test/lab/embedded/hold-cluster.ts [directory] [npm|debian]`.
 */
async function hold(): Promise<void> {
  const [directory, binaries] = process.argv.slice(2);
  const cluster = await startEmbeddedCluster({
    ...(directory !== undefined && directory !== "" && { directory }),
    binaries: binaries === "debian" ? "debian" : "npm",
  });
  process.stdout.write(`ssh -F ${cluster.sshConfigPath} ${cluster.nodes[0].name}\n`);
  const release = (): void => void cluster.stop().then(() => process.exit(0));
  process.once("SIGINT", release);
  process.once("SIGTERM", release);
}

void hold();
