#!/bin/sh
# First process of one node's namespaces. Everything of the node ends with it, by the kernel's doing,
# and it ends when the pipe on its stdin closes: at stop(), and also when the starter was killed.
#   node-init.sh DIRECTORY HOSTNAME PASSWD|- GROUP|-
set -e
[ $$ = 1 ] || { echo "node-init.sh must be the first process of a PID namespace" >&2; exit 1; }
trap 'exit 0' TERM
hostname "$2"
# The accounts are added in this mount namespace only; the machine's own files stay as they are. A copy of all of /etc, in memory:
# a mount over one file would be gone as soon as the machine replaces that file, as it does for each account it gets.
if [ "$3" != - ]; then
  mount -t tmpfs -o mode=755 node-etc "$1$2"
  cp -a /etc/. "$1$2"
  ln -sf "$3" "$1$2/passwd"
  ln -sf "$4" "$1$2/group"
  mount --move "$1$2" /etc
fi
echo ready
# A background reader, so that this shell sits in `wait` and reaps the orphans that the kernel hands to process 1.
# A shell without job control gives a background command /dev/null as stdin, hence the copy on 3.
exec 3<&0
(cat <&3 >/dev/null; kill -TERM 1) &
while :; do
  sleep 3600 &
  wait || true
done
