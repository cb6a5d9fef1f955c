import { ticketFunction } from "./sudo";

/**
 * What runs a changing command on the node, once. It is constant: values reach it as files and arguments, never as text of its
 * own. POSIX sh with /proc, and setsid, flock, mkfifo, dd, wc, sync of any Linux (util-linux and coreutils, or busybox).
 *
 * One directory a command, `<base>/<id>`; what a reader finds there is the state:
 * ```
 * (nothing)             none: nobody ever began it here
 * effect, spec          claimed: mkdir succeeds once, so whoever comes second only reads
 * refused               nothing was run and nothing will be: the reason
 * go/, started          the keeper: pid, start time, boot; started before the command, never after
 * session               the command's own session: pid, start time, boot
 * out, dropped          what it said, up to the cap, and how many bytes beyond it
 * rc                    exit code, `-` or `late` or `cancelled`: made whole under another name, then renamed
 * ```
 * `session`, `rc` and `refused` are written over bytes that were reserved at the claim, so that a disk that fills later cannot keep them
 * out. The pipe is opened last of a process's descriptors: that may wait, and must not keep the node's lock meanwhile.
 * One line a statement, so that a test can cut it before each of them.
 */
export const durableScript = `# Evenkeel: runs one command once. Every state is a file in this directory.
ek_line() {
  line=
  IFS= read -r line 2>/dev/null <"$1"
}
ek_born() {
  born=
  ek_line "/proc/$1/stat" || return 1
  set -- \${line##*") "}
  [ "$1" != Z ] || return 1
  shift 19
  born=$1
}
ek_members() {
  members=
  all=
  for stat in /proc/[0-9]*/stat; do
    ek_line "$stat" || continue
    pid=\${line%% *}
    set -- "$1" \${line##*") "}
    [ "$2" = Z ] || all="$all $pid:$3:$5"
  done
  found=yes
  while [ -n "$found" ]; do
    found=
    for one in $all; do
      pid=\${one%%:*}
      one=\${one#*:}
      case " $members " in *" $pid "*) continue ;; esac
      case " $members $1:" in *" \${one%%:*} "* | *" \${one#*:}:") members="$members $pid" found=yes ;; esac
    done
  done
}
ek_lives() {
  members=
  ek_line "$1/session" || return 1
  set -- $line
  [ "$3" = "$boot" ] || return 1
  leader=$1
  if ek_born "$1"; then
    [ "$born" = "$2" ] || return 1
  fi
  ek_members "$leader"
  [ -n "$members" ]
}
ek_end() {
  for signal in TERM KILL; do
    ek_members "$1"
    [ -n "$members" ] || return 0
    kill -s "$signal" $members 2>/dev/null
    tries=0
    while [ "$tries" -lt 25 ]; do
      sleep 0.2 2>/dev/null || sleep 1
      ek_members "$1"
      [ -n "$members" ] || return 0
      tries=$((tries + 1))
    done
  done
  return 1
}
ek_refuse() {
  printf '%-200s\\n' "$*" 2>/dev/null 1<>refused.tmp && mv refused.tmp refused
  exit 99
}
ek_sync() {
  sync "$@" 2>/dev/null || sync
}
${ticketFunction}
ek_effect() {
  dir=$PWD
  ek_born "$$"
  printf '%-80s\\n' "$$ $born $boot" 2>/dev/null 1<>session.tmp || ek_refuse no-room
  mv session.tmp session || ek_refuse no-room
  if [ -s listing ]; then
    eval "ek_ticket $1 $(cat listing)" || ek_refuse "sudo $(printf %s "$said" | tr '\\n' ' ')"
  fi
  exec 3<&- 4>&-
  cd /
  . "$dir/effect"
  exit "$?"
}
ek_keep() {
  mkdir go 2>/dev/null || exit 99
  (: >>../lock) 2>/dev/null || ek_refuse no-room
  exec 9>>../lock
  flock -n 9 9>&9 || ek_refuse "busy $(cat ../holder 2>/dev/null)"
  if ek_line ../holder; then
    holder=$line
    if [ ! -e "../$holder/rc" ] && ek_lives "../$holder"; then
      ek_refuse "busy $holder"
    fi
  fi
  printf '%s\\n' "\${PWD##*/}" 2>/dev/null >holder || ek_refuse no-room
  mv holder ../holder || ek_refuse no-room
  ek_born "$$"
  printf '%-80s\\n' "$$ $born $boot" 2>/dev/null >started.tmp || ek_refuse no-room
  mkfifo pipe 2>/dev/null || ek_refuse no-room
  ek_sync started.tmp
  mv started.tmp started || ek_refuse no-room
  ek_sync started . ..
  {
    dd bs=1 count="$2" of=out 2>/dev/null
    wc -c >dropped.tmp
    mv dropped.tmp dropped
  } 3<&- 4>&- 9>&- <pipe &
  {
    left=$1
    while [ "$left" -gt 0 ]; do
      sleep 1
      left=$((left - 1))
    done
    : >late
    ek_lives . && ek_born "$leader" && ek_end "$leader"
  } </dev/null 3<&- 4>&- 9>&- &
  watch=$!
  setsid /bin/sh "$PWD/runner" effect "$3" >pipe 2>&1 3<&3 4>&4 9>&-
  code=$?
  kill "$watch" 2>/dev/null
  [ ! -e refused ] || exit 99
  [ -e session ] || ek_refuse "base its shell ended before it began"
  if [ -e late ] || [ -e cancelled ]; then
    ek_line session
    leader=\${line%% *}
    until ek_end "$leader"; do :; done
  fi
  tries=0
  while [ ! -e dropped ] && [ "$tries" -lt 20 ]; do
    sleep 0.05 2>/dev/null || sleep 1
    tries=$((tries + 1))
  done
  how=-
  [ ! -e late ] || how=late
  [ ! -e cancelled ] || how=cancelled
  printf '%-20s\\n' "$code $how" 1<>rc.tmp
  ek_sync rc.tmp
  mv rc.tmp rc
  ek_sync . ..
}
ek_claim() {
  umask 077
  for tool in setsid flock mkfifo dd wc sync; do
    command -v "$tool" >/dev/null || { echo "refused missing $tool"; return; }
  done
  said=$(mkdir -p "$1" 2>&1) || { printf "refused base %s\\n" "$said"; return; }
  if ! said=$(mkdir "$1/$2" 2>&1); then
    [ -d "$1/$2" ] || { printf "refused base %s\\n" "$said"; return; }
    ek_report "$1" "$2"
    return
  fi
  cd "$1/$2" || return
  {
    printf '%s\\n' "$ek_script" >runner
    printf '%s\\n' "$ek_effect" >effect && printf %s "$ek_listing" >listing
    printf '%-20s\\n' pending >rc.tmp && printf '%-80s\\n' pending >session.tmp
    printf '%-200s\\n' pending >refused.tmp && printf '%s\\n' "$ek_spec" >spec
  } 2>/dev/null
  if [ "$(cat runner)" != "$ek_script" ] || [ "$(cat effect)" != "$ek_effect" ] || [ ! -s rc.tmp ] || [ ! -s session.tmp ] || [ ! -s spec ]; then
    echo "refused no-room"
    (ek_refuse no-room)
    return
  fi
  ek_sync runner effect listing spec rc.tmp session.tmp refused.tmp . ..
  exec 3<&0 4>&2
  printf %s "$ek_stdin" 3<&- 4>&- | setsid /bin/sh "$PWD/runner" keep "$3" "$4" "$5" 3<&3 4>&4 >/dev/null 2>&1
  if [ "$?" = 99 ] && [ ! -e refused ]; then
    echo "refused no-room"
    return
  fi
  ek_report "$1" "$2"
}
ek_report() {
  cd "$1/$2" 2>/dev/null || { echo none; return; }
  if [ ! -e rc ] && [ ! -e refused ] && [ -e started ]; then
    ek_line started
    set -- $line
    if [ "$3" = "$boot" ] && ek_born "$1" && [ "$born" = "$2" ]; then
      echo alive kept
      return
    fi
    if [ ! -e rc ] && ek_lives .; then
      echo alive alone
      return
    fi
    if [ ! -e rc ] && [ ! -e refused ]; then
      [ "$3" = "$boot" ] && echo dead || echo dead rebooted
      cat out 2>/dev/null
      return
    fi
  fi
  if [ -e refused ]; then
    ek_line refused
    echo "refused $line"
  elif [ -e rc ]; then
    ek_line rc
    set -- $line
    ek_line dropped || line=held
    echo "done $1 $2" $line
    cat out 2>/dev/null
  else
    echo claimed
  fi
}
ek_withdraw() {
  umask 077
  mkdir -p "$1" 2>/dev/null
  mkdir "$1/$2" 2>/dev/null
  if mkdir "$1/$2/go" 2>/dev/null; then
    cd "$1/$2" && (ek_refuse withdrawn)
  fi
  ek_report "$1" "$2"
}
ek_cancel() {
  if cd "$1/$2" 2>/dev/null && [ ! -e rc ] && ek_lives . && ek_born "$leader"; then
    : >cancelled
    ek_end "$leader"
    tries=0
    while [ ! -e rc ] && [ "$tries" -lt 30 ]; do
      sleep 0.1 2>/dev/null || sleep 1
      tries=$((tries + 1))
    done
  fi
  ek_report "$1" "$2"
}
ek_line /proc/sys/kernel/random/boot_id
boot=$line
case $0 in */runner) cd "\${0%/*}" && "ek_$@" ;; esac`;
