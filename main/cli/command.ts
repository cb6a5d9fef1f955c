import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { randomUUID } from "node:crypto";
import type { Assessment } from "../../contract/assessment";
import type { Damage } from "../../contract/damage";
import type { Gives, RequestName, Takes } from "../../contract/channels";
import { importFormatSchema } from "../../contract/hosts";
import { worstFirst } from "../../contract/findings";
import type { Finding, Level } from "../../contract/health";
import { loginSchema, type Login, type LoginChange, type Question, type Transport } from "../../contract/inventory";
import { say } from "../../contract/say";
import { languageSchema, sentence, type Language, type Sentence } from "../../contract/sentence";
import { visible } from "../../contract/visible";
import { catalogues } from "../catalogue";
import { createCore } from "../core";
import type { Core, CoreParts } from "../core-port";
import { spokenBy } from "../ipc/answer";
import { namesOf } from "../ipc/kept-secrets";
import { verifyJournal } from "../recovery/journal";
import { noKeyStorage } from "../store/secrets";
import { differenceLines } from "./difference-lines";

export interface CommandParts {
  readonly version: string;
  readonly standardDirectory: string;
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

/** As monitoring plugins end: 0 ok, 1 warning, 2 critical, 3 unknown. */
const exitCodes: Readonly<Record<Level, number>> = { ok: 0, watch: 1, degraded: 1, critical: 2, unknown: 3 };
const words: Readonly<Record<number, string>> = { 0: "OK", 1: "WARNING", 2: "CRITICAL", 3: "UNKNOWN" };

/** Something in the way, already said in full; the command ends with 3. */
class Stop extends Error {}

const options = {
  name: { type: "string" },
  transport: { type: "string" },
  user: { type: "string" },
  port: { type: "string" },
  "accept-host-key": { type: "string", multiple: true },
  format: { type: "string", default: "html" },
  out: { type: "string" },
  language: { type: "string", default: "en" },
  data: { type: "string" },
  "ssh-config": { type: "string" },
  head: { type: "string" },
  as: { type: "string" },
  accept: { type: "boolean", default: false },
  "damage-seen": { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
  version: { type: "boolean", default: false },
} as const;

/** Carries out one command line and gives the code it should end with. */
export async function runCommand(argv: readonly string[], given: CommandParts): Promise<number> {
  // What is said quotes hosts and clusters: a line stays one line, whatever they call themselves.
  const parts: CommandParts = {
    ...given,
    out: (line) => given.out(inOneLine(line)),
    err: (line) => given.err(inOneLine(line)),
  };
  const asked = givenLanguage(argv);
  const language = languageSchema.catch("en").parse(asked);
  const tell = (one: Sentence): string => say(catalogues[language], language, one);
  if (language !== asked) {
    parts.out(`EVENKEEL UNKNOWN - ${tell(sentence("cli/language-unknown", { language: asked }))}`);
    return 3;
  }
  const parsed = parse(argv, parts);
  if (parsed === null) return notUnderstood(parts, tell);
  const [command, subject, host] = parsed.positionals;
  if (parsed.values.help || command === "help") {
    given.out(tell(sentence("cli/usage")));
    return 0;
  }
  if (parsed.values.version) {
    parts.out(parts.version);
    return 0;
  }
  if (command === "verify-audit") return verifyAudit(subject ?? "", parsed.values.head ?? null, parts, tell);
  if (command === undefined || !["add", "login", "check", "report", "list", "import"].includes(command))
    return notUnderstood(parts, tell);
  const savePath = { current: null as string | null };
  const directory = parsed.values.data ?? parts.standardDirectory;
  const core = started(parts, tell, directory, {
    userDataDirectory: directory,
    version: parts.version,
    electron: "none",
    shell: {
      keyStorage: noKeyStorage,
      chooseSavePath: () => Promise.resolve(savePath.current),
      chooseOpenPath: () => Promise.resolve(subject === undefined ? null : resolve(subject)),
    },
    sshConfigPath: parsed.values["ssh-config"] ?? process.env.EVENKEEL_SSH_CONFIG ?? null,
    interactive: true,
    watch: false,
    mayRecover: false,
  });
  if (core === null) return 3;
  const accepted = parsed.values["accept-host-key"] ?? [];
  core.onEvent((name, payload) => {
    if (name === "question:raised") void answerQuestion(core, payload as Question, accepted, parts, tell);
  });
  const context: Context = { core, parts, tell, language, directory };
  try {
    const damages = await ask(context, "damage:read", undefined);
    for (const damage of damages) parts.err(tell(damage.sentence));
    switch (command) {
      case "add":
        return await add(context, subject, parsed.values.name, parsed.values.transport ?? "auto");
      case "login":
        return await logins(context, subject, host ?? null, parsed.values);
      case "check":
        return await check(context, subject);
      case "report":
        savePath.current = parsed.values.out === undefined ? null : resolve(parsed.values.out);
        return await report(context, subject, parsed.values.format, savePath.current);
      case "import":
        return await importHosts(context, subject, parsed.values.as ?? null, parsed.values.accept);
      default:
        return await list(context, parsed.values["damage-seen"] ? damages : []);
    }
  } catch (error) {
    if (error instanceof Stop) return 3;
    throw error;
  } finally {
    await core.close();
  }
}

/** Null when it cannot start, which is then told where a monitoring plugin's first line stands. */
function started(parts: CommandParts, tell: Context["tell"], directory: string, core: CoreParts): Core | null {
  try {
    return createCore(core);
  } catch (error) {
    const reason = spokenBy(error) ?? sentence("cli/not-started", { directory, problem: (error as Error).message });
    parts.out(`EVENKEEL UNKNOWN - ${tell(reason)}`);
    return null;
  }
}

function inOneLine(text: string): string {
  return visible(text).replaceAll("\n", "\\u{a}");
}

/** Taken before anything else is understood, since what is not understood is to be said in it. */
function givenLanguage(argv: readonly string[]): string {
  return String(parseArgs({ args: [...argv], options, allowPositionals: true, strict: false }).values.language);
}

/** The first line on standard output is what a monitoring plugin shows, also of a command line that is wrong. */
function notUnderstood(parts: CommandParts, tell: Context["tell"]): number {
  parts.out(`EVENKEEL UNKNOWN - ${tell(sentence("cli/not-understood"))}`);
  return 3;
}

function parse(
  argv: readonly string[],
  parts: CommandParts,
): ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>> | null {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (error) {
    parts.err((error as Error).message);
    return null;
  }
}

interface Context {
  readonly core: Core;
  readonly parts: CommandParts;
  readonly tell: (one: Sentence) => string;
  readonly language: Language;
  readonly directory: string;
}

async function ask<N extends RequestName>(
  { core, parts, tell }: Context,
  name: N,
  argument: Takes<N>,
): Promise<Gives<N>> {
  const reply = await core.handle(name, argument);
  if (reply.ok) return reply.value;
  parts.out(`EVENKEEL UNKNOWN - ${tell(reply.sentence)}`);
  throw new Stop();
}

/** Nobody is there to be asked: a host key passes only when its fingerprint was given, everything else is refused with what to do. */
async function answerQuestion(
  core: Core,
  question: Question,
  accepted: readonly string[],
  parts: CommandParts,
  tell: Context["tell"],
): Promise<void> {
  const { questionId } = question;
  if (question.kind === "host-key-unknown" && accepted.includes(question.fingerprint)) {
    await core.handle("question:answer", { questionId, answer: { kind: "accept" } });
    return;
  }
  const facts =
    question.kind === "host-key-unknown"
      ? { node: question.node, fingerprint: question.fingerprint }
      : { node: question.node };
  parts.err(tell(sentence(`cli/asked.${question.kind}`, facts)));
  if (await isKept(core, question)) parts.err(tell(sentence("cli/kept-by-the-app")));
  await core.handle("question:answer", { questionId, answer: { kind: "refuse" } });
}

/** The app keeps it, and only the app's desktop can open it. */
async function isKept(core: Core, question: Question): Promise<boolean> {
  const reply = await core.handle("secrets:read", undefined);
  const names = namesOf(question).map((name) => JSON.stringify(name));
  return reply.ok && reply.value.kept.some(({ name }) => names.includes(JSON.stringify(name)));
}

/** As they are typed. */
const transports: Readonly<Record<string, Transport>> = { auto: "auto", builtin: "built-in", system: "system" };

async function add(
  context: Context,
  host: string | undefined,
  name: string | undefined,
  transportName: string,
): Promise<number> {
  const { parts, tell } = context;
  if (host === undefined) return notUnderstood(context.parts, context.tell);
  const transport = transportNamed(context, transportName);
  const login: Login = { host, ...(transport !== "auto" && { transport }) };
  const found = await ask(context, "discovery:start", { discoveryId: randomUUID(), login });
  for (const problem of found.problems) parts.err(tell(problem));
  if (found.clusters.length === 0) {
    parts.out(`EVENKEEL UNKNOWN - ${tell(sentence("discover/nothing", { node: host }))}`);
    return 3;
  }
  for (const [index, cluster] of found.clusters.entries()) {
    const kept = name === undefined ? cluster.suggestedName : index === 0 ? name : `${name}-${index + 1}`;
    await ask(context, "discovery:keep", { name: kept, cluster });
    parts.out(
      tell(sentence("cli/added", { name: kept, members: cluster.members.map(({ member }) => member).join(", ") })),
    );
  }
  if (found.problems.length === 0) return 0;
  parts.out(tell(sentence("cli/added-in-part", { count: found.problems.length })));
  return 1;
}

function transportNamed({ parts, tell }: Context, name: string): Transport {
  const transport = transports[name];
  if (transport !== undefined) return transport;
  parts.err(tell(sentence("cli/transport-unknown", { transport: name })));
  throw new Stop();
}

/** Sets what is given of one host's login, or of all; an empty value goes back to ssh_config. Then, or where nothing is given, they are listed. */
async function logins(
  context: Context,
  name: string | undefined,
  host: string | null,
  given: { readonly user?: string; readonly port?: string; readonly transport?: string },
): Promise<number> {
  const { parts, tell } = context;
  if (name === undefined) return notUnderstood(context.parts, context.tell);
  const clusterId = await clusterNamed(context, name);
  const { user, port } = given;
  if (port !== undefined && port !== "" && !isPort(port)) {
    parts.err(tell(sentence("cli/port-unknown", { port })));
    return 3;
  }
  const change: LoginChange = {
    ...(user !== undefined && { user: user === "" ? null : user }),
    ...(port !== undefined && { port: port === "" ? null : Number(port) }),
    ...(given.transport !== undefined && { transport: transportNamed(context, given.transport) }),
  };
  const kept = await ask(context, "logins:read", { clusterId });
  const nodes = host === null ? kept.map(({ node }) => node) : [host];
  const isAsked = Object.keys(change).length > 0;
  const now = isAsked ? await ask(context, "logins:change", { clusterId, nodes, change }) : kept;
  const shown = (value: string | number | undefined): string => visible(String(value ?? "-"));
  for (const { node, login } of now) {
    const { transport = "auto" } = login;
    const typed = Object.keys(transports).find((one) => transports[one] === transport);
    parts.out([shown(node), shown(login.host), shown(login.user), shown(login.port), shown(typed)].join("\t"));
  }
  return 0;
}

function isPort(typed: string): boolean {
  return /^\d+$/.test(typed) && loginSchema.shape.port.safeParse(Number(typed)).success;
}

async function clusterNamed(context: Context, name: string): Promise<string> {
  const cluster = (await ask(context, "fleet:read", undefined)).find(
    (one) => one.name === name || one.clusterId === name,
  );
  if (cluster !== undefined) return cluster.clusterId;
  const { directory, parts, tell } = context;
  const unknown = tell(sentence("request/cluster-unknown", { cluster: name }));
  // What is not known of a damaged inventory may have been in it, until one is written again.
  const damage = (await ask(context, "damage:read", undefined)).find(
    ({ file }) => file === "inventory.json" && !existsSync(join(directory, file)),
  );
  parts.out(`EVENKEEL UNKNOWN - ${damage === undefined ? unknown : joined(unknown, tell(damage.sentence))}`);
  throw new Stop();
}

async function assessed(context: Context, name: string): Promise<Assessment> {
  const clusterId = await clusterNamed(context, name);
  await ask(context, "cluster:refresh", { clusterId });
  const assessment = await ask(context, "cluster:read", { clusterId });
  if (assessment !== null) return assessment;
  context.parts.out(`EVENKEEL UNKNOWN - ${context.tell(sentence("request/nothing-read-yet", { cluster: name }))}`);
  throw new Stop();
}

async function check(context: Context, name: string | undefined): Promise<number> {
  const { parts, tell } = context;
  if (name === undefined) return notUnderstood(context.parts, context.tell);
  const { level, unknowns, findings, members } = await assessed(context, name);
  const code = exitCodes[level];
  const lines = worstFirst(findings).map((finding) => ({
    level: finding.level,
    text: joined(tell(finding), whatToDo(finding, tell)),
  }));
  const first = lines[0]?.text ?? tell(sentence("cli/all-well", { name, count: members.length }));
  const doubts = unknowns === 0 ? "" : ` (${tell(sentence("assess/unknowns", { count: unknowns }))})`;
  // A monitoring plugin's figures begin at the first bar, and there are none.
  const out = (line: string): void => parts.out(line.replaceAll("|", "\u00a6"));
  out(`EVENKEEL ${words[code] ?? ""} - ${name}: ${first}${doubts}`);
  for (const { level: ofLine, text } of lines) out(`[${ofLine}] ${text}`);
  return code;
}

/** Chinese puts no space after a full stop. */
function joined(seen: string, toDo: string): string {
  return seen.endsWith("。") ? `${seen}${toDo}` : `${seen} ${toDo}`;
}

/** Why it cannot be told says what to do as well; what is seen for certain has its remedy. */
function whatToDo({ code, facts, reason }: Finding, tell: Context["tell"]): string {
  return tell(reason ?? sentence(`${code}.remedy`, facts));
}

async function report(
  context: Context,
  name: string | undefined,
  format: string,
  path: string | null,
): Promise<number> {
  const { parts, tell, language } = context;
  if (name === undefined || path === null || (format !== "html" && format !== "json"))
    return notUnderstood(context.parts, context.tell);
  if (!existsSync(dirname(path))) {
    parts.err(tell(sentence("cli/no-directory", { directory: dirname(path) })));
    return 3;
  }
  const { clusterId } = await assessed(context, name);
  const written = await ask(context, "report:export", { clusterId, format, language });
  parts.out(tell(sentence("cli/written", { path: written?.path ?? "" })));
  return 0;
}

async function list(context: Context, seen: readonly Damage[]): Promise<number> {
  for (const { damageId } of seen) await ask(context, "damage:acknowledge", { damageId });
  for (const cluster of await ask(context, "fleet:read", undefined))
    context.parts.out(`${cluster.name}\t${cluster.engine}\t${cluster.memberCount}`);
  return 0;
}

/** As diff ends: 0 nothing is left to do, 1 something is, 3 the file was not read. */
async function importHosts(
  context: Context,
  path: string | undefined,
  as: string | null,
  isAccepted: boolean,
): Promise<number> {
  const { parts, tell } = context;
  const format = importFormatSchema.nullable().safeParse(as);
  if (path === undefined || !format.success) return notUnderstood(context.parts, context.tell);
  const preview = await ask(context, "hosts:preview-import", { format: format.data });
  if (preview === null) return notUnderstood(context.parts, context.tell);
  const { added, changed, gone, unreadable, unchangedCount } = preview;
  for (const line of differenceLines(preview, tell)) parts.out(line);
  const removed = gone.filter(({ kept }) => kept === null).length;
  const changes = added.length + changed.length + removed;
  if (unreadable.length > 0 && changes + unchangedCount === 0) return 3;
  if (changes === 0) return unreadable.length > 0 ? 1 : 0;
  if (!isAccepted) {
    parts.out(tell(sentence("cli/import-waits")));
    return 1;
  }
  const { importId } = preview;
  parts.out(tell(sentence("cli/imported", { ...(await ask(context, "hosts:accept-import", { importId })) })));
  return unreadable.length > 0 ? 1 : 0;
}

/** A chain kept in one place cannot show that its end was cut off; a head that was kept elsewhere, as in a report, can. */
function verifyAudit(path: string, kept: string | null, parts: CommandParts, tell: (one: Sentence) => string): number {
  if (!existsSync(path)) {
    parts.err(tell(sentence("cli/no-file", { path })));
    return 3;
  }
  const { damagedLine, lineCount, head, digests } = verifyJournal(readFileSync(path, "utf8"));
  if (damagedLine !== null) {
    parts.out(tell(sentence("cli/audit-damaged", { path, line: damagedLine })));
    return 2;
  }
  if (kept !== null && !digests.includes(kept)) {
    parts.out(tell(sentence("cli/audit-cut", { path, lineCount, kept })));
    return 2;
  }
  parts.out(tell(sentence("cli/audit-whole", { path, lineCount, head })));
  return 0;
}
