#!/usr/bin/env bash
# Runs three branches over a real video, then searches, questions and summarizes the index that they wrote.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
atom="$root/target/release/atom"
video="${ATOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/atom}/demo/bikes.mp4"

folder="$(mktemp -d)"
trap 'rm -r "$folder"' EXIT
cd "$folder"

show() { printf '\n$ atom %s\n' "$*"; "$atom" "$@"; }

cp "$root/pipelines/library/three-branches.toml" "$video" .
show run three-branches.toml --source video=bikes.mp4 --report report.json
show search "a bicycle locked to a fence" --store three-branches.db --limit 3
show ask "Is there a bicycle?" --store three-branches.db
show ask "What is on the street?" --store three-branches.db
show summarize --store three-branches.db
printf '\nAll three branches shared one encoder and one decoder:\n'
python3 -c '
import json
report = json.load(open("report.json"))
for name, module in report["modules"].items():
    print("  {}: loads {}, runs {}, {:.2f} s".format(name, module["loads"], module["runs"], module["seconds"]))
print("  {:.1f} s in total, peak memory {} MB".format(report["wall_seconds"], report["peak_rss_bytes"] // 1_000_000))
'
