import { homedir } from "node:os";
import { join } from "node:path";
import { runCommand } from "./cli/command";
import { version } from "../package.json";

runCommand(process.argv.slice(2), {
  version,
  standardDirectory:
    process.env.EVENKEEL_USER_DATA ?? join(process.env.XDG_CONFIG_HOME ?? join(homedir(), ".config"), "Evenkeel"),
  out: (line) => void process.stdout.write(`${line}\n`),
  err: (line) => void process.stderr.write(`${line}\n`),
}).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(3);
  },
);
