import { clusterRecipes } from "./clusters/recipes";
import { endLab } from "./hosts/keeper";
import { removeDeadLabs, runningLabs, type LabRecord } from "./hosts/labs";
import { openLab, startLab } from "./start-lab";

const usage = `npm run lab up CLUSTER...          bring clusters up, each healthy; names: ${clusterRecipes.map((one) => one.name).join(", ")}
npm run lab status                 the labs that run, their hosts and addresses
npm run lab run HOST COMMAND       run a command as root on a host, also when SSH to it is broken
npm run lab down                   end the labs that \`up\` started and remove what dead ones left`;

async function main([verb, ...words]: readonly string[]): Promise<void> {
  if (verb === "up" && words.length > 0) return up(words);
  if (verb === "status") return status();
  if (verb === "down") return down();
  if (verb === "run" && words.length > 1) return runCommand(words[0] ?? "", words.slice(1).join(" "));
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
  for (const lab of byHand()) {
    await endLab(lab.directory, lab.inside);
    console.log(`${lab.clusters.join(" ")} is down.`);
  }
  removeDeadLabs();
}

async function runCommand(host: string, command: string): Promise<void> {
  const lab = byHand().find((one) => one.hosts.some(({ name }) => name === host));
  if (lab === undefined) throw new Error(`no lab that runs has a host "${host}"; see \`npm run lab status\``);
  const ended = await openLab(lab).attempt(host, command);
  process.stdout.write(ended.stdout);
  process.stderr.write(ended.stderr);
  process.exitCode = ended.code;
}

/** The labs that people started; those of running tests are nobody else's business. */
function byHand(): readonly LabRecord[] {
  return runningLabs().filter((lab) => lab.stays);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
