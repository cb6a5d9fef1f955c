#!/bin/bash
# The first process of one host: joins the host's control groups, lays out its file systems, becomes systemd.
#   host-init.sh DIRECTORY NAME
set -e
directory=$1 name=$2

if [ "$3" != laid-out ]; then
  # Joined here and not by the parent, which lies outside this process table and would show in the host's groups as pid 0.
  while read -r _ group; do echo 0 > "$group/$name/cgroup.procs"; done < "$directory/cgroups"
  exec unshare --cgroup bash "$0" "$directory" "$name" laid-out
fi

seed=$directory/hosts/$name
dropped=$(cat "$directory/dropped-capabilities")
own=$directory/room/hosts/$name
root=$own/root
base=$(readlink "$directory/base")
mount --make-rprivate /
hostname "$name"
mount -t overlay -o "lowerdir=$base,upperdir=$own/upper,workdir=$own/work" overlay "$root"

mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755,size=64m tmpfs "$root/run"
mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/tmp"
mount -t tmpfs -o mode=755,size=1m tmpfs "$root/dev"
mkdir "$root/dev/pts" "$root/dev/shm" "$root/run/lock"
for device in null:3 zero:5 full:7 random:8 urandom:9; do
  mknod -m 666 "$root/dev/${device%:*}" c 1 "${device#*:}"
done
mknod -m 666 "$root/dev/tty" c 5 0
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for stream in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${stream%:*}" "$root/dev/${stream#*:}"; done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777,size=256m tmpfs "$root/dev/shm"

# The host's own figures instead of the machine's, where lxcfs is there to give them.
if [ -d "$directory/room/lxcfs/proc" ]; then
  for file in meminfo stat uptime loadavg cpuinfo swaps; do
    mount --bind "$directory/room/lxcfs/proc/$file" "$root/proc/$file"
  done
fi
# Kernel settings belong to the machine.
for path in sys sysrq-trigger; do
  [ -e "$root/proc/$path" ] || continue
  mount --bind "$root/proc/$path" "$root/proc/$path"
  mount -o remount,bind,ro "$root/proc/$path"
done
[ ! -e "$root/proc/kcore" ] || mount --bind "$root/dev/null" "$root/proc/kcore"
[ ! -e "$root/proc/kmsg" ] || mount --bind "$root/dev/null" "$root/proc/kmsg"

disk=0
while read -r mountpoint; do
  data=$own/disks/$disk
  if [ ! -e "$own/prepared" ]; then
    cp -a "$root$mountpoint/." "$data/"
    chown --reference="$root$mountpoint" "$data"
    chmod --reference="$root$mountpoint" "$data"
  fi
  mount --bind "$data" "$root$mountpoint"
  disk=$((disk + 1))
done < "$seed/disks"

if [ ! -e "$own/prepared" ]; then
  rm -f "$root/etc/resolv.conf"
  : > "$root/etc/resolv.conf"
  tar -C "$seed/files" -cf - . | tar -C "$root" --no-same-owner --no-overwrite-dir -xf -
  chroot "$root" /bin/sh -eu < "$seed/prepare.sh"
  touch "$own/prepared"
fi

mkdir -p "$root/.outside"
cd "$root"
pivot_root . .outside
umount -l /.outside
# What would reach the machine is dropped: its clock, modules, devices, kernel log. Nothing in the host can win it back.
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=lab \
  setpriv --bounding-set="$dropped" /lib/systemd/systemd --show-status=0 </dev/null
