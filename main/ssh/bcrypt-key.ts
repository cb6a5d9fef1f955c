import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { hash as bcryptBlock, HASHSIZE as blockBytes } from "bcrypt-pbkdf";

/**
 * The key that OpenSSH draws from a passphrase (bcrypt_pbkdf). One block of bcrypt is about ten milliseconds of computing and a key takes
 * dozens to hundreds of them, so everything else gets its turn between two blocks.
 */
export async function bcryptKey(passphrase: Buffer, salt: Buffer, rounds: number, length: number): Promise<Buffer> {
  const secret = sha512(passphrase);
  const blocks = Math.ceil(length / blockBytes);
  const key = Buffer.alloc(length);
  for (let block = 0; block < blocks; block += 1) {
    const count = Buffer.alloc(4);
    count.writeUInt32BE(block + 1);
    let hash = await blockOf(secret, sha512(Buffer.concat([salt, count])));
    const sum = Buffer.from(hash);
    for (let round = 1; round < rounds; round += 1) {
      hash = await blockOf(secret, sha512(hash));
      for (let at = 0; at < sum.length; at += 1) sum[at] = (sum[at] ?? 0) ^ (hash[at] ?? 0);
    }
    // A block is not laid down whole: its bytes are strewn over the key, one in every `blocks`.
    for (const [at, byte] of sum.entries()) if (at * blocks + block < length) key[at * blocks + block] = byte;
    sum.fill(0);
  }
  secret.fill(0);
  return key;
}

async function blockOf(secret: Buffer, salt: Buffer): Promise<Buffer> {
  await nextTurn();
  const out = Buffer.alloc(blockBytes);
  bcryptBlock(secret, salt, out);
  return out;
}

function sha512(bytes: Buffer): Buffer {
  return createHash("sha512").update(bytes).digest();
}
