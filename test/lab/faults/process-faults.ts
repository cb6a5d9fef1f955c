import type { RunOn } from "../clusters/cluster-recipe";

/** Which processes of a unit are meant. */
export interface Whom {
  /** Only the unit's main process, not what it started. */
  readonly onlyMain?: boolean;
}

export interface ProcessFaults {
  /** Kills a service outright, as SIGKILL does; its unit does not restart it unless `restarts`. */
  kill(host: string, service: string, options?: Whom & { readonly restarts?: boolean }): Promise<void>;
  /** Starts a killed service again and gives its unit back its own way of restarting. */
  revive(host: string, service: string): Promise<void>;
  /** Stops a service's processes in their tracks: connections are accepted by the kernel and never answered. */
  hang(host: string, service: string, options?: Whom): Promise<void>;
  resume(host: string, service: string, options?: Whom): Promise<void>;
  /** Ends sshd and every session of it. */
  stopSshd(host: string): Promise<void>;
  startSshd(host: string): Promise<void>;
  /** Uses up the host's memory until the kernel has killed the service for it; its unit may start it again. */
  exhaustMemory(host: string, service: string): Promise<void>;
}

const dropIn = (service: string): string => `/run/systemd/system/${unitOf(service)}.d/90-kept-dead.conf`;

export function processFaults(run: RunOn): ProcessFaults {
  return {
    kill: async (host, service, { onlyMain = false, restarts = false } = {}) => {
      const keepDead = `mkdir -p "$(dirname ${dropIn(service)})"
printf '[Service]\\nRestart=no\\n' > ${dropIn(service)}
systemctl daemon-reload`;
      const untilDead = `for i in $(seq 200); do kill -0 $pids 2>/dev/null || break; sleep 0.02; done`;
      await run(
        host,
        `${findProcesses(service, onlyMain)}
${restarts ? "" : `if [ "$unit" = yes ]; then\n${keepDead}\nfi`}
kill -KILL $pids
${untilDead}`,
      );
    },
    revive: async (host, service) => {
      await run(
        host,
        `rm -f ${dropIn(service)}
systemctl daemon-reload
systemctl reset-failed ${unitOf(service)}
systemctl start ${unitOf(service)}`,
      );
    },
    hang: async (host, service, { onlyMain = false } = {}) => {
      await run(host, `${findProcesses(service, onlyMain)}\nkill -STOP $pids`);
    },
    resume: async (host, service, { onlyMain = false } = {}) => {
      await run(host, `${findProcesses(service, onlyMain)}\nkill -CONT $pids`);
    },
    stopSshd: async (host) => {
      await run(host, "systemctl stop ssh; pkill -KILL -x sshd || true");
    },
    startSshd: async (host) => {
      await run(host, "systemctl start ssh");
    },
    exhaustMemory: async (host, service) => {
      // The kernel kills the service first, being told that it is the least wanted, and then what ate the memory.
      await run(
        host,
        `${findProcesses(service, false)}
for pid in $pids; do echo 1000 > /proc/$pid/oom_score_adj; done
systemd-run --quiet --wait --collect tail /dev/zero || true
for pid in $pids; do ! kill -0 $pid 2>/dev/null || { echo "process $pid of ${service} was not killed" >&2; exit 1; }; done`,
      );
    },
  };
}

function unitOf(service: string): string {
  return service.includes(".") ? service : `${service}.service`;
}

/**
 * Sets $pids to the service's processes and $unit to whether a systemd unit runs them; where none does, they are looked for
 * by the name of the process, for what supervisor, runit or nobody keeps alive.
 */
function findProcesses(service: string, onlyMain: boolean): string {
  const unit = unitOf(service);
  return `group=$(systemctl show -P ControlGroup ${unit})
if [ -n "$group" ]; then
  unit=yes
  ${onlyMain ? `pids=$(systemctl show -P MainPID ${unit} | grep -vx 0)` : 'pids=$(cat "/sys/fs/cgroup$group/cgroup.procs")'}
else
  unit=no
  pids=$(pgrep -x ${service})
fi
[ -n "$pids" ] || { echo "no process of ${service} runs" >&2; exit 1; }`;
}
