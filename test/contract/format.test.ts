import { expect, it } from "vitest";
import { formatUnit } from "../../contract/format";

it.each([
  [0, "0 B"],
  [0.5, "0.5 B"],
  [1, "1 B"],
  [1023, "1,023 B"],
  [1024, "1 KiB"],
  [1536, "1.5 KiB"],
  [-2048, "-2 KiB"],
  [150.4 * 2 ** 30, "150 GiB"],
  [3 * 2 ** 60, "3,072 PiB"],
])("says %d bytes as %s", (value, said) => {
  expect(formatUnit(value, "bytes", "en")).toBe(said);
  expect(formatUnit(value, "bytes-per-second", "en")).toBe(`${said}/s`);
});
