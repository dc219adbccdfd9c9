#!/usr/bin/env bash
# Draws docs/images/terminal.svg, the picture in README.md: commands over the demo video, and what they print.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
atom="${ATOM:-$root/target/release/atom}"
cache="${ATOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/atom}"
folder="$(mktemp -d)"
trap 'rm -r "$folder"' EXIT

environment="$cache/build/picture"
[ -x "$environment/bin/python" ] || python3 -m venv "$environment"
"$environment/bin/pip" install --quiet --disable-pip-version-check rich==15.0.0

mkdir -p "$folder/recordings" "$root/docs/images"
cp "$cache/demo/bikes.mp4" "$folder/recordings/street.mp4"
cd "$folder"

# Runs a command as in the home folder of a user, and prints it with its output.
show() {
    printf '\n$ atom'
    printf ' %s' "$1"
    shift
    for argument in "$@"; do
        case "$argument" in
            *[!a-z/.-]*) printf ' "%s"' "$argument" ;;
            *) printf ' %s' "$argument" ;;
        esac
    done
    printf '\n'
}

session() {
    local store="$folder/atom.db"
    show index recordings/
    "$atom" index recordings/ --store "$store"
    show search "a bus in the city"
    "$atom" search "a bus in the city" --limit 2 --store "$store" | sed "s|$folder|~|"
    show ask "How many cars?"
    "$atom" ask "How many cars?" --store "$store" | sed "s|$folder|~|"
}

session > "$folder/session.txt" 2> /dev/null
"$environment/bin/python" - "$folder/session.txt" "$root/docs/images/terminal.svg" <<'PYTHON'
import re
import sys

from rich.console import Console
from rich.text import Text

session, picture = sys.argv[1:]
console = Console(record=True, width=126, file=open("/dev/null", "w"))
for line in open(session).read().strip("\n").splitlines():
    style = "bold green" if line.startswith("$ ") else ""
    console.print(Text(line, style=style), no_wrap=True, overflow="ignore")
svg = console.export_svg(title="atom")
# A picture fetches no fonts.
svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
svg = re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)
open(picture, "w").write(svg)
PYTHON
printf 'wrote docs/images/terminal.svg\n'
