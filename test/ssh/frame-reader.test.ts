import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameReader } from "../../main/ssh/frame-reader";

const nonce = "0123456789abcdef0123456789abcdef";

describe("FrameReader", () => {
  it("gives exactly what stands between the marks, however the bytes are cut and whatever noise comes first", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.string(),
        fc.integer({ min: 0, max: 255 }),
        fc.integer({ min: 1, max: 9 }),
        (noise, answer, status, size) => {
          const bytes = Buffer.from(`${noise}\n${nonce}+\n${answer}\n${nonce}- ${status}\n`);
          const reader = new FrameReader(nonce, 1 << 20);
          for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
          expect(reader.bytes.text()).toBe(Buffer.from(answer).toString("utf8"));
          expect(reader.status).toBe(String(status));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("keeps head and tail up to the cap and counts the rest", () => {
    const reader = new FrameReader(nonce, 10);
    reader.push(Buffer.from(`\n${nonce}+\n${"a".repeat(50)}${"b".repeat(50)}\n${nonce}- 0\n`));
    expect(reader.bytes.text()).toBe("aaaaabbbbb");
    expect(reader.bytes.droppedBytes).toBe(90);
  });

  it("has no status while the end mark is missing", () => {
    const reader = new FrameReader(nonce, 100);
    reader.push(Buffer.from(`\n${nonce}+\nhalf`));
    reader.cutOff();
    expect(reader.status).toBeNull();
    expect(reader.bytes.text()).toBe("half");
  });
});
