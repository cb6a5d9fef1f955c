/** Keeps the head and the tail of a stream up to a cap, and counts what it dropped between them. */
export class CappedBytes {
  private readonly head: Buffer[] = [];
  private headBytes = 0;
  /** Whole chunks, the oldest first; copied only when read, because a flood pushes thousands. */
  private readonly tail: Buffer[] = [];
  private tailBytes = 0;
  droppedBytes = 0;

  constructor(private readonly maxBytes: number) {}

  push(chunk: Buffer): void {
    const headRoom = Math.ceil(this.maxBytes / 2) - this.headBytes;
    if (headRoom > 0) {
      // A part kept for long must not keep a whole network buffer alive with it.
      this.head.push(Buffer.from(chunk.subarray(0, headRoom)));
      this.headBytes += Math.min(headRoom, chunk.length);
    }
    const rest = headRoom > 0 ? chunk.subarray(headRoom) : chunk;
    if (rest.length === 0) return;
    this.tail.push(Buffer.from(rest));
    this.tailBytes += rest.length;
    this.trim();
  }

  text(): string {
    return Buffer.concat([...this.head, ...this.tail]).toString("utf8");
  }

  private trim(): void {
    let excess = this.tailBytes - Math.floor(this.maxBytes / 2);
    if (excess <= 0) return;
    this.droppedBytes += excess;
    this.tailBytes -= excess;
    let whole = 0;
    for (; excess > 0 && excess >= (this.tail[whole]?.length ?? Infinity); whole += 1)
      excess -= this.tail[whole]?.length ?? 0;
    this.tail.splice(0, whole);
    const first = this.tail[0];
    if (excess > 0 && first !== undefined) this.tail[0] = first.subarray(excess);
  }
}

/**
 * Finds one framed answer in a stream of bytes. Everything before the begin mark is noise of login scripts:
 * ```
 * Welcome to db-1
 * 5f0c…+
 * <the answer>
 * 5f0c…- 0
 * ```
 * The marks stand on lines of their own; the newline before the end mark belongs to the mark.
 */
export class FrameReader {
  private readonly begin: Buffer;
  private readonly end: Buffer;
  private pending: Buffer = Buffer.alloc(0);
  private started = false;
  /** The status after the end mark, empty where the mark carries none; null until the end mark was seen. */
  status: string | null = null;
  readonly bytes: CappedBytes;

  constructor(nonce: string, maxBytes: number) {
    this.begin = Buffer.from(`\n${nonce}+\n`);
    this.end = Buffer.from(`\n${nonce}-`);
    this.bytes = new CappedBytes(maxBytes);
  }

  get hasStarted(): boolean {
    return this.started;
  }

  /** Takes the next bytes; true once the frame is whole. */
  push(chunk: Buffer): boolean {
    if (this.status !== null) return true;
    this.pending = Buffer.concat([this.pending, chunk]);
    if (!this.started && !this.skipNoise()) return false;
    const at = this.pending.indexOf(this.end);
    const lineEnd = at < 0 ? -1 : this.pending.indexOf("\n", at + this.end.length);
    if (lineEnd >= 0) {
      this.bytes.push(this.pending.subarray(0, at));
      this.status = this.pending
        .subarray(at + this.end.length, lineEnd)
        .toString("utf8")
        .trim();
      this.pending = Buffer.alloc(0);
      return true;
    }
    this.keepAllBut(at >= 0 ? this.pending.length - at : this.end.length);
    return false;
  }

  /** What was read when the stream ended without an end mark. */
  cutOff(): void {
    if (this.started) this.keepAllBut(0);
  }

  private skipNoise(): boolean {
    const at = this.pending.indexOf(this.begin);
    if (at < 0) {
      this.pending = this.pending.subarray(Math.max(0, this.pending.length - this.begin.length));
      return false;
    }
    this.pending = this.pending.subarray(at + this.begin.length);
    this.started = true;
    return true;
  }

  private keepAllBut(count: number): void {
    const keep = Math.max(0, this.pending.length - count);
    this.bytes.push(this.pending.subarray(0, keep));
    this.pending = this.pending.subarray(keep);
  }
}
