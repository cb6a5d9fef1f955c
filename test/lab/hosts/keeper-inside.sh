#!/bin/bash
# The first process of a lab's own namespaces: lays out the switch that joins the hosts, and waits.
#   keeper-inside.sh DIRECTORY
set -e
directory=$1
room=$directory/room

mkdir -p "$room"
mount -t tmpfs -o mode=700 lab "$room"
mkdir "$room/net" "$room/hosts" "$room/lxcfs"
ip link set lo up
ip link add switch type bridge
ip link set switch up

# The template of a host's data disk; without reserved blocks "full" is the same for root and for the service.
truncate -s "$(cat "$directory/disk-size")" "$room/disk.img"
mkfs.ext4 -q -m 0 -E lazy_itable_init=1,lazy_journal_init=1 -J size=4 "$room/disk.img"

# Gives each host its own figures in /proc/meminfo, uptime, loadavg and stat; without it they are the machine's.
if command -v lxcfs >/dev/null; then
  lxcfs -l -f -p "$room/lxcfs.pid" "$room/lxcfs" >/dev/null 2>"$directory/lxcfs.log" </dev/null &
  for _ in $(seq 100); do [ -d "$room/lxcfs/proc" ] && break; sleep 0.01; done
fi

touch "$directory/ready"
# Bash takes in the orphans of these namespaces while it waits.
if read -r word && [ "$word" = stay ]; then
  sleep infinity </dev/null &
  wait $!
fi
