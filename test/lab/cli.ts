import { clusterRecipes } from "./clusters/recipes";
import { desktop } from "./faults/network-faults";
import { verbs } from "./faults/verbs";
import { endLab } from "./hosts/keeper";
import { removeDeadLabs, runningLabs, thisCheckout, type LabRecord } from "./hosts/labs";
import { openLab, startLab, type Lab } from "./start-lab";

const commands: readonly (readonly [string, string])[] = [
  ["up CLUSTER...", `bring clusters up, each healthy: ${clusterRecipes.map((one) => one.name).join(", ")}`],
  ["status", "the labs that run, their hosts and addresses"],
  ["run HOST COMMAND", "run a command as root on a host, also when SSH to it is broken"],
  ["down", "end the labs that `up` started and remove what dead ones left"],
  ...verbs.map((verb) => [`${verb.name} ${verb.takes}`, verb.does] as const),
];
const usage = commands.map(([words, does]) => `npm run lab ${words.padEnd(36)}${does}`).join("\n");

async function main([verb, ...words]: readonly string[]): Promise<void> {
  if (verb === "up" && words.length > 0) return up(words);
  if (verb === "status") return status();
  if (verb === "down") return down();
  if (verb === "run" && words.length > 1) return runCommand(words[0] ?? "", words.slice(1).join(" "));
  const fault = verbs.find((one) => one.name === verb);
  if (fault !== undefined && words.length >= fault.takes.split(" ").filter((word) => /^[A-Z]/.test(word)).length)
    return fault.act(labOfHosts(words[0]?.split(",") ?? []).faults, words);
  console.error(usage);
  process.exitCode = 2;
}

async function up(clusters: readonly string[]): Promise<void> {
  const lab = await startLab(clusters, { stays: true, say: (line) => console.log(line) });
  console.log(`Hosts: ${lab.hosts.map((host) => host.name).join(" ")}`);
  console.log(`ssh -F ${lab.sshConfigPath} ${lab.hosts[0]?.name ?? ""}`);
  console.log("`npm start` offers these hosts. `npm run lab down` ends them.");
}

function status(): void {
  const labs = runningLabs();
  if (labs.length === 0) console.log("No lab is running.");
  for (const lab of labs) {
    console.log(
      `${lab.clusters.join(" ")}  ${lab.network}.0/24  ${lab.stays ? "" : "(held by the process that started it)  "}ssh -F ${lab.directory}/ssh_config`,
    );
    for (const host of lab.hosts) console.log(`  ${host.name.padEnd(4)} ${host.address}  ${host.cluster}`);
  }
}

async function down(): Promise<void> {
  const labs = byHand();
  if (labs.length === 0) console.log("No lab is running that `up` started.");
  for (const lab of labs) {
    await endLab(lab.directory, lab.inside);
    console.log(`${lab.clusters.join(" ")} is down.`);
  }
  removeDeadLabs();
}

async function runCommand(host: string, command: string): Promise<void> {
  const ended = await labOfHosts([host]).attempt(host, command);
  process.stdout.write(ended.stdout);
  process.stderr.write(ended.stderr);
  process.exitCode = ended.code;
}

/** The lab that has these hosts; without any, the one that runs. */
function labOfHosts(hosts: readonly string[]): Lab {
  const named = hosts.filter((host) => host !== desktop);
  const [lab] = byHand().filter((one) => named.every((name) => one.hosts.some((host) => host.name === name)));
  if (lab === undefined)
    throw new Error(`no lab that runs has ${named.join(" and ") || "any host"}; see \`npm run lab status\``);
  return openLab(lab);
}

/** The labs that people started; those of running tests and of other checkouts are nobody else's business. */
function byHand(): readonly LabRecord[] {
  return runningLabs().filter((lab) => lab.stays && lab.checkout === thisCheckout);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
