#!/usr/bin/env bash
# Tries the release as its users do. Needs root (or sudo) and some gigabytes in the folder for temporary files.
#
#   scripts/dist-check.sh          builds the release, then runs all parts below
#   scripts/dist-check.sh PART...  only these parts, on the release in target/dist
#
#   same     a second build, with the crates of the workspace compiled again, has the same bytes
#   lint     lintian, the systemd unit, the man pages
#   package  docs/install.md on a minimal Debian system: the package, captions, the service, removal; then the tarball
#   cargo    `cargo install` into a folder of its own
#
# The blocks of commands in docs/install.md run as they are written. A test compares the blocks of each section with those
# that are named here.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/dist-system.sh

dist="$PWD/target/dist"
manual="$PWD/docs/install.md"
video="${ATOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/atom}/demo/bikes.mp4"
work="$(realpath "$(mktemp -d)")"
tree="$work/tree"
trap 'stop_system || true; remove_system "$work"' EXIT

# Prints blocks of commands below a heading of docs/install.md: all of them, or those of the given numbers. The output
# goes into a variable: if there is no such block, the assignment ends the script.
commands() {
  local found
  found="$(awk -v heading="## $1" -v wanted=" ${*:2} " '
    /^## / { on = $0 == heading; block = 0 }
    on && /^ *```sh$/ { code = 1; block++; next }
    /^ *```$/ { code = 0 }
    code && (wanted == "  " || index(wanted, " " block " ")) { sub(/^  /, ""); print }' "$manual")"
  [ -n "$found" ] || fail "docs/install.md has no block of commands $*"
  printf 'set -eu\n%s\n' "$found"
}

captions() { [ "$(grep -c -- '-->' "$1")" -ge 4 ] || fail "$1 holds fewer than 4 captions"; }

same() {
  say "same: a second build"
  # Else cargo would take the program of the first build.
  limited 60 cargo clean --quiet --release --locked --workspace
  ( cd "$dist" && sha256sum atom-* atom_* ) > "$work/sums"
  limited 1800 scripts/dist.sh 2> "$work/dist.log" || fail "the second build failed: $(tail -n 3 "$work/dist.log")"
  ( cd "$dist" && sha256sum --check --quiet "$work/sums" ) || fail "a second build has other bytes"
}

