#!/usr/bin/env bash
# Measures this machine and writes BENCHMARKS.md. Takes some minutes; nothing else should run meanwhile.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
cd "$root"
atom="$root/target/release/atom"
cache="${ATOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/atom}"
video="$cache/demo/bikes.mp4"
folder="$(mktemp -d)"
trap 'rm -r "$folder"' EXIT

say() { printf '%s\n' "$*" >&2; }

# Prints how many seconds a command takes.
seconds() {
    local start
    start="$(date +%s.%N)"
    "$@" > /dev/null 2>&1
    date +%s.%N | awk -v start="$start" '{ printf "%.2f", $1 - start }'
}

# recording SECONDS FILE: makes a 720p recording of real streets with a key frame every two seconds.
recording() {
    ffmpeg -v error -nostdin -y -stream_loop -1 -i "$video" -t "$1" -vf scale=1280:720 -r 30 \
        -c:v libx264 -preset veryfast -g 60 -pix_fmt yuv420p "$2"
}

# line NAME SECONDS_OF_VIDEO SECONDS_TAKEN: prints a row of the table.
line() { awk -v name="$1" -v video="$2" -v took="$3" 'BEGIN { printf "| %s | %.0f s | %.1f s | %.1f |\n", name, video, took, video / took }'; }

indexing() {
    recording 120 "$folder/two.mp4"
    recording 600 "$folder/ten.mp4"
    sed -e 's/^fps = 2$/fps = 0.1/' -e 's/^pack = .*//' pipelines/library/index.toml > "$folder/sparse.toml"
    sed -i 's/^name = "index"$/name = "index"\npack = "fake"/' "$folder/sparse.toml"
    printf '## Indexing\n\nMinutes of 720p video (H.264, 30 frames a second, a key frame every two seconds) indexed per minute, including start-up and loading of models.\n\n'
    printf '| run | video | takes | minutes per minute |\n|---|---|---|---|\n'
    line "default pack: captions, vectors, thumbnails; 2 frames a second, segments of 4 s" 120 \
        "$(seconds "$atom" index "$folder/two.mp4" --store "$folder/two.db")"
    line "the same again, with nothing left to do" 120 "$(seconds "$atom" index "$folder/two.mp4" --store "$folder/two.db")"
    line "fake pack: everything but the models; 2 frames a second" 600 \
        "$(seconds "$atom" index "$folder/ten.mp4" --pack fake --store "$folder/ten.db")"
    cd "$folder"
    line "fake pack; a frame every ten seconds" 600 \
        "$(seconds "$atom" run sparse.toml --source video=ten.mp4)"
    cd "$root"
}

# Three tasks in four arrangements, on half a minute of the demo video.
reuse() {
    recording 30 "$folder/half.mp4"
    printf '## What sharing saves\n\n`atom bench reuse` on 30 s of 720p; [docs/guide/measuring.md](docs/guide/measuring.md) explains the four configurations.\n\n'
    "$atom" bench reuse "$folder/half.mp4" --rounds 3 --svg engine/lab/benches/reuse.svg
    printf '\n![When each module ran](engine/lab/benches/reuse.svg)\n\n'
    printf '## What the engine costs\n\n`atom bench overhead`, the same video.\n\n'
    "$atom" bench overhead "$folder/half.mp4" --rounds 3
    printf '\n'
}

# The same work in a plain Python program, in an environment of its own.
peer() {
    local environment="$cache/build/peer"
    if [ ! -x "$environment/bin/python" ]; then
        python3 -m venv "$environment"
    fi
    "$environment/bin/pip" install --quiet --disable-pip-version-check -r tests/peer/requirements.txt
    printf '## Against Python\n\n`tests/peer/peer.py` does the same work with the same modules, preloaded, sequentially in one process. The same video, three interleaved rounds.\n\n'
    local size
    size="$(sed -n 's/^width = //p' "$cache/packs/mini/pack.toml"):$(sed -n 's/^height = //p' "$cache/packs/mini/pack.toml")"
    ffmpeg -v error -nostdin -y -i "$video" -vf "scale=$size,format=gbrp" -c:v ffv1 "$folder/exact.mkv"
    "$environment/bin/python" tests/peer/compare.py "$atom" "$cache/packs/mini" "$folder/exact.mkv" "$folder/half.mp4"
    printf '\n'
}

# How cost grows, on some seconds of the demo video.
scale() {
    recording 16 "$folder/short.mp4"
    printf '## How cost grows\n\n`atom bench scale` on 16 s of 720p; captions of segments of four seconds unless stated otherwise.\n\n'
    "$atom" bench scale "$folder/short.mp4" --rounds 3 --svg engine/lab/benches/scale.svg
    printf '\n![How cost grows](engine/lab/benches/scale.svg)\n\n'
}

{
    printf '# Benchmarks\n\nMade by `make bench` on %s; compare figures of one run only.\n\n' "$(date +%F)"
    printf '| | |\n|---|---|\n'
    printf '| processor | %s, %s cores |\n' "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)" "$(nproc)"
    printf '| memory | %s |\n' "$(awk '/MemTotal/ { printf "%.0f GB", $2 / 1e6 }' /proc/meminfo)"
    printf '| system | %s |\n' "$(. /etc/os-release; echo "$PRETTY_NAME")"
    printf '| Rust | %s |\n' "$(rustc --version | cut -d' ' -f2)"
    printf '| GStreamer | %s |\n\n' "$(gst-launch-1.0 --version | sed -n 's/^GStreamer //p')"
    say "sharing ..."
    reuse
    say "comparison with Python ..."
    peer
    say "scaling ..."
    scale
    say "indexing ..."
    indexing
    say "the index at size ..."
    printf '\n'
    cargo bench --quiet --locked -p atom-lab --bench store
    say "standing queries ..."
    printf '\n'
    cargo bench --quiet --locked -p atom-lab --bench standing_queries
} > "$folder/BENCHMARKS.md"
mv "$folder/BENCHMARKS.md" BENCHMARKS.md
say "wrote BENCHMARKS.md"
say "the decoder ..."
cargo bench --locked -p atom-lab --bench decoder
