import type { Duplex } from "node:stream";
import type { Client, ClientChannel } from "ssh2";
import type { DialTarget } from "./access";
import { launcher } from "./launch";
import { SshError } from "./ssh-error";
import { channelOpenMs, whileLinked, type Connection, type ShellChannel } from "./transport";
import { TunnelSocket } from "./tunnel";

/** The launcher on a session channel of ssh2. */
export function openShellOf(client: Client, node: string, onLost: Connection["onLost"]): Promise<ShellChannel> {
  const silent = { ms: channelOpenMs, error: () => new SshError("silent", node, { stage: "ssh/stage.channel" }) };
  const discard = (late: ShellChannel): void => late.close();
  return whileLinked(onLost, silent, discard, (resolve, reject) => {
    client.exec(launcher, (error, channel) => {
      if (error) reject(new SshError("channel-refused", node, { problem: error.message }));
      else resolve(channel);
    });
  });
}

/** A stream that the node opens; the address is resolved there. */
export function dialBy(
  client: Client,
  target: DialTarget,
  deadlineMs: number,
  node: string,
  onLost: Connection["onLost"],
): Promise<Duplex> {
  const discard = (stream: Duplex): void => void stream.destroy();
  const late = { ms: deadlineMs, error: () => new SshError("deadline", node, { deadlineMs }) };
  return whileLinked(onLost, late, discard, (resolve, reject) => {
    const opened = (error: Error | undefined, channel: ClientChannel): void => {
      if (error) reject(new SshError("dial-refused", node, { target: wordsOf(target), problem: error.message }));
      else {
        const socket: TunnelSocket = new TunnelSocket(channel, () => stopListening());
        const stopListening = onLost((lost) => socket.lose(lost));
        resolve(socket);
      }
    };
    if (target.kind === "tcp") client.forwardOut("127.0.0.1", 0, target.host, target.port, opened);
    else client.openssh_forwardOutStreamLocal(target.path, opened);
  });
}

export function wordsOf(target: DialTarget): string {
  return target.kind === "tcp" ? `${target.host}:${target.port}` : target.path;
}
