import { sentence } from "../../../contract/sentence";
import { NotThere, ParseError, type Probe } from "../../probe/probe";
import { quote } from "../../ssh/quote";
import { controlOfServer, type RedisServerSite } from "./settings";

/** Whether a process serves the port, by the host's own word, whatever the server answers. */
export type Liveness =
  { readonly kind: "not-running" } | { readonly kind: "running"; readonly pid: number; readonly isStopped: boolean };

/**
 * Builtins only. The process named by the pid file is looked at first, so that all others are only where something is wrong. A server
 * writes its address into its title (`/usr/bin/redis-server 0.0.0.0:6379 [cluster]`); its saving children keep its name and have a title of
 * their own. A zombie has no title and serves nobody. A process of the pid file or of the unit that serves another port is the member itself,
 * asked at the wrong one.
 */
function livenessScript(site: RedisServerSite): string {
  const { pidFile, port } = site.settings;
  const control = controlOfServer(site);
  const unit = control?.kind === "systemd" ? quote([control.unit]) : null;
  const isOfUnit =
    unit === null
      ? ":"
      : `while read -r group; do case $group in */${unit}|*/${unit}/*) elsewhere=1 ;; esac; done <"$d/cgroup"`;
  return `f=${quote([pidFile])} found= unclear= elsewhere= p=
[ -n "$f" ] && [ -r "$f" ] && read -r p <"$f"
for d in "/proc/\${p:-none}" /proc/[0-9]*; do
 name=; [ -r "$d/comm" ] && read -r name <"$d/comm"
 case $name in redis-server|redis-sentinel|valkey-server|valkey-sentinel) ;; *) continue ;; esac
 line=; read -r line <"$d/stat"; case \${line##*) } in ''|[ZX]*) continue ;; esac
 title=; read -r title <"$d/cmdline"
 case $title in *redis-rdb-*|*redis-aof-*|*redis-module-*|*valkey-rdb-*|*valkey-aof-*|*valkey-module-*) ;;
 *:${port}|*:${port}" "*) found=$line; break ;;
 *:[0-9]*) [ "$d" = "/proc/$p" ] && elsewhere=1
  ${isOfUnit} ;;
 *) unclear=1 ;; esac
done 2>/dev/null
if [ -n "$found" ]; then echo "running $found"
elif [ ! -r /proc/1/comm ]; then echo closed
elif [ -n "$elsewhere" ]; then echo elsewhere
elif [ -n "$unclear" ]; then echo unclear
else echo absent; fi`;
}

/**
 * ```
 * running 57 (redis-server) S 1 57 57 0 -1 4194304 …
 * ```
 * or one of `absent`, `elsewhere` (it runs and serves another port), `unclear` (a process without an address in its title) and `closed` (the
 * login sees only its own processes).
 */
export function parseLiveness(text: string): Liveness {
  const line = text.trim();
  if (line === "absent") return { kind: "not-running" };
  if (line === "elsewhere") throw new NotThere(sentence("probe/process-serves-other-port"));
  if (line === "unclear") throw new NotThere(sentence("probe/processes-unclear"));
  if (line === "closed") throw new NotThere(sentence("probe/processes-closed"));
  const found = /^running (\d+) \(.*\) (\w) /.exec(line);
  if (found === null) throw new ParseError("whether the server runs", line);
  // T: stopped by a signal; it holds its port and answers nobody.
  return { kind: "running", pid: Number(found[1]), isStopped: found[2] === "T" || found[2] === "t" };
}

export function livenessProbe(site: RedisServerSite): Probe<Liveness> {
  return { ask: { kind: "read", script: livenessScript(site) }, parse: parseLiveness };
}
