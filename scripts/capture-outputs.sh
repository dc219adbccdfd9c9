#!/usr/bin/env bash
# Writes the output of every command of a build of Atom to a folder, so that two builds can be compared:
#
#   scripts/capture-outputs.sh before/atom before/outputs
#   scripts/capture-outputs.sh target/release/atom target/outputs
#   diff -r before/outputs target/outputs
#
# Each command runs in a temporary folder, with the packs `fake` and `mini`, on the demo video (see scripts/setup.sh).
# Each file holds the command line, the exit code, stdout and stderr. Run times, memory sizes, the path of the temporary
# folder, the user's cache and ports are replaced by placeholders. Some output differs between two runs of the same build.
# Left out are the runs and items of the decoder, the numbers of `atom bench` (only their keys are kept) and the values of
# `/metrics`. Sorted are the captions and drafts of `live`, and the reports of recordings. Recordings are indexed one after
# another, because row ids, and with them the order of equal scores, follow the order in which segments are sealed.
set -euo pipefail
[ $# = 2 ] || { echo "usage: $0 ATOM_BINARY OUT_DIR" >&2; exit 2; }
atom="$(realpath "$1")"
mkdir -p "$2"
out="$(realpath "$2")"
root="$(cd "$(dirname "$0")/.." && pwd)"
cache="${ATOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/atom}"
video="$cache/demo/bikes.mp4"
[ -f "$video" ] || { echo "the demo video $video does not exist; run make setup" >&2; exit 1; }

work="$(mktemp -d)"
trap 'rm -r "$work"' EXIT
export TZ=UTC XDG_DATA_HOME="$work/data" ATOM_CACHE="$cache"
cd "$work"
# Help texts contain the file name of the program.
mkdir bin
ln -s "$atom" bin/atom
atom="$work/bin/atom"

# Replaces values that differ between two runs of the same build.
normalised() {
  sed -E -e "s#$work#WORK#g" -e "s#$cache#CACHE#g" -e 's#127\.0\.0\.1:[0-9]{4,5}#127.0.0.1:PORT#g' \
    -e 's/"at_utc":"[^"]*"/"at_utc":"UTC"/g' \
    -e 's/"(wall_seconds|seconds|peak_rss_bytes|ms_[a-z0-9_]+)": ?[0-9.e-]+/"\1":0/g' \
    -e 's/^(ms a file|ms per file|  to look|  to caption|  encoding|  captioning) .*/\1/'
}

# Sorts the output of `index`, which processes several recordings at a time.
in_order() { if [ "$1" = index ]; then sort; else cat; fi; }

# capture NAME ARGUMENT...: runs atom and writes its output to NAME.txt.
capture() {
  local name="$1" code=0
  shift
  "$atom" "$@" > "$work/.stdout" 2> "$work/.stderr" < /dev/null || code=$?
  mkdir -p "$(dirname "$out/$name")"
  {
    printf '$ atom %s\nexit code %s\n--- stdout\n' "$*" "$code"
    in_order "${1:-}" < "$work/.stdout"
    printf -- '--- stderr\n'
    in_order "${1:-}" < "$work/.stderr"
  } | normalised > "$out/$name.txt"
}

# keep NAME FILE: keeps a file that a command wrote.
keep() {
  case "$1" in
    *.report.json) jq 'del(.modules.decoder.runs, .modules.decoder.items)' "$2" ;;
    *live.jsonl) sort "$2" ;;
    *) cat "$2" ;;
  esac | normalised > "$out/$1"
}

# Prints the tables, triggers and rows of an index; vectors and thumbnails as hashes.
dump_store() {
  python3 - "$1" << 'PYTHON'
import hashlib, sqlite3, sys
store = sqlite3.connect(sys.argv[1])
print("user_version", store.execute("PRAGMA user_version").fetchone()[0])
for name, sql in store.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name"):
    print(sql.rstrip() + ";")
cursor = store.execute("SELECT * FROM segments ORDER BY source, start_ms, pack")
names = [column[0] for column in cursor.description]
for row in cursor:
    cells = (hashlib.sha256(cell).hexdigest()[:16] if isinstance(cell, bytes) else cell for cell in row)
    print(dict(zip(names, cells)))
PYTHON
}

help_texts() {
  local names=(run caption index search ask summarize query watch stats store check graph docs eval bench models)
  capture help/atom --help
  capture help/version --version
  for name in "${names[@]}"; do capture "help/$name" "$name" --help; done
  for name in add list show remove; do capture "help/query-$name" query "$name" --help; done
  for name in check backup compact stats; do capture "help/store-$name" store "$name" --help; done
  for name in caption retrieval; do capture "help/eval-$name" eval "$name" --help; done
  for name in reuse overhead scale; do capture "help/bench-$name" bench "$name" --help; done
  for name in list install verify; do capture "help/models-$name" models "$name" --help; done
}

