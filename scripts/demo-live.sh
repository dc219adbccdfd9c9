#!/usr/bin/env bash
# Starts a simulated camera that plays the demo video, and prints its captions with their delay until Ctrl-C.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
video="${ATOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/atom}/demo/bikes.mp4"

folder="$(mktemp -d)"
camera=
end() {
  [ -z "$camera" ] || kill "$camera" 2>/dev/null || true
  [ -z "$camera" ] || wait "$camera" 2>/dev/null || true
  rm -r "$folder"
}
trap end EXIT
cd "$folder"

"$root/target/release/atom-camera" "$video" --port 0 > address < /dev/null 2> camera.log &
camera=$!
for _ in $(seq 300); do
  [ ! -s address ] || break
  kill -0 "$camera" 2>/dev/null || { cat camera.log >&2; exit 1; }
  sleep 0.1
done
read -r address < address

cp "$root/pipelines/library/live.toml" .
printf '\nthe simulated camera plays at %s\n$ atom run live.toml --source camera=%s %s\n' "$address" "$address" "$*"
printf 'columns: time, delay after the end of the segment, camera, caption; press Ctrl-C to stop\n\n'
# Ctrl-C also reaches this shell: atom stops by itself, then the trap above stops the camera.
trap : INT
"$root/target/release/atom" run live.toml --source "camera=$address" "$@"
