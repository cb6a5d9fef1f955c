import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** The programs that the lab runs on the machine itself, and the Debian packages they come in. */
const programs: Readonly<Record<string, string>> = {
  bash: "bash",
  ip: "iproute2",
  "mkfs.ext4": "e2fsprogs",
  mmdebstrap: "mmdebstrap",
  mount: "mount",
  nft: "nftables",
  nsenter: "util-linux",
  setpriv: "util-linux",
  "ssh-keygen": "openssh-client",
  tc: "iproute2",
  unshare: "util-linux",
};

/** Null where the lab can run; otherwise the sentence that says why it cannot, and what would help. */
export function whyNoLab(): string | null {
  if (process.platform !== "linux") return "the lab's hosts need Linux";
  if (process.getuid?.() !== 0) return "the lab's hosts need root: they have networks and mounts of their own";
  const missing = Object.keys(programs).filter((program) => !isThere(program));
  if (missing.length > 0) {
    const debian = [...new Set(missing.map((program) => programs[program]))].join(" ");
    return `the lab needs ${missing.join(", ")}: apt-get install ${debian}`;
  }
  if (!existsSync("/dev/loop-control")) return "the lab's hosts need loop devices for their disks: modprobe loop";
  return null;
}

function isThere(program: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      // Not in this directory.
      return false;
    }
  });
}
