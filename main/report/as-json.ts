import { createHash } from "node:crypto";
import type { Report } from "../../contract/report";

/** The report for machines: `sha256` is over the UTF-8 text of `report` as it stands in the file, without spaces added. */
export function reportAsJson(report: Report): string {
  const body = JSON.stringify(report);
  return `{"sha256":"${createHash("sha256").update(body).digest("hex")}","report":${body}}\n`;
}
