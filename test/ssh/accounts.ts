import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

/** A real account of this machine, made by a test that runs as root and taken away by it. */
export interface Account {
  readonly name: string;
  readonly home: string;
  write(file: string, text: string): void;
  remove(): Promise<void>;
}

export const canMakeAccounts = process.getuid?.() === 0;

let made = 0;

export async function makeAccount(shell: string, password: string | null = null): Promise<Account> {
  made += 1;
  const name = `evk-${process.pid}-${made}`;
  const home = `/home/${name}`;
  // `*` is a password nobody has; `!` would be a locked account, which sshd refuses.
  await insist("useradd", ["-m", "-d", home, "-s", shell, "-p", "*", name]);
  if (password !== null) execFileSync("chpasswd", { input: `${name}:${password}\n` });
  return {
    name,
    home,
    write: (file, text) => {
      const path = join(home, file);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
      execFileSync("chown", ["-R", `${name}:`, home]);
    },
    remove: async () => {
      // Its shells may still be ending; userdel refuses while one lives.
      await insist("userdel", ["-f", name]);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Other tests change the account files too, and only one may at a time. */
async function insist(program: string, args: readonly string[]): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      execFileSync(program, args, { stdio: ["ignore", "ignore", "pipe"], encoding: "utf8" });
      return;
    } catch (error) {
      if (attempt === 40 || !/lock/.test(String((error as { stderr?: unknown }).stderr))) throw error;
      await pause(250);
    }
  }
}
