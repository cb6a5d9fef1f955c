import type { Unit } from "./figure";
import type { Language } from "./sentence";

const byteUnits = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

function decimal(value: number, language: Language, digits: number): string {
  return new Intl.NumberFormat(language, { maximumFractionDigits: digits }).format(value);
}

function bytes(value: number, language: Language): string {
  const size = Math.abs(value);
  // A rate may be less than a byte a second.
  const power = size < 1 ? 0 : Math.min(byteUnits.length - 1, Math.floor(Math.log2(size) / 10));
  const scaled = value / 2 ** (10 * power);
  return `${decimal(scaled, language, Number.isInteger(scaled) || scaled >= 100 ? 0 : 1)} ${byteUnits[power] ?? ""}`;
}

const durationSteps: readonly { readonly ms: number; readonly en: string; readonly zh: string }[] = [
  { ms: 86_400_000, en: "d", zh: "天" },
  { ms: 3_600_000, en: "h", zh: "小时" },
  { ms: 60_000, en: "min", zh: "分" },
  { ms: 1_000, en: "s", zh: "秒" },
];

function duration(value: number, language: Language): string {
  const sign = value < 0 ? "−" : "";
  const size = Math.abs(value);
  if (size < 1_000) return `${sign}${decimal(size, language, 0)} ${language === "en" ? "ms" : "毫秒"}`;
  const at = durationSteps.findIndex((step) => size >= step.ms);
  const first = durationSteps[at];
  const second = durationSteps[at + 1];
  if (first === undefined) return `${sign}${size} ms`;
  const word = (step: (typeof durationSteps)[number]): string => (language === "en" ? step.en : step.zh);
  if (second === undefined) return `${sign}${decimal(size / 1_000, language, size < 10_000 ? 1 : 0)} ${word(first)}`;
  const rest = Math.floor((size % first.ms) / second.ms);
  const whole = `${Math.floor(size / first.ms)} ${word(first)}`;
  return `${sign}${whole}${rest > 0 ? ` ${rest} ${word(second)}` : ""}`;
}

function instant(value: number): string {
  // Unambiguous in every language, and the same as in logs.
  return new Date(value)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d+Z$/, " UTC");
}

/** The formats message templates may name, as in `{{lagBytes, bytes}}`. */
export const messageFormats: Readonly<Record<string, (value: number, language: Language) => string>> = {
  bytes,
  bytesPerSecond: (value, language) => `${bytes(value, language)}/s`,
  count: (value, language) => decimal(value, language, 2),
  ratio: (value, language) =>
    new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: value < 0.1 ? 1 : 0 }).format(value),
  duration,
  instant: (value) => instant(value),
  perSecond: (value, language) => `${decimal(value, language, 1)}/s`,
};

/** A known value as a person reads it. */
export function formatUnit(value: string | number | boolean, unit: Unit, language: Language): string {
  if (typeof value === "boolean") return language === "en" ? (value ? "yes" : "no") : value ? "是" : "否";
  if (typeof value === "string") return value;
  switch (unit) {
    case "bytes":
      return bytes(value, language);
    case "bytes-per-second":
      return `${bytes(value, language)}/s`;
    case "per-second":
      return `${decimal(value, language, 1)}/s`;
    case "ratio":
      return messageFormats.ratio?.(value, language) ?? String(value);
    case "duration":
      return duration(value, language);
    case "instant":
      return instant(value);
    case "count":
      return decimal(value, language, 2);
    case "text":
    case "flag":
      return String(value);
  }
}
