import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";

/** The account that owns a node's servers and files, and that its SSH server logs in. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly shell: string;
  /** Account files to put over the machine's own inside a node; null where the account exists on the machine. */
  readonly overlay: { readonly passwd: string; readonly group: string } | null;
}

/** Whether nodes can have process tables, host names and account files of their own. */
export type Seclusion = "namespaces" | "user-namespaces" | "none";

const ordinaryUidFrom = 1000;
const nobodyUid = 65_534;
const unusableShells = ["/usr/sbin/nologin", "/sbin/nologin", "/bin/false", "/usr/bin/false", "/bin/sync"];

/** Tries what this machine allows: as root plain namespaces, else inside a user namespace, else none. */
export function findSeclusion(): Seclusion {
  if (process.platform !== "linux") return "none";
  if (process.getuid?.() === 0) return works(secludingArguments("namespaces")) ? "namespaces" : "none";
  return works(secludingArguments("user-namespaces")) ? "user-namespaces" : "none";
}

/** The arguments of `unshare` that give a node namespaces of its own; all but the network, which the desktop must reach. */
export function secludingArguments(seclusion: Exclude<Seclusion, "none">): readonly string[] {
  const own = ["--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"];
  // Mounting and naming need the capabilities of the new user namespace past exec, hence --keep-caps.
  return seclusion === "namespaces" ? own : ["--user", "--map-current-user", "--keep-caps", ...own];
}

function works(unshareArguments: readonly string[]): boolean {
  try {
    execFileSync("unshare", [...unshareArguments, "hostname", "keel-trial"], { stdio: "ignore" });
    return true;
  } catch {
    // Absent, forbidden by the machine, or forbidden inside a container: all mean that it does not work here.
    return false;
  }
}

/**
 * PostgreSQL refuses root and an SSH server that is not root logs in its own account alone, so all of a node is one
 * ordinary account: one's own; as root an account `keel` that exists inside the nodes only, else one that is there.
 */
export function chooseAccount(seclusion: Seclusion, directory: string): Account {
  const uid = process.getuid?.() ?? -1;
  if (uid !== 0) {
    const own = userInfo();
    return { name: own.username, uid: own.uid, gid: own.gid, shell: own.shell ?? "/bin/sh", overlay: null };
  }
  const passwd = readFileSync("/etc/passwd", "utf8");
  if (seclusion === "namespaces") return accountInsideNodes(passwd, directory);
  const found = ordinaryAccount(passwd);
  if (found === null)
    throw new Error(
      "the embedded cluster cannot run as root here: PostgreSQL refuses root, the machine forbids new namespaces, " +
        "and /etc/passwd names no ordinary account with a usable shell; run it as an ordinary account",
    );
  return found;
}

function accountInsideNodes(passwd: string, directory: string): Account {
  const taken = new Set(passwd.split("\n").map((line) => Number(line.split(":")[2])));
  let uid = 20_000;
  while (taken.has(uid)) uid += 1;
  const home = join(directory, "home");
  const overlay = { passwd: join(directory, "passwd"), group: join(directory, "group") };
  const shell = existsSync("/bin/bash") ? "/bin/bash" : "/bin/sh";
  writeFileSync(overlay.passwd, `${passwd.trimEnd()}\nkeel:x:${uid}:${uid}:Evenkeel lab:${home}:${shell}\n`);
  writeFileSync(overlay.group, `${readFileSync("/etc/group", "utf8").trimEnd()}\nkeel:x:${uid}:\n`);
  return { name: "keel", uid, gid: uid, shell, overlay };
}

function ordinaryAccount(passwd: string): Account | null {
  for (const line of passwd.split("\n")) {
    const [name = "", , uidText, gidText, , , shell = ""] = line.split(":");
    const uid = Number(uidText);
    if (uid < ordinaryUidFrom || uid === nobodyUid || unusableShells.includes(shell) || !existsSync(shell)) continue;
    return { name, uid, gid: Number(gidText), shell, overlay: null };
  }
  return null;
}