lint() {
  say "lint: lintian"
  limited 600 lintian --fail-on error --tag-display-limit 0 --show-overrides "$dist/atom.deb" || fail "lintian found errors"
  mkdir -p "$work/unpacked"
  dpkg-deb -x "$dist/atom.deb" "$work/unpacked"
  for page in "$work"/unpacked/usr/share/man/man1/*; do
    [ -z "$(man --warnings -l "$page" 2>&1 > /dev/null)" ] || fail "man complains about $page"
  done
  [ -e "$work/unpacked/usr/share/man/man1/atom.1.gz" ] || fail "there is no man page atom.1"
}

# What `apt remove` may leave: data, what the package manager and the journal remember, and the home of the user.
remembered='^(dev|proc|run|sys|tmp/systemd|home/eve|srv|var/log|var/cache/(apt|debconf|ldconfig)|var/lib/(apt|dpkg|systemd|sudo)|etc/[a-z]*-$)'

files() { "${root[@]}" find "$tree" -xdev -not -type d -printf '%P\n' | grep -vE "$remembered" | LC_ALL=C sort; }

# Fails if there are files that were not there before, except those of a pattern.
nothing_new() {
  local new
  new="$(comm -13 "$work/before" <(files) | grep -vE "$2" || true)"
  [ -z "$new" ] || fail "$1 leaves: $new"
}

package() {
  local block
  say "package: a minimal system"
  new_system "$tree"
  "${root[@]}" cp "$dist/atom.deb" "$video" "$tree/home/eve/"
  "${root[@]}" mv "$tree/home/eve/bikes.mp4" "$tree/home/eve/holiday.mp4"
  start_system "$tree"
  # The list of files is taken with the dependencies installed, which `apt remove` keeps.
  inside root 600 'apt-get install -yq /home/eve/atom.deb > /dev/null 2>&1 && apt-get purge -yq atom > /dev/null'
  files > "$work/before"
  say "package: docs/install.md, Debian package"
  block="$(commands 'Debian package')"
  inside eve 900 "$block"
  captions "$tree/home/eve/holiday.vtt"
  inside eve 10 '. /usr/share/bash-completion/completions/atom && complete -p atom > /dev/null &&
    COMP_WORDS=(atom capt) COMP_CWORD=1 && _atom atom capt atom && [ "${COMPREPLY[*]}" = caption ]'
  unit
  block="$(commands Service 1)"
  inside eve 900 "$block"
  stop_system
  service
  say "package: docs/install.md, removal"
  block="$(commands Removal 1)"
  inside eve 120 "$block"
  nothing_new 'apt remove' '^(var/lib/atom|var/cache/atom|etc/atom)/|^etc/systemd/system/(multi-user.target.wants/)?atom.service$'
  [ -d "$tree/var/cache/atom/packs/mini" ] || fail "apt remove removed data"
  block="$(commands Removal 2)"
  inside eve 120 "$block"
  nothing_new 'apt purge' '^$'
  stop_system
  start_system "$tree"
  tarball
}

unit() {
  say "package: the systemd unit"
  "${root[@]}" systemd-analyze verify --man=no --root="$tree" atom.service || fail "systemd-analyze verify found mistakes"
  "${root[@]}" systemd-analyze security --offline=yes --root="$tree" --threshold=25 atom.service | tail -n 1
}

# The camera of the service is the demo video, played live; there is no network but the loopback device.
service() {
  local block
  say "package: docs/install.md, service"
  "${root[@]}" install -D -m 644 "$video" "$tree/srv/door.mp4"
  "${root[@]}" sed -i 's|^\[source.camera\]$|&\nuri = "/srv/door.mp4"\nlive = true|' "$tree/etc/atom/pipeline.toml"
  start_system "$tree" --private-network
  block="$(commands Service 2)"
  inside eve 30 "$block"
  inside root 150 'for _ in $(seq 120); do grep -qs "\"kind\":\"caption\"" /var/lib/atom/live.jsonl && exit; sleep 1; done
    journalctl --no-pager -u atom -n 20; exit 1'
  # A file that was rotated: a reload opens a new one.
  inside root 10 'mv /var/lib/atom/live.jsonl /var/lib/atom/old.jsonl'
  block="$(commands Service 3 4)"
  inside eve 60 "$block" > "$work/service.txt"
  grep -q '"status":"ok"' "$work/service.txt" || fail "the service is not healthy: $(cat "$work/service.txt")"
  inside root 60 'until [ -s /var/lib/atom/live.jsonl ]; do sleep 1; done'
  inside root 10 '[ "$(stat -c %U:%a /var/lib/atom/live.jsonl)" = atom:640 ]'
}

# The packages that the tarball needs are still there.
tarball() {
  local block
  say "package: docs/install.md, tarball"
  "${root[@]}" cp "$dist"/atom-*-linux.tar.gz "$tree/home/eve/"
  block="$(commands Tarball)"
  inside eve 600 "rm -rf .cache holiday.vtt; $block"
  captions "$tree/home/eve/holiday.vtt"
  inside eve 20 '~/.local/bin/atom models install mini 2> /dev/null'
}

cargo_install() {
  local block
  say "cargo: docs/install.md, cargo install"
  mkdir -p "$work/cargo"
  # The clone is where the page says that it is: here.
  block="$(commands 'cargo install' 1 | grep -v '^sudo apt')"
  limited 1800 env CARGO_INSTALL_ROOT="$work/cargo" bash -c "$block"
  cp "$video" "$work/cargo/holiday.mp4"
  block="$(commands 'cargo install' 2)"
  PATH="$work/cargo/bin:$PATH" elsewhere "$work/cargo" "$block"
  captions "$work/cargo/holiday.vtt"
}

# Runs commands in a folder, with an empty cache.
elsewhere() {
  ( cd "$1" && limited 900 env -u ATOM_CACHE HOME="$1/home" XDG_CACHE_HOME="$1/cache" XDG_DATA_HOME="$1/data" bash -c "$2" )
}

parts=("$@")
if [ $# = 0 ]; then
  parts=(same lint package cargo)
  limited 1800 make dist
fi
[ -f "$video" ] || fail "there is no demo video $video; run make setup"
[ -f "$dist/atom.deb" ] || fail "there is no package in $dist; run make dist"
prerequisites
for part in "${parts[@]}"; do
  started=$SECONDS
  case "$part" in
    same | lint | package) "$part" ;;
    cargo) cargo_install ;;
    *) fail "unknown part $part; expected same, lint, package or cargo" ;;
  esac
  say "$part: passed in $((SECONDS - started)) s"
done
