import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import type { KeyStorageState } from "../../contract/secrets";
import type { KeyStorage } from "../../main/store/secrets";

/** A key storage of a machine and person of the given name: what one of them sealed, none of another name opens. */
export function fakeKeyStorage(owner: string): KeyStorage & { is: KeyStorageState } {
  const key = createHash("sha256").update(owner).digest();
  return {
    is: { kind: "real", backend: "fake" },
    state() {
      return Promise.resolve(this.is);
    },
    protect: (plain) => {
      const nonce = randomBytes(12);
      const sealing = createCipheriv("aes-256-gcm", key, nonce);
      const sealed = Buffer.concat([sealing.update(plain), sealing.final()]);
      return Promise.resolve(Buffer.concat([nonce, sealing.getAuthTag(), sealed]));
    },
    unprotect: (sealed) => {
      try {
        const opening = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, 12));
        opening.setAuthTag(sealed.subarray(12, 28));
        return Promise.resolve(Buffer.concat([opening.update(sealed.subarray(28)), opening.final()]));
      } catch (error) {
        return Promise.reject(error instanceof Error ? error : new Error(String(error)));
      }
    },
  };
}
