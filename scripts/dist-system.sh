# A minimal Debian system in a folder, for scripts/dist-check.sh. It takes over this machine's settings of apt and pip.
# shellcheck shell=bash

say() { printf '==> %s\n' "$*" >&2; }
fail() { printf 'dist-check: %s\n' "$*" >&2; exit 1; }

root=()
[ "$(id -u)" = 0 ] || root=(sudo)

# Below `timeout` a command cannot read from the terminal, so sudo asks for a password before.
limited() { "${root[@]}" true && timeout --kill-after=10 "$@"; }

leader=''
supervisor=''

# Programs that the check needs besides those of scripts/setup.sh.
prerequisites() {
  local missing=() package
  for package in debootstrap lintian man-db systemd systemd-container; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return
  say "installing ${missing[*]}"
  "${root[@]}" apt-get update -q > /dev/null
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends "${missing[@]}" > /dev/null
}

# Prints what apt knows of this distribution's own archives, one line each.
archives() { apt-get indextargets --format "$1" 'Created-By: Packages' "Origin: $origin" | sort -u; }

# Makes a system with systemd, sudo and the user eve, as a usual installation has them.
new_system() {
  local origin codename mirror
  origin="$(. /etc/os-release && printf %s "${ID^}")"
  codename="$(. /etc/os-release && printf %s "$VERSION_CODENAME")"
  mirror="$(archives '$(RELEASE) $(REPO_URI)' | awk -v release="$codename" '$1 == release { print $2; exit }')"
  [ -n "$mirror" ] || fail "apt has no source of the release $codename"
  limited 900 "${root[@]}" debootstrap --variant=minbase "$codename" "$1" "$mirror" > "$work/debootstrap.log" ||
    fail "debootstrap failed: $(tail -n 1 "$work/debootstrap.log")"
  host_settings "$1"
  inside root 300 'apt-get update -q > /dev/null && apt-get install -yq --no-install-recommends curl dbus sudo systemd systemd-sysv > /dev/null 2>&1'
  inside root 20 'useradd --create-home --shell /bin/bash eve && echo "eve ALL=(ALL) NOPASSWD: ALL" > /etc/sudoers.d/eve'
}

host_settings() {
  archives 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' | "${root[@]}" tee "$1/etc/apt/sources.list" > /dev/null
  # Most machines set none of these.
  apt-config dump | sed -nE '/^Acquire::(https?|Check-[A-Za-z-]+|Retries)(::|[ "])/p' |
    "${root[@]}" tee "$1/etc/apt/apt.conf.d/99host" > /dev/null
  printf '127.0.0.1 localhost %s\n' "$(uname -n)" | "${root[@]}" tee "$1/etc/hosts" > /dev/null
  { echo '[global]'; python3 -m pip config list | sed -nE "/^[^=]*\.find-links=/d; s/^(global|:env:)\.([a-z-]+)='(.*)'$/\2 = \3/p" | sort -u -k 1,1; } |
    "${root[@]}" tee "$1/etc/pip.conf" > /dev/null
  if compgen -G '/usr/local/share/ca-certificates/*.crt' > /dev/null; then
    "${root[@]}" mkdir -p "$1/usr/local/share/ca-certificates"
    "${root[@]}" cp /usr/local/share/ca-certificates/*.crt "$1/usr/local/share/ca-certificates/"
  fi
}

# Runs commands in the system: user, seconds, commands.
inside() {
  local enter=(chroot "$tree") variables
  [ -z "$leader" ] || enter=(nsenter --target "$leader" --all)
  mapfile -t variables < <(env | grep -iE '^(https?|no)_proxy=' || true)
  limited "$2" "${root[@]}" "${enter[@]}" /usr/bin/env -i LANG=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    DEBIAN_FRONTEND=noninteractive "${variables[@]}" su -w "$(printf '%s,' "${variables[@]%%=*}")DEBIAN_FRONTEND,LANG" - "$1" -s /bin/bash -c "$3" ||
    fail "these commands failed for $1 in the system: $3"
}

# Prints the processes below a process, each before those below it.
descendants() {
  local child
  for child in $(pgrep -P "$1"); do
    printf '%s\n' "$child"
    descendants "$child"
  done
}

# Prints the first process of the system. Between it and the supervisor there are systemd-nspawn and, as it is
# configured, one or two processes of sudo.
find_leader() {
  local process
  for process in $(descendants "$supervisor"); do
    [ "$(cat "/proc/$process/comm" 2> /dev/null)" = systemd ] || continue
    printf '%s\n' "$process"
    return
  done
}

# Boots the system; further arguments are those of systemd-nspawn.
start_system() {
  "${root[@]}" true
  "${root[@]}" systemd-nspawn --quiet --directory "$1" "${@:2}" --register=no --keep-unit --boot --console=pipe \
    < /dev/null > "$work/boot.log" 2>&1 &
  supervisor=$!
  for _ in $(seq 60); do
    leader="$(find_leader)"
    [ -n "$leader" ] && limited 20 "${root[@]}" nsenter --target "$leader" --all systemctl is-system-running --quiet 2> /dev/null && return
    sleep 1
  done
  fail "the system does not boot in systemd-nspawn: $(tail -n 3 "$work/boot.log")"
}

# Stops the system, also one that did not boot.
stop_system() {
  local processes
  [ -n "$supervisor" ] || return 0
  if [ -n "$leader" ]; then
    limited 30 "${root[@]}" nsenter --target "$leader" --all systemctl poweroff 2> /dev/null || true
    ended 60 || true
  fi
  mapfile -t processes < <(descendants "$supervisor")
  if ! ended 0; then
    "${root[@]}" kill -KILL "${processes[@]}" "$supervisor" 2> /dev/null || true
    ended 20 || say "the process $supervisor, which holds the system, does not end"
  fi
  leader=''
  supervisor=''
}

# Tells whether the supervisor ends within some seconds.
ended() {
  local second
  for ((second = 0; second <= $1; second++)); do
    [ -d "/proc/$supervisor" ] || return 0
    [ "$second" = "$1" ] || sleep 1
  done
  return 1
}

# Removes a folder that holds a system. What debootstrap mounts there, such as devices of this machine, is unmounted
# before; it stays mounted if debootstrap is interrupted.
remove_system() {
  local mount mounts
  mapfile -t mounts < <(mounts_below "$1" | sort -r)
  for mount in "${mounts[@]}"; do
    limited 20 "${root[@]}" umount "$mount" || limited 20 "${root[@]}" umount --lazy "$mount" || true
  done
  [ -z "$(mounts_below "$1")" ] || fail "$1 is not removed, because file systems are mounted there"
  "${root[@]}" rm -rf --one-file-system "$1"
}

mounts_below() {
  local mount
  awk '{ print $5 }' /proc/self/mountinfo | while IFS= read -r mount; do
    printf -v mount %b "$mount"
    [[ "$mount" != "$1"/* ]] || printf '%s\n' "$mount"
  done
}
