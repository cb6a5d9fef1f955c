#!/bin/sh
# Ends every process of a cluster and removes its files when the pipe on stdin closes.
# stop() closes it; so does the kernel when the starter was killed.
#   supervisor.sh DIRECTORY
directory=$1
cat >/dev/null

# Processes that name the directory as `-f`, `-D` or the first word after node-init.sh, and all that they started:
# sshd and postgres rename their children, which therefore cannot be known by name.
belonging() {
  ps -A -o pid= -o ppid= -o args= | awk -v directory="$directory/" -v own="$$" '
    { pid = $1; parent[pid] = $2; line = $0
      if (pid != own && (index(line, " -f " directory) || index(line, " -D " directory) || index(line, "node-init.sh " directory)))
        chosen[pid] = 1 }
    END {
      do { grown = 0
        for (pid in parent) if (!(pid in chosen) && (parent[pid] in chosen)) { chosen[pid] = 1; grown = 1 }
      } while (grown)
      for (pid in chosen) print pid
    }'
}

round=0
while [ $round -lt 100 ]; do
  pids=$(belonging)
  [ -z "$pids" ] && break
  kill -KILL $pids 2>/dev/null
  round=$((round + 1))
  [ $round -gt 1 ] && sleep 0.05
done

# A killed postmaster leaves its small System V segment (line 7 of postmaster.pid: key and id) unless it had an
# IPC namespace of its own, which went with the node.
if [ ! -e "$directory/own-ipc" ]; then
  for file in "$directory"/*/data/postmaster.pid; do
    [ -e "$file" ] || continue
    segment=$(sed -n 7p "$file" | awk '{ print $2 }')
    [ -n "$segment" ] && ipcrm -m "$segment" 2>/dev/null
  done
fi

round=0
while [ -e "$directory" ] && [ $round -lt 40 ]; do
  rm -rf "$directory" 2>/dev/null || sleep 0.05
  round=$((round + 1))
done
