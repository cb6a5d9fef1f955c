/** Reads the types of RFC 4251 section 5 one after another; throws RangeError where the bytes end too early. */
export class WireReader {
  private at = 0;
  constructor(private readonly bytes: Buffer) {}

  uint32(): number {
    const value = this.bytes.readUInt32BE(this.at);
    this.at += 4;
    return value;
  }

  uint64(): bigint {
    const value = this.bytes.readBigUInt64BE(this.at);
    this.at += 8;
    return value;
  }

  string(): Buffer {
    const length = this.uint32();
    if (this.at + length > this.bytes.length) throw new RangeError("ssh/key.cut");
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  text(): string {
    return this.string().toString("utf8");
  }

  byte(): number {
    const value = this.bytes.readUInt8(this.at);
    this.at += 1;
    return value;
  }

  /** Everything that is left; the reader is at its end then. */
  rest(): Buffer {
    const from = this.at;
    this.at = this.bytes.length;
    return this.bytes.subarray(from);
  }

  get isAtEnd(): boolean {
    return this.at === this.bytes.length;
  }
}

/** A string with its length before it. */
export function wireString(value: Buffer | string): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([wireUint32(bytes.length), bytes]);
}

export function wireUint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A number that is not negative, without needless zeros before it. */
export function wireNumber(value: Buffer): Buffer {
  const bytes = withoutLeadingZeros(value);
  return wireString(((bytes[0] ?? 0) & 0x80) === 0 ? bytes : Buffer.concat([Buffer.from([0]), bytes]));
}

export function withoutLeadingZeros(value: Buffer): Buffer {
  let from = 0;
  while (from < value.length && value[from] === 0) from += 1;
  return value.subarray(from);
}
