import { Worker } from "node:worker_threads";
import library from "hash-wasm/dist/argon2.umd.min.js?raw";

export interface Argon2Cost {
  readonly kind: "argon2d" | "argon2i" | "argon2id";
  readonly passes: number;
  readonly memoryKib: number;
  readonly lanes: number;
}

/** The library's one file, and after it the one question. A thread made from text needs no file of its own beside the bundle. */
const program = `${library}
const { parentPort, workerData } = require("node:worker_threads");
module.exports[workerData.kind]({ ...workerData.options, outputType: "binary" }).then((key) => parentPort.postMessage(key));`;

/** Argon2 1.3 in a thread of its own: it is made to take long, and cannot be stopped half way to let others have their turn. */
export function argon2Key(passphrase: Buffer, salt: Buffer, length: number, cost: Argon2Cost): Promise<Buffer> {
  const options = {
    password: new Uint8Array(passphrase),
    salt: new Uint8Array(salt),
    iterations: cost.passes,
    memorySize: cost.memoryKib,
    parallelism: cost.lanes,
    hashLength: length,
  };
  return new Promise((resolve, reject) => {
    const worker = new Worker(program, { eval: true, workerData: { kind: cost.kind, options } });
    options.password.fill(0);
    worker.once("message", (key: Uint8Array) => {
      resolve(Buffer.from(key));
      void worker.terminate();
    });
    worker.once("error", reject);
    worker.once("exit", (code) => reject(new Error(`the thread ended with ${code}`)));
  });
}
