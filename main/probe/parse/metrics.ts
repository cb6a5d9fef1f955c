import { ParseError } from "../probe";

/** The samples of a Prometheus text, by name. */
export interface Metrics {
  /** The sum over all label sets of a name; null where the service tells no such thing. */
  sum(name: string): number | null;
  /** The values of a name by one of its labels; empty where the service tells no such thing. */
  by(name: string, label: string): ReadonlyMap<string, number>;
  /** Cumulative counts by upper bound, in rising order, ending with +Inf; empty where there is no such histogram. */
  histogram(name: string): readonly Bucket[];
}

export interface Bucket {
  readonly upTo: number;
  readonly count: number;
}

interface Sample {
  readonly labels: string;
  readonly value: number;
}

const sampleLine = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (NaN|[+-]?Inf|[+-]?[\d.]+(?:[eE][+-]?\d+)?)(?: \d+)?$/;

/**
 * ```
 * # TYPE etcd_server_has_leader gauge
 * etcd_server_has_leader 1
 * etcd_disk_wal_fsync_duration_seconds_bucket{le="0.001"} 60
 * etcd_server_quota_backend_bytes 2.147483648e+09
 * ```
 */
export function parseMetrics(what: string, text: string): Metrics {
  const samples = new Map<string, Sample[]>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, name, labels = "", value = ""] = sampleLine.exec(line) ?? [];
    if (name === undefined) throw new ParseError(what, line);
    const known = samples.get(name) ?? [];
    known.push({ labels, value: Number(value.replace("Inf", "Infinity")) });
    samples.set(name, known);
  }
  return {
    sum: (name) => samples.get(name)?.reduce((total, { value }) => total + value, 0) ?? null,
    by: (name, label) => new Map((samples.get(name) ?? []).map(({ labels, value }) => [labelIn(labels, label), value])),
    histogram: (name) =>
      (samples.get(`${name}_bucket`) ?? [])
        .map(({ labels, value }) => ({ upTo: boundOf(labels), count: value }))
        .sort((one, other) => one.upTo - other.upTo),
  };
}

function boundOf(labels: string): number {
  return Number(labelIn(labels, "le").replace("Inf", "Infinity"));
}

function labelIn(labels: string, label: string): string {
  return new RegExp(`(?:^|,)${label}="([^"]*)"`).exec(labels)?.[1] ?? "";
}

/**
 * The upper bound under which the given share of what happened between two readings of a histogram lies; null where nothing happened
 * or the service was started anew in between.
 */
export function quantileBetween(before: readonly Bucket[], now: readonly Bucket[], share: number): number | null {
  const grown = now.map(({ upTo, count }, at) => ({ upTo, count: count - (before[at]?.count ?? Number.NaN) }));
  const total = grown.at(-1)?.count ?? 0;
  if (before.length !== now.length || !(total > 0) || grown.some(({ count }) => count < 0)) return null;
  return grown.find(({ count }) => count >= total * share)?.upTo ?? null;
}
