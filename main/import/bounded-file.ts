import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";

export type BoundedFile =
  | { readonly kind: "read"; readonly bytes: Buffer; readonly isExecutable: boolean }
  | { readonly kind: "directory" }
  /** A pipe, a socket or a device: reading it may never end. */
  | { readonly kind: "no-plain-file" }
  | { readonly kind: "too-large" };

/** Reads a file that is plain and not larger than this, whatever its size is said to be. Rejects where it cannot be read. */
export async function readBounded(path: string, mostBytes: number): Promise<BoundedFile> {
  const kind = (about: { isDirectory(): boolean; isFile(): boolean }): "file" | "directory" | "no-plain-file" =>
    about.isDirectory() ? "directory" : about.isFile() ? "file" : "no-plain-file";
  const before = kind(await stat(path));
  if (before !== "file") return { kind: before };
  // What took its place since must not make the opening wait.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const about = await file.stat();
    const opened = kind(about);
    if (opened !== "file") return { kind: opened };
    if (about.size > mostBytes) return { kind: "too-large" };
    const pieces: Buffer[] = [];
    let length = 0;
    for await (const piece of file.createReadStream({ autoClose: false, end: mostBytes })) {
      pieces.push(piece as Buffer);
      length += (piece as Buffer).length;
    }
    if (length > mostBytes) return { kind: "too-large" };
    return { kind: "read", bytes: Buffer.concat(pieces), isExecutable: (about.mode & 0o111) !== 0 };
  } finally {
    await file.close();
  }
}
