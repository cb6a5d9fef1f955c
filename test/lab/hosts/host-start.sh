#!/bin/bash
# Starts one host inside a lab's namespaces and stays as long as it lives.
#   host-start.sh DIRECTORY NAME ADDRESS/BITS
set -e
directory=$1 name=$2 address=$3
here=$(dirname "$(readlink -f "$0")")
room=$directory/room
network=$room/net/$name
own=$room/hosts/$name

# Network, layers and disks outlive the host's being switched off, as cables and disks do.
if [ ! -e "$own" ]; then
  mkdir "$own"
  mount -t tmpfs -o mode=755,size=512m "$name" "$own"
  mkdir "$own/upper" "$own/work" "$own/root" "$own/disks"
  disk=0
  while read -r _; do
    cp --sparse=always "$room/disk.img" "$room/$name-$disk.img"
    mkdir "$own/disks/$disk"
    mount -o loop,noatime "$room/$name-$disk.img" "$own/disks/$disk"
    disk=$((disk + 1))
  done < "$directory/hosts/$name/disks"

  touch "$network"
  unshare --net="$network" true
  ip link add "v-$name" type veth peer name eth0 netns "$network"
  # No default route: nothing can leave the lab.
  nsenter --net="$network" ip -batch - <<END
addr add $address dev eth0
link set eth0 up
link set lo up
END
  ip link set "v-$name" master switch
fi
ip link set "v-$name" up
exec nsenter --net="$network" unshare --mount --uts --ipc --pid --fork bash "$here/host-init.sh" "$directory" "$name"
