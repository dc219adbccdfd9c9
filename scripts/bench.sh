#!/usr/bin/env bash
# Measures this machine and writes docs/benchmarks.md and its charts in docs/images/. Takes some minutes; run nothing else
# meanwhile.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
cd "$root"
atom="$root/target/release/atom"
cache="${ATOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/atom}"
video="$cache/demo/bikes.mp4"
folder="$(mktemp -d)"
trap 'rm -r "$folder"' EXIT

say() { printf '%s\n' "$*" >&2; }

# seconds COMMAND...: prints the wall time of a command in seconds.
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
    printf '## Indexing\n\nMinutes of video that `atom index` processes per minute, including start-up and the loading of models. The video is 720p H.264 with 30 frames per second and a key frame every two seconds. The pack `fake` replaces the models, so that its rows show the cost of everything else.\n\n'
    printf '| run | video | wall time | minutes per minute |\n|---|---|---|---|\n'
    line "default pack: captions, vectors, thumbnails; 2 frames per second, segments of 4 s" 120 \
        "$(seconds "$atom" index "$folder/two.mp4" --store "$folder/two.db")"
    line "the same again, when everything is indexed" 120 "$(seconds "$atom" index "$folder/two.mp4" --store "$folder/two.db")"
    line "pack \`fake\`; 2 frames per second" 600 \
        "$(seconds "$atom" index "$folder/ten.mp4" --pack fake --store "$folder/ten.db")"
    cd "$folder"
    line "pack \`fake\`; one frame every ten seconds" 600 \
        "$(seconds "$atom" run sparse.toml --source video=ten.mp4)"
    cd "$root"
}

# Three tasks in four configurations, on half a minute of the demo video.
reuse() {
    recording 30 "$folder/half.mp4"
    printf '## Sharing modules\n\n`atom bench reuse` runs three tasks (captions, index, questions) on 30 s of 720p video in four configurations, from separate programs to one shared graph. The [guide](guide/measuring.md#compare-ways-to-run-several-tasks) explains them.\n\n'
    "$atom" bench reuse "$folder/half.mp4" --rounds 3 --svg docs/images/bench-reuse.svg
    printf '\n![Activity of the modules over time](images/bench-reuse.svg)\n\n'
    printf '## Cost of the engine\n\n`atom bench overhead` compares a run with the same model calls made without a graph, on the same video. The video is decoded in all cases, and modules are loaded before.\n\n'
    "$atom" bench overhead "$folder/half.mp4" --rounds 3
    printf '\n'
}

# Measures the same work in a plain Python program, in a Python environment of its own.
peer() {
    local environment="$cache/build/peer"
    if [ ! -x "$environment/bin/python" ]; then
        python3 -m venv "$environment"
    fi
    "$environment/bin/pip" install --quiet --disable-pip-version-check -r tests/peer/requirements.txt
    printf '## Comparison with Python\n\nA plain Python program (`tests/peer/peer.py` in the repository) does the same work with the same modules: one process, modules loaded once, one step after the other. The same video, three interleaved rounds.\n\n'
    local size
    size="$(sed -n 's/^width = //p' "$cache/packs/mini/pack.toml"):$(sed -n 's/^height = //p' "$cache/packs/mini/pack.toml")"
    ffmpeg -v error -nostdin -y -i "$video" -vf "scale=$size,format=gbrp" -c:v ffv1 "$folder/exact.mkv"
    "$environment/bin/python" tests/peer/compare.py "$atom" "$cache/packs/mini" "$folder/exact.mkv" "$folder/half.mp4"
    printf '\n'
}

# Measures how the cost grows with the input, on some seconds of the demo video.
scale() {
    recording 16 "$folder/short.mp4"
    printf '## How cost grows\n\n`atom bench scale` varies one quantity at a time, on 16 s of 720p video. Runs caption segments of four seconds unless the table says otherwise.\n\n'
    "$atom" bench scale "$folder/short.mp4" --rounds 3 --svg docs/images/bench-scale.svg
    printf '\n![Cost as each quantity grows, on logarithmic axes](images/bench-scale.svg)\n\n'
}

{
    printf '# Benchmarks\n\n`make bench` measured these figures on the machine below on %s. Do not compare them with figures of another machine or another run; ratios within a run do compare.\n\n' "$(date +%F)"
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
    say "large indexes ..."
    printf '\n'
    cargo bench --quiet --locked -p atom-lab --bench store
    say "standing queries ..."
    printf '\n'
    cargo bench --quiet --locked -p atom-lab --bench standing_queries
} > "$folder/benchmarks.md"
mv "$folder/benchmarks.md" docs/benchmarks.md
say "wrote docs/benchmarks.md"
say "the decoder ..."
cargo bench --locked -p atom-lab --bench decoder
