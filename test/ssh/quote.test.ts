import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, it } from "vitest";
import { quote } from "../../main/ssh/quote";

const count = Number(process.env.EVENKEEL_QUOTE_CASES ?? 5_000);

it(`hands ${count} arbitrary strings through a real sh byte for byte`, () => {
  const hostile = ["", "-n", "it's", "$HOME", "`id`", "a\nb", "\\", "!", "'; touch x; #", "\u{1F600}", "\u0001", "* ?"];
  const words = [...hostile, ...fc.sample(fc.string({ unit: "binary" }), count)].map((word) =>
    Buffer.from(word.replaceAll("\0", "")).toString("utf8"),
  );
  const script = words.map((word) => `printf '%s\\0' ${quote([word])}\n`).join("");
  const output = execFileSync("/bin/sh", ["-s"], { input: script, maxBuffer: 1 << 28 });
  expect(output.toString("utf8").split("\0").slice(0, -1)).toEqual(words);
});

it("refuses NUL and half a surrogate pair, which no argument can hold", () => {
  expect(() => quote(["a\0b"])).toThrow(RangeError);
  for (const half of ["\ud83d", "a\ude00b", "\ude00\ud83d"]) expect(() => quote([half])).toThrow(RangeError);
  expect(quote(["\ud83d\ude00"])).toBe("'\ud83d\ude00'");
});
