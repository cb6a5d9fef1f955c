import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { catalogues } from "../main/catalogue";
import { engines, hostEngine } from "../main/engine/registry";
import { wireErrorKinds } from "../main/probe/wire-error";
import { sshErrorKinds } from "../main/ssh/ssh-error";
import en from "../renderer/i18n/en.json";
import zhCN from "../renderer/i18n/zh-CN.json";

const root = resolve(import.meta.dirname, "..");

function texts(directory: string): string {
  return readdirSync(join(root, directory))
    .map((name) => {
      const path = join(directory, name);
      if (statSync(join(root, path)).isDirectory()) return texts(path);
      return /\.tsx?$/.test(name) ? readFileSync(join(root, path), "utf8") : "";
    })
    .join("\n");
}

const source = texts("main") + texts("renderer");
/** Whose codes they are: folders that raise sentences, and every engine. */
const owners = [
  ...[
    "ssh",
    "import",
    "wire",
    "probe",
    "assess",
    "recovery",
    "store",
    "logs",
    "request",
    "discover",
    "report",
    "cli",
    "ui",
  ],
  ...[hostEngine, ...engines].map(({ id }) => id),
];
/** Codes that stand whole in the source. */
const written = new Set(
  [...source.matchAll(new RegExp(`["\`]((?:${owners.join("|")})/[A-Za-z0-9.-]+)["\`]`, "g"))].map(
    (found) => found[1] ?? "",
  ),
);
const english: Readonly<Record<string, string>> = { ...catalogues.en, ...en };
const chinese: Readonly<Record<string, string>> = { ...catalogues["zh-CN"], ...zhCN };
const placeholders = (template: string): readonly string[] =>
  [...template.matchAll(/\{\{\s*(\w+)/g)].map((found) => found[1] ?? "").sort();

describe("the message catalogue", () => {
  it("has every code in both languages, with the same facts", () => {
    expect(Object.keys(chinese).sort()).toEqual(Object.keys(english).sort());
    for (const [code, template] of Object.entries(english)) {
      const translated = chinese[code] ?? "";
      expect([code, [...new Set(placeholders(translated))]]).toEqual([code, [...new Set(placeholders(template))]]);
    }
  });

  it("has words for every code the source raises", () => {
    const files = new Set(["linux/title"]);
    const missing = [...written].filter(
      (code) => english[code] === undefined && !files.has(code) && !/\.(en|zh-CN)$/.test(code),
    );
    expect(missing).toEqual([]);
  });

  it("has the words of every fact that is said of ssh and of an import, so that none is English in another language", () => {
    const own = texts("main/ssh") + texts("main/import");
    const facts = own.matchAll(/\b(?:problem|what|why|stage): ("[^"]*"|`[^`]*`)/g);
    const errors = own.matchAll(/new (?:Error|RangeError|ChannelRefused|ProxyGone)\(("[^"]*")\)/g);
    const said = [...facts, ...errors].map((found) => (found[1] ?? "").slice(1, -1));
    // What begins with another's words is theirs; an argument that no shell can be given is a fault of the caller, and reaches no person.
    const others = /^(?:\$\{|an argument holds)/;
    expect(said.filter((text) => english[text] === undefined && !others.test(text))).toEqual([]);
  });

  it("has words for every kind of error, finding and recovery", () => {
    const codes = [
      ...sshErrorKinds.map((kind) => `ssh/${kind}`),
      ...wireErrorKinds.map((kind) => `wire/${kind}`),
      ...[hostEngine, ...engines].flatMap((engine) => [
        ...engine.findings.flatMap((code) => [code, `${code}.meaning`, `${code}.remedy`]),
        ...engine.logCodes.flatMap((code) => [code, `${code}.remedy`]),
      ]),
      ...engines.flatMap((engine) => engine.recoveries),
    ];
    expect(codes.filter((code) => english[code] === undefined)).toEqual([]);
  });

  it("says Chinese in Chinese", () => {
    const names = new Set([
      "postgresql/title",
      "postgresql/column.walStatus",
      "etcd/title",
      "zookeeper/title",
      "redis-sentinel/title",
      "patroni/title",
    ]);
    const latin = Object.entries(chinese).filter(([code, text]) => !/[\u4e00-\u9fff]/.test(text) && !names.has(code));
    expect(latin).toEqual([]);
  });
});
