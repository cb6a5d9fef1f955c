import { sentence } from "../../../contract/sentence";
import { availableBytesIn } from "../../probe/parse/free-space";
import { NotThere, ParseError, type Probe } from "../../probe/probe";
import { quote } from "../../ssh/quote";
import { dataDirectoryOf, type EtcdSite } from "./settings";

/** The data directory as its host shows it from outside; what lies in it the login need not be let see. */
export interface DataDirectory {
  readonly isThere: boolean;
  /** The names beside it under which data were kept aside, without their path. */
  readonly kept: readonly string[];
}

/** Builtins only. What is a link that leads nowhere is there too: nothing can be put in its place. */
function directoryScript(directory: string): string {
  return `directory=${quote([directory])}
if [ -r "\${directory%/*}/" ] && [ -x "\${directory%/*}/" ]; then
 echo open
 if [ -e "$directory" ] || [ -L "$directory" ]; then echo there; fi
 for one in "$directory".kept-*; do if [ -e "$one" ] || [ -L "$one" ]; then echo "kept \${one##*/}"; fi; done
else echo closed; fi`;
}

/**
 * ```
 * open
 * there
 * kept default.kept-a5134f8e27bebc40
 * ```
 */
export function parseDirectory(text: string): DataDirectory {
  const [first, ...lines] = text.trim().split("\n");
  if (first === "closed") throw new NotThere(sentence("etcd/directory-closed"));
  if (first !== "open") throw new ParseError("the data directory", text);
  return {
    isThere: lines.includes("there"),
    kept: lines.filter((line) => line.startsWith("kept ")).map((line) => line.slice("kept ".length)),
  };
}

/** Where the data directory is made. */
export interface Room {
  readonly availableBytes: number;
  /** On the disk that the data lie on, which may be one of their own. */
  readonly insideBytes: number;
  /** The directory that is there is a disk of its own, which cannot get another name. */
  readonly isMountPoint: boolean;
}

/** No shell builtin tells free space or who owns a folder, so these start processes; they are asked once a minute. */
const processEveryMs = 60_000;

/** The folder that the directory lies in comes first, then the directory itself where it is there. */
export function parseRoom(text: string, directory: string): Room {
  const lines = text.trimEnd().split("\n");
  return {
    availableBytes: availableBytesIn("the free space beside the data directory", text),
    insideBytes: availableBytesIn("the free space of the data directory", `${lines.at(-1) ?? ""}\n`),
    isMountPoint: text.split("\n").some((line) => line.endsWith(`% ${directory}`)),
  };
}

/** Who may give the data directory another name. */
export interface FolderRights {
  /** The member's account, which a replacement gives it the other name as. */
  readonly mayRename: boolean;
}

/** Starts processes, as `room` does; a folder that is a link is looked at where it leads. */
const rightsScript = `stat -c 'folder %u %g %a' "$1"
[ ! -e "$2" ] || stat -c 'directory %u' "$2"
echo "account $(id -u "$3") $(id -G "$3")"`;

/**
 * By the folder's mode, because only the account itself could tell more, and to become it is no routine read. In a folder with the sticky
 * bit, such as /tmp, a name is changed by the owner of the folder or of what has the name.
 * ```
 * folder 107 112 755
 * directory 107
 * account 107 112 4
 * ```
 */
export function parseRights(text: string): FolderRights {
  const numbers = (word: string, base = 10): readonly number[] =>
    (new RegExp(`^${word} ([\\d ]+)$`, "m").exec(text)?.[1] ?? "")
      .trim()
      .split(/ +/)
      .map((one) => Number.parseInt(one, base));
  const [owner = Number.NaN, group = Number.NaN] = numbers("folder");
  const mode = numbers("folder", 8)[2] ?? Number.NaN;
  const [account = Number.NaN, ...groups] = numbers("account");
  const directoryOwner = numbers("directory")[0] ?? Number.NaN;
  if ([owner, group, mode, account].some(Number.isNaN)) throw new ParseError("who may rename the data directory", text);
  const shift = account === owner ? 6 : groups.includes(group) ? 3 : 0;
  const mayWrite = ((mode >> shift) & 3) === 3;
  const isHeld = (mode & 0o1000) !== 0 && account !== owner && account !== directoryOwner;
  return { mayRename: account === 0 || (mayWrite && !isHeld) };
}

export interface DirectoryProbes {
  readonly directory: Probe<DataDirectory>;
  readonly room: Probe<Room>;
  readonly rights: Probe<FolderRights>;
}

export function directoryProbes(site: EtcdSite): DirectoryProbes {
  const directory = dataDirectoryOf(site);
  if (directory === "") {
    const unknown: Probe<never> = {
      ask: { kind: "read", script: ":" },
      parse: () => {
        throw new NotThere(sentence("etcd/directory-unknown", { member: site.member }));
      },
    };
    return { directory: unknown, room: unknown, rights: unknown };
  }
  const parent = directory.slice(0, directory.lastIndexOf("/") + 1);
  return {
    directory: { ask: { kind: "read", script: directoryScript(directory) }, parse: parseDirectory },
    room: {
      ask: { kind: "run", command: { argv: ["df", "-Pk", parent, directory] } },
      parse: (text) => parseRoom(text, directory),
      everyMs: processEveryMs,
    },
    rights: {
      ask: {
        kind: "run",
        command: { argv: ["/bin/sh", "-c", rightsScript, "sh", parent, directory, site.settings.account] },
      },
      parse: parseRights,
      everyMs: processEveryMs,
    },
  };
}
