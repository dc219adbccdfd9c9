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
    printf '$ atom'
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
    show index recordings/
    "$atom" index recordings/ --store "$folder/atom.db" 2>/dev/null
    for question in "Is there a bicycle?" "How many cars?"; do
        show ask "$question"
        "$atom" ask "$question" --store "$folder/atom.db" | sed "s|$folder|~|"
    done
    show search "a bicycle locked to a fence"
    "$atom" search "a bicycle locked to a fence" --limit 2 --store "$folder/atom.db" | sed "s|$folder|~|"
}

session > "$folder/session.txt"
"$environment/bin/python" - "$folder/session.txt" "$root/docs/images/terminal.svg" <<'PYTHON'
import sys

from rich.console import Console
from rich.text import Text

session, picture = sys.argv[1:]
console = Console(record=True, width=110, file=open("/dev/null", "w"))
for line in open(session).read().splitlines():
    console.print(Text(line, style="bold green" if line.startswith("$ ") else ""))
console.save_svg(picture, title="atom")
PYTHON
printf 'wrote docs/images/terminal.svg\n'
