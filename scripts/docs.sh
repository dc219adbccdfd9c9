#!/usr/bin/env bash
# Builds the documentation as a book: target/book/index.html. It needs no network once mdBook is installed.
#
# Some chapters are outside docs/, and pages link to files beside them. So the book is built from a copy of the pages
# that keeps the folders of the repository: every relative link leads to the same file in both.
set -euo pipefail
cd "$(dirname "$0")/.."

version=0.5.4
tools="${ATOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/atom}/tools"
mdbook="$tools/bin/mdbook"
copy=target/book-source
# Chapters outside docs/, and files that chapters link to.
beside=(
  README.md CHANGELOG.md CONTRIBUTING.md LICENSE LICENSE-APACHE LICENSE-MIT NOTICE
  dashboards/README.md models/packs/mini/README.md models/packs/mini/train/README.md tests/README.md
)

say() { printf '==> %s\n' "$*" >&2; }

if [ "$("$mdbook" --version 2>/dev/null)" != "mdbook v$version" ]; then
  say "mdBook: building version $version"
  # Not into $tools at once: cargo writes lists of its own beside the programs.
  cargo install --quiet --locked --root "$tools/cargo" --no-default-features --features search "mdbook@$version"
  mkdir -p "$tools/bin"
  ln -sf ../cargo/bin/mdbook "$mdbook"
fi

rm -rf "$copy" target/book
mkdir -p "$copy"
cp -r --parents docs "${beside[@]}" "$copy"
rm "$copy/docs/book.toml"
# The summary lists the chapters by their path from the root of the copy.
sed -E 's#\]\(#](docs/#; s#\(docs/\.\./#(#' "$copy/docs/SUMMARY.md" > "$copy/SUMMARY.md"
rm "$copy/docs/SUMMARY.md"
# mdBook makes index.html of README.md.
find "$copy" -name '*.md' -exec sed -i -E 's#(\]\(([^)]*/)?)README\.md([)\#])#\1index.md\3#g' {} +
find "$copy" -name README.md -execdir mv README.md index.md \;

MDBOOK_LOG=warn RUST_LOG=warn "$mdbook" build docs
python3 scripts/check-book.py target/book
say "ready: target/book/index.html"
