import type { GoneHost, HostChange, ImportedHost, ImportPreview } from "../../contract/hosts";
import { sentence } from "../../contract/sentence";
import type { FoundHosts } from "./found";

export type HostDifference = Pick<ImportPreview, "added" | "changed" | "gone" | "unchangedCount">;

/**
 * What a file would change in the kept hosts. A host that the file no longer names goes only when the file is where it came from, was read
 * whole, and no cluster reaches a node by that name.
 */
export function compareHosts(
  kept: readonly ImportedHost[],
  found: FoundHosts,
  source: string,
  clustersOf: (name: string) => readonly string[],
): HostDifference {
  const known = new Map(kept.map((host) => [host.name, host]));
  const named = new Set([...found.hosts.map(({ name }) => name), ...found.unreadHosts]);
  const added: ImportedHost[] = [];
  const changed: ImportPreview["changed"] = [];
  let unchangedCount = 0;
  for (const host of [...found.hosts].sort(byName)) {
    const before = known.get(host.name);
    const changes = before === undefined ? [] : changesBetween(before, host);
    if (before === undefined) added.push(host);
    else if (changes.length > 0) changed.push({ host, changes });
    else unchangedCount += 1;
  }
  const gone = kept
    .filter((host) => host.source === source && !named.has(host.name))
    .map((host): GoneHost => ({ host, kept: reasonToKeep(host.name, found.isPartial, clustersOf(host.name)) }));
  return { added, changed, gone, unchangedCount };
}

/** The hosts there are once a difference is accepted. */
export function acceptHosts(kept: readonly ImportedHost[], { added, changed, gone }: HostDifference): ImportedHost[] {
  const after = new Map(kept.map((host) => [host.name, host]));
  for (const one of gone) if (one.kept === null) after.delete(one.host.name);
  for (const { host } of changed) after.set(host.name, host);
  for (const host of added) after.set(host.name, host);
  return [...after.values()].sort(byName);
}

function byName(one: ImportedHost, other: ImportedHost): number {
  return one.name < other.name ? -1 : one.name > other.name ? 1 : 0;
}

function reasonToKeep(name: string, isPartial: boolean, clusters: readonly string[]): GoneHost["kept"] {
  if (isPartial) return sentence("import/kept-unread");
  return clusters.length > 0 ? sentence("import/kept-used", { name, clusters: clusters.join(", ") }) : null;
}

function changesBetween(before: ImportedHost, after: ImportedHost): HostChange[] {
  const fields = ["host", "user", "port", "identityFile", "jump"] as const;
  const shown = (value: string | number | undefined): string | null => (value === undefined ? null : String(value));
  const all: HostChange[] = [
    ...fields.map((field) => ({ field, before: shown(before.login[field]), after: shown(after.login[field]) })),
    { field: "groups", before: before.groups.join(", "), after: after.groups.join(", ") },
    { field: "source", before: before.source, after: after.source },
  ];
  return all.filter((one) => one.before !== one.after);
}
