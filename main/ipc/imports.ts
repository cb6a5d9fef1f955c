import type { ImportedHost, ImportFormat, ImportOutcome, ImportPreview } from "../../contract/hosts";
import type { Cluster, Login } from "../../contract/inventory";
import { sentence } from "../../contract/sentence";
import { acceptHosts, compareHosts, type HostDifference } from "../import/compare-hosts";
import type { FoundHosts } from "../import/found";
import type { ReadFile } from "../import/read-hosts";
import type { Document } from "../store/durable-file";
import { RequestError } from "./answer";

export interface ImportDesk {
  /** Lets a person choose a file and gives what accepting it would change; null when none was chosen. */
  preview(format: ImportFormat | null): Promise<ImportPreview | null>;
  /** Applies what the preview of that id showed, and nothing else. Throws RequestError while a recovery is under way, or when the kept hosts are not what they were. */
  accept(importId: string): ImportOutcome;
}

export interface ImportParts {
  readonly hosts: Document<ImportedHost[]>;
  readonly clusters: () => readonly Cluster[];
  readonly choosePath: () => Promise<string | null>;
  readonly read: (path: string, format: ImportFormat | null) => Promise<ReadFile>;
  readonly newId: () => string;
  /** Throws RequestError while a recovery anywhere is owed an answer. */
  readonly refuseWhileRecovering: () => void;
  /** Hosts may be reached otherwise from now on. */
  readonly changed: () => void;
}

export function createImportDesk(parts: ImportParts): ImportDesk {
  let shown: { readonly preview: ImportPreview; readonly found: FoundHosts } | null = null;
  const clustersOf = (name: string): readonly string[] =>
    parts
      .clusters()
      .filter(({ nodes }) => nodes.some(({ login }) => login.host === name))
      .map((cluster) => cluster.name);
  const differenceOf = (now: readonly ImportedHost[], found: FoundHosts, path: string): HostDifference =>
    compareHosts(now, found, path, clustersOf);

  return {
    preview: async (asked) => {
      const path = await parts.choosePath();
      if (path === null) return null;
      const { format, found } = await parts.read(path, asked);
      const preview: ImportPreview = {
        importId: parts.newId(),
        path,
        format,
        ...differenceOf(parts.hosts.read(), found, path),
        unreadable: [...found.unreadable],
        notTaken: [...found.notTaken],
      };
      shown = { preview, found };
      return preview;
    },
    accept: (importId) => {
      if (shown?.preview.importId !== importId) throw new RequestError("not-found", sentence("request/import-gone"));
      const { preview, found } = shown;
      const { added, changed, gone, unchangedCount } = preview;
      parts.refuseWhileRecovering();
      parts.hosts.update((now) => {
        const difference = differenceOf(now, found, preview.path);
        if (JSON.stringify(difference) !== JSON.stringify({ added, changed, gone, unchangedCount }))
          throw new RequestError("refused", sentence("request/import-overtaken"));
        return acceptHosts(now, difference);
      });
      shown = null;
      parts.changed();
      const removed = gone.filter(({ kept }) => kept === null).length;
      return { added: added.length, changed: changed.length, removed };
    },
  };
}

/** An imported host's name stands for its login, as an alias of ssh_config does; what the login itself says wins. */
export function withImported(hosts: readonly ImportedHost[], login: Login): Login {
  const host = hosts.find(({ name }) => name === login.host);
  return host === undefined ? login : { ...host.login, ...login, host: host.login.host };
}
