export interface Measured {
  readonly name: string;
  /** One a sweep. */
  readonly wallMs: readonly number[];
  /** Of this process; null where other processes do the work. */
  readonly cpuMs: readonly number[] | null;
}

/** Does the same thing several times, one after another, and takes the time and this process's own processor time of each. */
export async function measure(
  name: string,
  times: number,
  work: () => Promise<unknown>,
  ownCpu = true,
): Promise<Measured> {
  const wallMs: number[] = [];
  const cpuMs: number[] = [];
  for (let time = 0; time < times; time += 1) {
    const cpu = process.cpuUsage();
    const startedAt = performance.now();
    await work();
    wallMs.push(performance.now() - startedAt);
    const { user, system } = process.cpuUsage(cpu);
    cpuMs.push((user + system) / 1000);
  }
  return { name, wallMs, cpuMs: ownCpu ? cpuMs : null };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function rssMiB(): number {
  return process.memoryUsage.rss() / 2 ** 20;
}
