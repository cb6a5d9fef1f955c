import { Client, type ClientChannel, type ConnectConfig } from "ssh2";
import { toldScript } from "../../main/ssh/launch";
import { measure, type Measured } from "./measure";

type BareLogin = Pick<ConnectConfig, "port" | "username" | "privateKey">;

interface BareShell {
  readonly client: Client;
  readonly channel: ClientChannel;
}

/**
 * Sweeps a connection of ssh2 and a shell for each address, with no Evenkeel on top: the same script, and one line echoed. It is the least
 * that a sweep can cost this process.
 */
export async function benchBare(
  addresses: readonly string[],
  login: BareLogin,
  script: string,
  sweeps: number,
): Promise<readonly Measured[]> {
  const shells = await Promise.all(addresses.map((host) => openBareShell({ ...login, host })));
  const sweep = (line: string) => (): Promise<unknown> =>
    Promise.all(shells.map(({ channel }) => answered(channel, line)));
  const measured = async (name: string, line: string): Promise<Measured> => {
    for (let warm = 0; warm < 100; warm += 1) await sweep(line)();
    return measure(name, sweeps, sweep(line));
  };
  try {
    for (const { channel } of shells) channel.write(toldScript("pulse", script));
    const pulse = await measured("bare ssh2, the same pulse", "pulse; echo done\n");
    return [pulse, await measured("bare ssh2, one line echoed", "echo done\n")];
  } finally {
    for (const { client } of shells) client.destroy();
  }
}

function openBareShell(login: ConnectConfig): Promise<BareShell> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    client.on("error", reject);
    client.once("connect", () => client.setNoDelay(true));
    client.once("ready", () =>
      client.exec("exec /bin/sh -s", (error, channel) => {
        if (error) return reject(error);
        channel.stderr.resume();
        resolve({ client, channel });
      }),
    );
    // The cipher that Evenkeel agrees on with the same server.
    client.connect({ ...login, readyTimeout: 0, algorithms: { cipher: ["aes128-gcm@openssh.com"] } });
  });
}

function answered(channel: ClientChannel, line: string): Promise<void> {
  return new Promise((resolve) => {
    let said = "";
    const hear = (chunk: Buffer): void => {
      said += chunk.toString("latin1");
      if (!said.endsWith("done\n")) return;
      channel.off("data", hear);
      resolve();
    };
    channel.on("data", hear);
    channel.write(line);
  });
}
