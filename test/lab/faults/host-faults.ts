import type { RunOn } from "../clusters/cluster-recipe";
import { setCpuShare, setFrozen } from "../hosts/cgroups";
import { firstProcess, switchOff, switchOn, untilAccepts } from "../hosts/host";
import type { HostRecord, LabRecord } from "../hosts/labs";

export interface HostFaults {
  /** Cuts the host's power: nothing of it runs or answers. What it had written stays. */
  switchOff(host: string): Promise<void>;
  /** Boots it again and returns when its sshd answers. */
  switchOn(host: string): Promise<void>;
  /** Stops every process of the host: its kernel still answers pings and accepts connections, nothing else happens. */
  freeze(host: string): void;
  thaw(host: string): void;
  /** Lets the host use only that much of one processor, in percent. */
  slowCpu(host: string, percent: number): void;
  fullCpu(host: string): void;
  /** Fills a data disk to the last byte; the first disk unless another is named by where it is mounted. */
  fillDisk(host: string, mountedOn?: string): Promise<void>;
  /** Takes what became free on a filled disk since. */
  keepDiskFull(host: string, mountedOn?: string): Promise<void>;
  freeDisk(host: string, mountedOn?: string): Promise<void>;
}

const filler = ".lab-fills-the-disk";

export function hostFaults(lab: LabRecord, hostOf: (name: string) => HostRecord, run: RunOn): HostFaults {
  const diskOf = (name: string, mountedOn?: string): string => {
    const { disks } = hostOf(name);
    const disk = mountedOn ?? disks[0];
    if (disk !== undefined && disks.includes(disk)) return disk;
    throw new Error(
      `${name} has no disk of its own on ${mountedOn ?? "anything"}; it has ${disks.join(", ") || "none"}`,
    );
  };
  return {
    switchOff: (name) => switchOff(lab, hostOf(name)),
    switchOn: async (name) => {
      const host = hostOf(name);
      if (firstProcess(lab, host) !== null) throw new Error(`${name} is on already`);
      await switchOn(lab, host);
      await untilAccepts(host.address, 22, 120_000);
    },
    freeze: (name) => setFrozen(lab.cgroups, hostOf(name).name, true),
    thaw: (name) => setFrozen(lab.cgroups, hostOf(name).name, false),
    slowCpu: (name, percent) => setCpuShare(lab.cgroups, hostOf(name).name, percent),
    fullCpu: (name) => setCpuShare(lab.cgroups, hostOf(name).name, null),
    fillDisk: async (name, mountedOn) => {
      const disk = diskOf(name, mountedOn);
      await run(
        name,
        `cd ${disk}
fallocate -l "$(($(df -Pk . | awk 'END { print $4 }') - 64))k" ${filler}
dd if=/dev/zero bs=1k status=none >> ${filler} 2>/dev/null || true
left=$(df -Pk . | awk 'END { print $4 }')
[ "$left" -lt 8 ] || { echo "$left KiB are still free on ${disk}" >&2; exit 1; }`,
      );
    },
    keepDiskFull: async (name, mountedOn) =>
      void (await run(
        name,
        `dd if=/dev/zero bs=1k status=none >> ${diskOf(name, mountedOn)}/${filler} 2>/dev/null || true`,
      )),
    freeDisk: async (name, mountedOn) => void (await run(name, `rm ${diskOf(name, mountedOn)}/${filler}`)),
  };
}
