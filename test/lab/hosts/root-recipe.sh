#!/bin/sh
# Turns a fresh Debian root file system into the one that all hosts of a lab share. Run by mmdebstrap's customize hook.
#   root-recipe.sh ROOT
set -eu
root=$1

# Nothing starts but what a cluster's recipe enables: no engine of the packages, no SysV script, no device or login manager.
rm -f "$root"/etc/systemd/system/multi-user.target.wants/* "$root"/etc/rc?.d/S*
rm -f "$root"/etc/systemd/system/*.timer.wants/* "$root"/etc/systemd/system/timers.target.wants/*
for unit in \
  getty.target console-getty.service getty-static.service \
  systemd-logind.service dbus-org.freedesktop.login1.service \
  systemd-udevd.service systemd-udev-trigger.service systemd-timesyncd.service systemd-remount-fs.service \
  systemd-random-seed.service systemd-modules-load.service systemd-sysctl.service systemd-binfmt.service \
  systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-firstboot.service \
  dev-hugepages.mount dev-mqueue.mount sys-fs-fuse-connections.mount \
  sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount; do
  ln -sf /dev/null "$root/etc/systemd/system/$unit"
done
# Without logind every login would wait for it and log that it is not there.
sed -i '/pam_systemd/d' "$root/etc/pam.d/common-session"

ln -sf /lib/systemd/system/ssh.service "$root/etc/systemd/system/multi-user.target.wants/ssh.service"
rm -f "$root"/etc/ssh/ssh_host_* "$root/etc/machine-id"
cat > "$root/etc/ssh/sshd_config.d/lab.conf" <<END
PasswordAuthentication no
UseDNS no
HostKey /etc/ssh/ssh_host_ed25519_key
END

chroot "$root" useradd --create-home --shell /bin/bash admin
echo 'admin ALL=(ALL:ALL) NOPASSWD: ALL' > "$root/etc/sudoers.d/admin"
chmod 440 "$root/etc/sudoers.d/admin"
install -d -m 700 "$root/root/.ssh" "$root/home/admin/.ssh"
chroot "$root" chown admin: /home/admin/.ssh

# Where ZooKeeper's package links to; a host writes its own id there.
rm -f "$root/var/lib/zookeeper/myid" "$root"/etc/zookeeper/conf*/myid
rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/usr/share/doc "$root"/usr/share/man "$root"/usr/share/locale
# Drawing libraries that the Java packages depend on and no server uses.
rm -rf "$root"/usr/share/icons "$root"/usr/lib/*/dri "$root"/usr/lib/*/libLLVM*
