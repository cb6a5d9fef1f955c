import type { NodeAccess } from "../../ssh/access";
import type { WordCall } from "../probe";
import { WireError } from "../wire-error";
import { withDeadline } from "./deadline";

const mostBytes = 4 << 20;

/** Sends one word and reads until the service closes, as ZooKeeper's four-letter commands do. Only for words that read. */
export async function sendWord(access: NodeAccess, call: WordCall, deadlineMs: number): Promise<string> {
  const stream = await access.dial(call.target, { deadlineMs });
  const about = { service: call.service, node: access.node };
  const chunks: Buffer[] = [];
  let bytes = 0;
  const answered = new Promise<string>((resolve, reject) => {
    stream.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > mostBytes) reject(new WireError("garbled", { ...about, problem: `more than ${mostBytes} bytes` }));
    });
    const lost = (error: Error): void => reject(new WireError("connection-lost", { ...about, problem: error.message }));
    // Errors may come after the first, and one that nobody listens to would end the core.
    stream.on("error", lost);
    stream.once("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
    stream.once("close", () => lost(new Error("it closed before the answer was whole")));
  });
  stream.write(call.word);
  try {
    return await withDeadline(answered, deadlineMs, about, () => undefined);
  } catch (error) {
    // It spoke and did not end: another service has this port, and it is not silent.
    if (!(error instanceof WireError) || error.kind !== "silent" || bytes === 0) throw error;
    const said = Buffer.concat(chunks).toString("utf8").slice(0, 100).trim();
    throw new WireError("garbled", { ...about, problem: `it said ${JSON.stringify(said)} and did not end` });
  } finally {
    stream.destroy();
  }
}
