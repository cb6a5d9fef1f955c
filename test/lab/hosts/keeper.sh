#!/bin/bash
# Holds one lab: a process table, network and mounts of its own, which the kernel takes away with every host in them when
# their first process ends, however it ends. Then removes what the kernel does not: control groups and the lab's directory.
#   keeper.sh DIRECTORY
# The lab ends when stdin closes, as it does when the starter dies, unless a line `stay` was read from it before.
directory=$1
here=$(dirname "$(readlink -f "$0")")

unshare --mount --net --pid --fork --kill-child --mount-proc bash "$here/keeper-inside.sh" "$directory"

# Processes of namespaces that just ended leave their control groups a moment later.
for _ in $(seq 100); do
  left=no
  while read -r _ group; do
    [ -d "$group" ] || continue
    find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null
    [ -d "$group" ] && left=yes
  done < "$directory/cgroups"
  [ $left = no ] && break
  sleep 0.05
done
rm -rf "$directory"
