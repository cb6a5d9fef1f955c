import { existsSync, writeFileSync } from "node:fs";
import { lstat, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import type { Login } from "../../contract/inventory";
import type { DialTarget } from "./access";
import { visible } from "../../contract/visible";
import { wordsOf } from "./built-in-channels";
import { launcher } from "./launch";
import { createPatience, type Patience } from "./patience";
import type { ResolvedLogin } from "./resolved-login";
import { problemOf, SshError } from "./ssh-error";
import { placeAskpass, type Askpass } from "./system-ssh-askpass";
import { ChannelRefused, openProxy, type ProxiedChannels } from "./system-ssh-channel";
import { configText, loginWords, masterWords, strictness } from "./system-ssh-config";
import { errorOf, hopsLoggedIn } from "./system-ssh-error";
import { createExchange, type Exchange, type SystemSshAsks } from "./system-ssh-exchange";
import { askSsh, startGuard, startSsh, type Guard } from "./system-ssh-process";
import { muxHello, muxPacket, muxTerminate, muxVersion } from "./system-ssh-wire";
import { channelOpenMs, createLoss, loseWhenUnwanted, whileLinked } from "./transport";
import type { Connection, Facts, Loss, ShellChannel } from "./transport";
import { TunnelSocket } from "./tunnel";

export interface SystemSshParts {
  /** The configs to read, the user's before the system's. */
  readonly configFiles: readonly string[];
  /** Where a private directory is made: short, because names of Unix sockets are. */
  readonly runtimeDirectory: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly platform: NodeJS.Platform;
}

/** Logins by the system's own OpenSSH client, for what ssh2 has not. */
export interface SystemSsh {
  /** Throws SshError. `why` says what asks for it, for the message when there is no usable ssh. */
  connect(login: Login, resolved: ResolvedLogin, parts: SystemSshAsks, why: Facts): Promise<Connection>;
  /** Why there is none on this desktop that can be used; null where there is. */
  unusable(): Promise<Facts | null>;
  /** Resolves when no process and no file of it is left; its connections are unwanted by then. */
  close(): Promise<void>;
}

const lookEveryMs = 25;
/** Beyond the connect: from one hop that is through to the next. */
const loginMs = 15_000;
const configMs = 10_000;
const lastWordsMs = 500;
const directoryPrefix = "evenkeel-ssh-";
/** Since 8.5 a server's prompts can be told from the client's own. */
const oldestVersion = [8, 5] as const;

/** Where its connections keep their files, and who ends them when the core is killed. */
interface Ground {
  readonly directory: string;
  readonly guard: Guard;
}

export function createSystemSsh(parts: SystemSshParts): SystemSsh {
  let ground: Promise<Ground | Facts> | null = null;
  let lastConnection = 0;
  const living = new Set<Promise<void>>();

  /** What is missing may be there the next time. */
  async function standing(): Promise<Ground | Facts> {
    ground ??= prepare(parts);
    const found = await ground;
    if (!isGround(found)) ground = null;
    return found;
  }

  return {
    unusable: async () => {
      const found = await standing();
      return isGround(found) ? null : found;
    },
    connect: async (login, resolved, asks, why) => {
      const found = await standing();
      if (!isGround(found)) throw new SshError("system-ssh-unavailable", resolved.host, { ...why, ...found });
      lastConnection += 1;
      const directory = join(found.directory, String(lastConnection));
      await mkdir(directory, { mode: 0o700 });
      try {
        return await openMaster(directory, login, resolved, parts, asks, (gone) => {
          living.add(gone);
          void gone.finally(() => living.delete(gone));
        });
      } catch (error) {
        // A master that was started takes it along; one that was not had no use for it.
        if (!existsSync(pidPathIn(directory))) await rm(directory, { recursive: true, force: true });
        throw error;
      }
    },
    close: async () => {
      const last = await ground;
      ground = null;
      await Promise.all(living);
      if (last === null || !isGround(last)) return;
      await last.guard.release();
    },
  };
}

function isGround(found: Ground | Facts): found is Ground {
  return "guard" in found;
}

/** Why there is no usable ssh here, or where it may work. Ends what a core that fell left behind. */
async function prepare(parts: SystemSshParts): Promise<Ground | Facts> {
  if (parts.platform === "win32") return { problem: "ssh/system-ssh.windows" };
  const asked = await askSsh(["-V"], parts.environment, configMs);
  if (asked === null) return { problem: "ssh/system-ssh.silent" };
  const said = visible(asked.stderr.trim());
  if (asked.code === null) return { problem: said.includes("ENOENT") ? "ssh/system-ssh.missing" : said };
  const [, major = "0", minor = "0"] = /^OpenSSH_(\d+)\.(\d+)/.exec(said) ?? [];
  const version = [Number(major), Number(minor)] as const;
  if (version[0] < oldestVersion[0] || (version[0] === oldestVersion[0] && version[1] < oldestVersion[1]))
    return { problem: "ssh/system-ssh.old", oldest: oldestVersion.join("."), version: said };
  try {
    await sweep(parts.runtimeDirectory);
    const directory = await mkdtemp(join(parts.runtimeDirectory, `${directoryPrefix}${process.pid}-`));
    return { directory, guard: await startGuard(directory) };
  } catch (error) {
    return { problem: (error as Error).message };
  }
}

/** A core and its guard that fell together cannot end their masters: those are told over their control sockets, and their files removed. */
async function sweep(runtimeDirectory: string): Promise<void> {
  for (const name of await readdir(runtimeDirectory)) {
    const owner = new RegExp(`^${directoryPrefix}(\\d+)-`).exec(name)?.[1];
    if (owner === undefined || isAlive(Number(owner))) continue;
    const directory = join(runtimeDirectory, name);
    // Others may write into the directory for temporary files: what is not our own is not touched, nor followed.
    const found = await lstat(directory).catch(() => null);
    if (found === null || !found.isDirectory() || found.uid !== process.getuid?.()) continue;
    for (const connection of await readdir(directory)) await terminate(controlPathIn(join(directory, connection)));
    await rm(directory, { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: another user's, and so is the directory.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function terminate(controlPath: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connectSocket(controlPath);
    socket.once("connect", () =>
      socket.end(Buffer.concat([muxPacket(muxHello, muxVersion), muxPacket(muxTerminate, 1)])),
    );
    socket.resume();
    socket.once("error", () => resolve());
    socket.once("close", () => resolve());
  });
}

/** Where the guard looks for the process group to end. */
function pidPathIn(directory: string): string {
  return join(directory, "pid");
}

function controlPathIn(directory: string): string {
  return join(directory, "c");
}

async function openMaster(
  directory: string,
  login: Login,
  resolved: ResolvedLogin,
  parts: SystemSshParts,
  asks: SystemSshAsks,
  live: (gone: Promise<void>) => void,
): Promise<Connection> {
  const configPath = join(directory, "config");
  await writeFile(configPath, configText(login.host, resolved.jumps, parts.configFiles), { mode: 0o600 });
  const words = loginWords(login);
  const asked = await askSsh(["-F", configPath, "-G", ...words], parts.environment, configMs);
  if (asked === null) throw new SshError("deadline", resolved.host, { deadlineMs: configMs });
  if (asked.code !== 0) throw errorOf(asked.stderr, resolved);

  const askpass = await placeAskpass(directory);
  const controlPath = controlPathIn(directory);
  const settings = { configPath, controlPath, strictHostKeyChecking: strictness(asked.stdout) };
  const master = startSsh([...masterWords({ ...settings, connectTimeoutMs: resolved.connectTimeoutMs }), ...words], {
    ...parts.environment,
    ...askpass.environment,
  });
  if (master.pid !== null) writeFileSync(pidPathIn(directory), `${master.pid}\n`);
  // What cannot be removed now is removed with the directory above it.
  live(master.ended.then(() => rm(directory, { recursive: true, force: true, maxRetries: 3 })).catch(() => undefined));
  const loss = createLoss();
  const exchange = createExchange(resolved, asks, master);
  void master.ended.then(() => loss.lose(exchange.explain(errorOf(master.stderr(), resolved))));
  loss.listen(() => master.end());
  loseWhenUnwanted(loss, resolved.host, asks.unwanted);
  try {
    await untilLoggedIn({ controlPath, askpass, exchange, loss, resolved, said: master.stderr });
    await exchange.keep();
    return connectionOf(await proxyOf(controlPath, loss, resolved), resolved, loss);
  } catch (error) {
    exchange.close();
    loss.lose(
      error instanceof SshError ? error : new SshError("link-lost", resolved.host, { problem: problemOf(error) }),
    );
    throw error;
  }
}

/** The control socket appears when the login is through; until then ssh's questions are put to the person. */
async function untilLoggedIn(parts: {
  readonly controlPath: string;
  readonly askpass: Askpass;
  readonly exchange: Exchange;
  readonly loss: Loss;
  readonly resolved: ResolvedLogin;
  readonly said: () => string;
}): Promise<void> {
  const { resolved, exchange } = parts;
  const wait = { isOver: false };
  await new Promise<void>((resolve, reject) => {
    const begin = (): Patience =>
      createPatience(resolved.connectTimeoutMs + loginMs, () =>
        reject(new SshError("silent", resolved.host, { stage: "ssh/stage.login" })),
      );
    let patience = begin();
    let hopsThrough = 0;
    const look = async (): Promise<void> => {
      while (!wait.isOver && !existsSync(parts.controlPath)) {
        const through = hopsLoggedIn(parts.said());
        if (through > hopsThrough) {
          hopsThrough = through;
          patience.stop();
          patience = begin();
        }
        for (const question of await parts.askpass.look()) {
          patience.pause();
          await exchange.put(question).finally(() => patience.resume());
        }
        await pause(lookEveryMs);
      }
    };
    const stopListening = parts.loss.listen(reject);
    look()
      .then(resolve, reject)
      .finally(() => {
        patience.stop();
        stopListening();
      });
  }).finally(() => (wait.isOver = true));
}

async function proxyOf(controlPath: string, loss: Loss, resolved: ResolvedLogin): Promise<ProxiedChannels> {
  const socket = connectSocket(controlPath);
  return openProxy(socket, (problem) => {
    // A master that ends says why, a moment after its socket is gone; that is the better reason.
    setTimeout(() => loss.lose(new SshError("link-lost", resolved.host, { problem })), lastWordsMs);
  });
}

function connectionOf(channels: ProxiedChannels, login: ResolvedLogin, loss: Loss): Connection {
  const node = login.host;
  loss.listen(() => channels.abandon());
  const silent = { ms: channelOpenMs, error: () => new SshError("silent", node, { stage: "ssh/stage.channel" }) };
  return {
    login,
    openShell: () =>
      whileLinked<ShellChannel>(
        loss.listen,
        silent,
        (late) => late.close(),
        (resolve, reject) =>
          void channels.session(launcher).then(resolve, (error: unknown) => {
            // Anything but a refusal is the end of the link, which is told by the loss.
            if (error instanceof ChannelRefused)
              reject(new SshError("channel-refused", node, { problem: error.message }));
          }),
      ),
    dial: (target, deadlineMs) =>
      whileLinked<Duplex>(
        loss.listen,
        { ms: deadlineMs, error: () => new SshError("deadline", node, { deadlineMs }) },
        (late) => void late.destroy(),
        (resolve, reject) =>
          void dialled(channels, target).then(
            (channel) => {
              const socket: TunnelSocket = new TunnelSocket(channel, () => stopListening());
              const stopListening = loss.listen((lost) => socket.lose(lost));
              resolve(socket);
            },
            (error: unknown) => {
              if (error instanceof ChannelRefused)
                reject(new SshError("dial-refused", node, { target: wordsOf(target), problem: error.message }));
            },
          ),
      ),
    // Which key logged in is known to ssh alone.
    certifiedUntil: null,
    onLost: loss.listen,
    close: () => loss.lose(new SshError("closed", node)),
  };
}

function dialled(channels: ProxiedChannels, target: DialTarget): Promise<ShellChannel> {
  return target.kind === "tcp" ? channels.tcp(target.host, target.port) : channels.unixSocket(target.path);
}