# Captures documentation, checks, graphs and packs.
documents() {
  local kind
  capture docs/overview docs
  # The overview lists one kind per indented line.
  for kind in source query $("$atom" docs | sed -nE 's/^  ([a-z_]+) .*/\1/p' | sort -u); do capture "docs/$kind" docs "$kind"; done
  for file in "$root"/pipelines/library/*.toml; do
    local name
    name="$(basename "$file" .toml)"
    local source=video
    [ "$name" != live ] || source=camera
    cp "$file" .
    capture "check/$name" check "$name.toml" --source "$source=test://ball"
    capture "graph/$name-mermaid" graph "$name.toml" --source "$source=test://ball"
    capture "graph/$name-dot" graph "$name.toml" --source "$source=test://ball" --format dot
  done
  capture graph/merged graph caption.toml index.toml three-branches.toml --source video=test://ball
  capture models/list models list
  capture models/verify models verify
  capture models/verify-unknown models verify nonesuch
}

# Captures the error messages of typical mistakes.
mistakes() {
  capture errors/no-command
  capture errors/unknown-command indx
  capture errors/missing-video caption none.mp4 --pack fake
  printf 'no video' > text.mp4
  capture errors/no-video caption text.mp4 --pack fake
  capture errors/unknown-pattern caption 'test://nonesuch' --pack fake
  capture errors/bad-scheme caption 'gopher://door' --pack fake
  capture errors/unknown-pack caption bikes.mp4 --pack nonesuch
  capture errors/unwritable caption bikes.mp4 --pack fake -o no/such/folder.vtt
  capture errors/missing-pipeline run none.toml
  sed -e 's/length_ms/lenght_ms/' -e 's/"encode"/"encod"/' -e 's/inputs = \["frames"\]/inputs = ["frame"]/' \
    "$root/pipelines/library/caption.toml" > wrong.toml
  printf '[source\nname' > broken.toml
  printf '[node.a]\nkind = "caption"\ninputs = ["b"]\n[node.b]\nkind = "caption"\ninputs = ["a"]\n' > cycle.toml
  for name in wrong broken cycle; do capture "errors/check-$name" check "$name.toml"; done
  capture errors/run-wrong run wrong.toml --source video=bikes.mp4
  capture errors/no-uri run caption.toml
  capture errors/unknown-source run caption.toml --source door=bikes.mp4
  capture errors/bad-listen run caption.toml --source video=bikes.mp4 --listen 0.0.0.0:1
  capture errors/docs-unknown docs captoin
  capture errors/search-no-store search dog --store none.db
  capture errors/search-no-index search dog
  printf 'hello' > text.db
  capture errors/search-text-file search dog --store text.db
  sqlite3 other.db 'CREATE TABLE t(x)'
  capture errors/search-other-file search dog --store other.db
  capture errors/index-nothing index none/ --store new.db --pack fake
  capture errors/eval-no-list eval caption . --pack fake
  capture errors/eval-no-folder eval caption none --pack fake
  capture errors/bench-no-video bench reuse none.mp4 --pack fake
}

# pipelines PACK: captures the pipelines of the library and the captions of one video.
pipelines() {
  local pack="$1" name source format
  for file in "$root"/pipelines/library/*.toml; do
    name="$(basename "$file" .toml)"
    source=video
    [ "$name" != live ] || source=camera
    sed "s/^name = .*/&\npack = \"$pack\"/" "$file" > "$name.toml"
    capture "$pack/run/$name" run "$name.toml" --source "$source=bikes.mp4" --report report.json
    keep "$pack/run/$name.report.json" report.json
    rm -f ./*.db ./*.db-*
    capture "$pack/run/$name-json" run "$name.toml" --source "$source=bikes.mp4" --json
    for file in captions.vtt "$name.jsonl"; do
      [ ! -f "$file" ] || keep "$pack/run/$name.$file" "$file"
      rm -f "$file"
    done
  done
  capture "$pack/run/merged" run caption.toml index.toml three-branches.toml --source video=bikes.mp4 --json --report report.json
  keep "$pack/run/merged.report.json" report.json
  for format in vtt srt jsonl; do
    capture "$pack/caption/$format" caption bikes.mp4 --pack "$pack" --format "$format"
    capture "$pack/caption/$format-file" caption bikes.mp4 --pack "$pack" -o "out.$format"
    keep "$pack/caption/out.$format" "out.$format"
  done
  capture "$pack/caption/pattern" caption 'test://ball?seconds=6' --pack "$pack"
}

# reading PACK: captures the index of a folder, and every command that reads it.
reading() {
  local pack="$1" form
  mkdir -p recordings/door
  cp bikes.mp4 recordings/street.mp4
  rm -f store.db*
  capture "$pack/index/first" index recordings --store store.db --pack "$pack"
  ffmpeg -v error -nostdin -y -i bikes.mp4 -t 6 -c copy -fflags +bitexact recordings/door/2026-11-22_14-03-05.mp4
  capture "$pack/index/second" index recordings --store store.db --pack "$pack"
  capture "$pack/index/again" index recordings --store store.db --pack "$pack"
  dump_store store.db > "$out/$pack/index/store.dump"
  for form in "" --json; do
    capture "$pack/search/plain$form" search "a bicycle at a fence" --store store.db $form
    capture "$pack/search/words$form" search '"parked on" -car street' --store store.db $form
    capture "$pack/search/limit$form" search "a red car" --store store.db --limit 1 $form
    capture "$pack/search/scope$form" search "a man" --store store.db --source 'door*' --from 0:01 --to 0:05 $form
    capture "$pack/search/wall$form" search "a man" --store store.db --from "2026-11-22 14:03:06" $form
    capture "$pack/ask/count$form" ask "Is there a bicycle?" --store store.db $form
    capture "$pack/ask/when$form" ask "When is there a car?" --store store.db $form
    capture "$pack/ask/free$form" ask "What is on the street?" --store store.db --source street.mp4 $form
    capture "$pack/ask/general$form" ask "What is happening?" --store store.db $form
    capture "$pack/summarize/all$form" summarize --store store.db $form
    capture "$pack/summarize/scope$form" summarize --store store.db --source street.mp4 --from 2 --to 8 $form
    capture "$pack/stats/all$form" stats --store store.db $form
    capture "$pack/stats/scope$form" stats --store store.db --only person --top 3 --source street.mp4 $form
    capture "$pack/query/add$form" query add bike "a bicycle" --threshold 0.05 --within 24h --store store.db $form
    capture "$pack/query/add-other$form" query add dark "something dark" --best 2 --threshold 0.05 --source 'street*' --store store.db $form
    capture "$pack/query/list$form" query list --store store.db $form
    capture "$pack/query/show$form" query show bike --store store.db $form
    capture "$pack/query/remove$form" query remove dark --store store.db $form
    capture "$pack/store/stats$form" store stats --store store.db $form
    capture "$pack/store/check$form" store check --store store.db $form
    rm -f copy.db
    capture "$pack/store/backup$form" store backup copy.db --store store.db $form
    capture "$pack/store/backup-again$form" store backup copy.db --store store.db $form
    capture "$pack/store/compact$form" store compact --store copy.db $form
  done
  capture "$pack/search/moments" search "a bicycle" --store store.db --json --moments
  capture "$pack/stats/heat" stats --store store.db --heat
  capture "$pack/stats/svg" stats --store store.db --svg heat.svg
  keep "$pack/stats/heat.svg" heat.svg
  watch_events "$pack"
  rm recordings/street.mp4
  capture "$pack/index/gone" index recordings --store store.db --pack "$pack"
  capture "$pack/search/gone" search "a bicycle at a fence" --store store.db --json
  capture "$pack/index/keep" index recordings --store store.db --pack "$pack" --keep "1 segments"
  capture "$pack/search/expired" search "a bicycle at a fence" --store store.db --json
  capture "$pack/errors/search-empty" search "" --store store.db
  capture "$pack/errors/search-source" search dog --source nonesuch --store store.db
  capture "$pack/errors/search-span" search dog --from 5 --to 2 --store store.db
  capture "$pack/errors/search-time" search dog --from noon --store store.db
  capture "$pack/errors/search-page" search dog --page nonesuch --store store.db
  capture "$pack/errors/ask-empty" ask "" --store store.db
  capture "$pack/errors/query-name" query add "a b" text --store store.db
  capture "$pack/errors/query-threshold" query add x text --threshold 7 --store store.db
  capture "$pack/errors/query-within" query add x text --within never --store store.db
  capture "$pack/errors/query-unknown" query show nonesuch --store store.db
  capture "$pack/errors/watch-unknown" watch nonesuch --store store.db
  capture "$pack/errors/keep" index recordings --store store.db --pack "$pack" --keep "many"
  capture "$pack/errors/backup-folder" store backup no/such/copy.db --store store.db
  rm -r recordings store.db*
}

# interrupted SECONDS NAME ARGUMENT...: captures a command that runs until Ctrl-C.
interrupted() {
  local seconds="$1" name="$2" program="$atom"
  shift 2
  printf '#!/bin/sh\nexec timeout --foreground --preserve-status -s INT %s "%s" "$@"\n' "$seconds" "$program" > "$work/.timed"
  chmod +x "$work/.timed"
  atom="$work/.timed"
  capture "$name" "$@"
  atom="$program"
}

watch_events() {
  interrupted 2 "$1/watch/now" watch --store store.db
  interrupted 2 "$1/watch/json" watch --json --after 0 --store store.db
  interrupted 2 "$1/watch/one" watch bike --after 0 --store store.db
}

# evaluation PACK: captures both evaluations on two files.
evaluation() {
  mkdir -p exam
  cp bikes.mp4 exam/
  ffmpeg -v error -nostdin -y -f lavfi -i color=c=red:s=160x120:r=1:d=1 -frames:v 1 exam/red.png
  printf '[{"file": "bikes.mp4", "captions": ["A bicycle stands at a fence.", "A street with bicycles."]},
           {"file": "red.png", "captions": ["A red wall.", "A picture of red."]}]' > exam/captions.json
  capture "$1/eval/caption" eval caption exam --pack "$1"
  capture "$1/eval/caption-json" eval caption exam --pack "$1" --json -o lines.jsonl
  keep "$1/eval/lines.jsonl" lines.jsonl
  capture "$1/eval/retrieval" eval retrieval exam --pack "$1"
  capture "$1/eval/retrieval-json" eval retrieval exam --pack "$1" --json
  capture "$1/eval/leak" eval caption exam --pack "$1" --check-leak
}

# Captures the JSON keys of `atom bench`; its numbers differ between runs.
benchmarks() {
  local which
  mkdir -p "$out/bench"
  for which in reuse overhead; do
    "$atom" bench "$which" bikes.mp4 --pack fake --rounds 1 --json 2> /dev/null \
      | jq -r 'paths | map(if type == "number" then 0 else . end) | map(tostring) | join(".")' \
      | sort -u > "$out/bench/$which.keys"
  done
}

# Captures the HTTP endpoints of a run that listens: names and help texts of metrics, health, standing queries.
http() {
  local address process
  sed -e 's/^name = .*/&\npack = "fake"/' -e 's/^\[source.camera\]/&\nlive = true/' "$root/pipelines/library/live.toml" > live.toml
  "$atom" run live.toml --source camera=bikes.mp4 --listen 127.0.0.1:0 > .stdout 2> .stderr < /dev/null &
  process=$!
  for _ in $(seq 100); do
    address="$(grep -aoE '127\.0\.0\.1:[0-9]+' .stderr | head -1 || true)"
    [ -z "$address" ] || break
    sleep 0.1
  done
  until curl -fs "http://$address/metrics" | grep -q '^atom_segments_total{.*} [1-9]'; do sleep 0.2; done
  mkdir -p "$out/http"
  curl -s "http://$address/metrics" | grep '^# ' | grep -v '# [A-Z]* process_' > "$out/http/metrics.txt"
  curl -s "http://$address/metrics" | grep -v '^#' | sed -E 's/ [^ ]+$//' | grep -vE '^process_|_bucket|reason=' | sort > "$out/http/series.txt"
  curl -s "http://$address/healthz" | jq -S 'walk(if type == "number" then 0 elif type == "string" and test("^2[0-9]{3}-") then "UTC" else . end)' > "$out/http/healthz.json"
  curl -s -X POST "http://$address/api/v1/queries" -d '{"name": "van", "text": "a delivery van"}' -H 'content-type: application/json' > "$out/http/queries.txt"
  curl -s -X POST "http://$address/api/v1/queries" -d '{"nam": "van"}' -H 'content-type: application/json' >> "$out/http/queries.txt"
  curl -s "http://$address/api/v1/queries" >> "$out/http/queries.txt"
  curl -s -X DELETE "http://$address/api/v1/queries/van" >> "$out/http/queries.txt"
  curl -s -X DELETE "http://$address/api/v1/queries/van" >> "$out/http/queries.txt"
  curl -s "http://$address/nonesuch" >> "$out/http/queries.txt"
  kill -INT "$process"
  wait "$process" || true
  rm -f ./*.db ./*.db-* ./*.jsonl
}

cp "$video" .
help_texts
documents
mistakes
for pack in fake mini; do
  pipelines "$pack"
  reading "$pack"
  evaluation "$pack"
done
benchmarks
http
echo "wrote $(find "$out" -type f | wc -l) files to $out" >&2
