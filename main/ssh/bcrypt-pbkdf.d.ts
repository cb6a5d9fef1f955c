declare module "bcrypt-pbkdf" {
  /** Bytes of one block. */
  export const HASHSIZE: number;
  /** One block: 64 bytes of secret and 64 of salt into 32 bytes. */
  export function hash(secret: Uint8Array, salt: Uint8Array, out: Uint8Array): void;
}
