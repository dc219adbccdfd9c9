#!/usr/bin/env bash
# Fills a folder with the files that the commands of the documentation speak of. The tests run the commands in such a
# folder; authors run them there to see the real output.
#
#   scripts/docs-folder.sh FOLDER
set -euo pipefail
[ $# = 1 ] || { echo "docs-folder: expected the name of a folder" >&2; exit 2; }
base="${XDG_CACHE_HOME:-$HOME/.cache}"
cache="$(realpath "${ATOM_CACHE:-$base/atom}")"
video="$cache/demo/bikes.mp4"
[ -f "$video" ] || { echo "docs-folder: there is no demo video $video; run make setup" >&2; exit 1; }

make_video() { ffmpeg -nostdin -v error -y "$@" -fflags +bitexact; }

mkdir -p "$1"
cd "$1"
# The folder is a home: links to the installed packs, and to the list of plugins that GStreamer keeps.
mkdir -p .cache/atom
cp -rsf "$cache/packs" .cache/atom/
[ ! -d "$base/gstreamer-1.0" ] || ln -sfn "$(realpath "$base/gstreamer-1.0")" .cache/gstreamer-1.0

# Ten seconds of a street, under the names that the pages use.
for name in street.mp4 holiday.mp4 door.mp4 other.mp4; do
  cp "$video" "$name"
done
# A folder of recordings: one whose name tells nothing, and one whose name tells when it began. It has the first four seconds.
mkdir -p recordings/2026-11-22
cp "$video" recordings/street.mp4
make_video -i "$video" -t 4 -c copy recordings/2026-11-22/VID_20261122_140500.mp4
# Sound without video.
make_video -f lavfi -i sine=duration=2 -c:a aac song.m4a
# Files for the measurements of a pack, with the captions that people gave them.
mkdir -p clips
cp "$video" clips/street.mp4
make_video -ss 9 -i "$video" -frames:v 1 clips/bicycle.jpg
cat > clips/captions.json <<'JSON'
[{"file": "street.mp4", "captions": ["Cars drive along a street.", "A street with cars and houses."]},
 {"file": "bicycle.jpg", "captions": ["A man locks a bicycle to a fence.", "A bicycle in front of a house."]}]
JSON
# As in a terminal, curl shows no progress beside its output.
printf 'silent\nshow-error\n' > .curlrc
# The password of a camera.
echo secret > door.password
