import type { Faults } from "../start-lab";

/** A fault or its mend as a person types it. */
export interface Verb {
  readonly name: string;
  /** The words it takes, in capitals; those in brackets may be left out. */
  readonly takes: string;
  readonly does: string;
  act(faults: Faults, words: readonly string[]): Promise<void> | void;
}

/** Hosts as a person lists them: `r1,r2`; `desktop` is where SSH comes from. */
const list = (words: string | undefined): readonly string[] => (words ?? "").split(",");

function number(what: string, word: string | undefined): number {
  const value = Number(word);
  if (word === undefined || !Number.isFinite(value))
    throw new Error(`${what} must be a number, not ${word ?? "nothing"}`);
  return value;
}

const verb = (name: string, takes: string, does: string, act: Verb["act"]): Verb => ({ name, takes, does, act });

export const verbs: readonly Verb[] = [
  verb("kill", "HOST SERVICE", "kill it and keep it dead", (faults, [host = "", service = ""]) =>
    faults.kill(host, service),
  ),
  verb("crash", "HOST SERVICE", "kill it; its unit may start it again", (faults, [host = "", service = ""]) =>
    faults.kill(host, service, { restarts: true }),
  ),
  verb("revive", "HOST SERVICE", "mend kill", (faults, [host = "", service = ""]) => faults.revive(host, service)),
  verb("hang", "HOST SERVICE", "stop it in its tracks (SIGSTOP)", (faults, [host = "", service = ""]) =>
    faults.hang(host, service),
  ),
  verb("resume", "HOST SERVICE", "mend hang", (faults, [host = "", service = ""]) => faults.resume(host, service)),
  verb("oom", "HOST SERVICE", "use up the memory until the kernel kills it", (faults, [host = "", service = ""]) =>
    faults.exhaustMemory(host, service),
  ),
  verb("freeze", "HOST", "stop every process of the host", (faults, [host = ""]) => faults.freeze(host)),
  verb("thaw", "HOST", "mend freeze", (faults, [host = ""]) => faults.thaw(host)),
  verb("off", "HOST", "cut its power", (faults, [host = ""]) => faults.switchOff(host)),
  verb("on", "HOST", "boot it again", (faults, [host = ""]) => faults.switchOn(host)),
  verb("stop-sshd", "HOST", "end sshd and its sessions", (faults, [host = ""]) => faults.stopSshd(host)),
  verb("start-sshd", "HOST", "mend stop-sshd", (faults, [host = ""]) => faults.startSshd(host)),
  verb(
    "partition",
    "HOST,... HOST,...",
    "silence between two groups; `desktop` is where SSH comes from",
    (faults, words) => faults.partition(list(words[0]), list(words[1])),
  ),
  verb("partition-one-way", "HOST,... HOST,...", "silence from the first group to the second", (faults, words) =>
    faults.partitionOneWay(list(words[0]), list(words[1])),
  ),
  verb("heal", "", "end all partitions", (faults) => faults.healPartitions()),
  verb("lose", "HOST PERCENT", "lose packets to and from it; 0 mends", (faults, [host = "", percent]) =>
    percent === "0" ? faults.loseNoPackets(host) : faults.losePackets(host, number("PERCENT", percent)),
  ),
  verb(
    "delay",
    "HOST MS [JITTER-MS]",
    "hold packets back, each way; 0 mends",
    (faults, [host = "", delay, jitter = "0"]) =>
      delay === "0"
        ? faults.delayNoPackets(host)
        : faults.delayPackets(host, number("MS", delay), number("JITTER-MS", jitter)),
  ),
  verb("rate", "HOST KBIT", "let no more through a second; 0 mends", (faults, [host = "", kilobits]) =>
    kilobits === "0" ? faults.limitNoRate(host) : faults.limitRate(host, number("KBIT", kilobits)),
  ),
  verb("slow", "HOST PERCENT", "give it that much of a processor; 0 mends", (faults, [host = "", percent]) =>
    percent === "0" ? faults.fullCpu(host) : faults.slowCpu(host, number("PERCENT", percent)),
  ),
  verb("fill-disk", "HOST [DIRECTORY]", "fill its data disk", (faults, [host = "", disk]) =>
    faults.fillDisk(host, disk),
  ),
  verb("free-disk", "HOST [DIRECTORY]", "mend fill-disk", (faults, [host = "", disk]) => faults.freeDisk(host, disk)),
  verb(
    "skew",
    "HOST SECONDS",
    "let `date` be ahead, or behind with a minus; 0 mends",
    (faults, [host = "", seconds]) =>
      seconds === "0" ? faults.restoreClock(host) : faults.skewClock(host, number("SECONDS", seconds)),
  ),
  verb("garble", "HOST PROGRAM", "put bytes that are no text before its output", (faults, [host = "", program = ""]) =>
    faults.garble(host, program),
  ),
  verb("ungarble", "HOST PROGRAM", "mend garble", (faults, [host = "", program = ""]) =>
    faults.ungarble(host, program),
  ),
  verb("greet", "HOST", "let login shells print a greeting", (faults, [host = ""]) => faults.greetLogins(host)),
  verb("greet-nobody", "HOST", "mend greet", (faults, [host = ""]) => faults.greetNobody(host)),
];
