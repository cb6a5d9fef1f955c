import { shellWords } from "./shell-words";

/** What command-line options for ssh say about a login, and what of them is not taken. */
export interface SshArguments {
  readonly jump: string | null;
  readonly user: string | null;
  readonly port: string | null;
  readonly identityFiles: readonly string[];
  /** Options that are known and deliberately not kept to, such as a switched-off check of host keys. */
  readonly notTaken: readonly string[];
  /** Options that may change where or as whom one logs in, and that are not understood: the login would be a guess. */
  readonly unread: readonly string[];
}

/** Options that change nothing about where, as whom and with what one logs in. */
const idle = new Set(
  (
    "batchmode compression connectionattempts connecttimeout controlmaster controlpath controlpersist loglevel " +
    "serveralivecountmax serveraliveinterval tcpkeepalive requesttty visualhostkey updatehostkeys forwardx11 " +
    "forwardx11trusted ipqos"
  ).split(" "),
);
/** Options against which Evenkeel has rules of its own. */
const overruled = new Set(
  (
    "stricthostkeychecking userknownhostsfile globalknownhostsfile checkhostip forwardagent identitiesonly " +
    "passwordauthentication preferredauthentications pubkeyauthentication kbdinteractiveauthentication " +
    "gssapiauthentication addkeystoagent"
  ).split(" "),
);
const idleFlags = "CqvTtnxk";
const overruledFlags = "AaXYK";
const flagsWithValue = "BbcDEeFIiJLlmOopQRSWw";

/** Reads `-J bastion -o StrictHostKeyChecking=no -oUser=ops -i key`; null where a quotation mark is not closed. */
export function readSshArguments(text: string): SshArguments | null {
  const words = shellWords(text, false);
  if (words === null) return null;
  const said = {
    jump: null as string | null,
    user: null as string | null,
    port: null as string | null,
    identityFiles: [] as string[],
    notTaken: [] as string[],
    unread: [] as string[],
  };
  const option = (name: string, value: string, shown: string): void => {
    if (name === "proxyjump") said.jump ??= value;
    else if (name === "user") said.user ??= value;
    else if (name === "port") said.port ??= value;
    else if (name === "identityfile") said.identityFiles.push(value);
    else if (name === "proxycommand" && jumpOf(value) !== null) said.jump ??= jumpOf(value);
    else if (overruled.has(name)) said.notTaken.push(shown);
    else if (!idle.has(name)) said.unread.push(shown);
  };
  const short: Readonly<Record<string, string>> = { J: "proxyjump", l: "user", p: "port", i: "identityfile" };
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? "";
    if (!/^-[A-Za-z0-9]/.test(word)) {
      said.unread.push(word);
      continue;
    }
    for (let letterAt = 1; letterAt < word.length; letterAt += 1) {
      const flag = word[letterAt] ?? "";
      if (flagsWithValue.includes(flag)) {
        const attached = word.slice(letterAt + 1);
        if (attached === "") at += 1;
        const value = attached === "" ? (words[at] ?? "") : attached;
        if (flag === "o") {
          const parts = /^\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)([\s\S]*)$/.exec(value);
          option(
            (parts?.[1] ?? value).toLowerCase(),
            unquoted(parts?.[2]?.trimEnd() ?? ""),
            `-o ${parts?.[1] ?? value}`,
          );
        } else option(short[flag] ?? `-${flag}`, value, `-${flag}`);
        break;
      }
      if (overruledFlags.includes(flag)) said.notTaken.push(`-${flag}`);
      else if (!idleFlags.includes(flag)) said.unread.push(`-${flag}`);
    }
  }
  return said;
}

function unquoted(value: string): string {
  return /^"[^"]*"$/.test(value) ? value.slice(1, -1) : value;
}

/**
 * `ssh -W %h:%p -q -p 2222 ops@bastion` is what ProxyJump stands for; null for any other command.
 */
function jumpOf(command: string): string | null {
  const words = shellWords(command, false);
  if (words === null || !/^(?:\/usr\/bin\/)?ssh$/.test(words[0] ?? "")) return null;
  let user: string | null = null;
  let port: string | null = null;
  let host: string | null = null;
  let isForward = false;
  for (let at = 1; at < words.length; at += 1) {
    const word = words[at] ?? "";
    const next = words[at + 1] ?? "";
    if (word === "-q") continue;
    if (word === "-W" && /^(?:%h|\[%h\]):%p$/.test(next)) isForward = true;
    else if (word === "-p" && /^\d+$/.test(next)) port = next;
    else if (word === "-l") user = next;
    else if (!word.startsWith("-") && host === null) {
      host = word;
      continue;
    } else return null;
    at += 1;
  }
  if (!isForward || host === null || /[,/\s]/.test(host)) return null;
  const named = host.includes("@") || user === null ? host : `${user}@${host}`;
  return port === null ? named : `${named}:${port}`;
}
