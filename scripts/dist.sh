#!/usr/bin/env bash
# Builds the release in target/dist: a tarball and a Debian package of this machine's architecture.
#
# Both hold the program, the sources of the packs, man pages, shell completions, the systemd unit, example pipelines and
# licences. Built twice on one machine from one commit, they have the same bytes: times are those of the commit.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '==> %s\n' "$*" >&2; }

tools="${ATOM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/atom}/tools/cargo/bin"
dist=target/dist
version="$(cargo pkgid --locked -p atom | sed 's/.*[#@]//')"
name="atom-$version-$(uname -m)-linux"
export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}" LC_ALL=C TZ=UTC
umask 022

# The program without embedded packs: tarball and package hold them as a folder.
build() {
  say "program: building without embedded packs"
  cargo build --release --locked -p atom --no-default-features
  install -D -m 755 target/release/atom "$1/bin/atom"
  strip "$1/bin/atom"
}

# Prints the files of folders that git tracks, each ended by a null byte: a release holds nothing else that lies there.
# Symbolic links are left out.
tracked() { git ls-files -z --stage -- "$@" | sed -nzE 's/^100[0-9]+ [^\t]*\t//p'; }

# What an installation reads; engine/cli/build.rs embeds the same files.
packs() {
  tracked models/packs | grep -zvE '/(train|convert|__pycache__|\.[^/]*)(/|$)' |
    while IFS= read -rd '' file; do install -D -m 644 "$file" "$1/share/atom/packs/${file#models/packs/}"; done
}

# Man pages and completions come from the program, so they tell what it can do.
generated() {
  local share="$1/share"
  mkdir -p "$share"/{man/man1,bash-completion/completions,zsh/site-functions,fish/vendor_completions.d}
  "$1/bin/atom" man-pages "$share/man/man1"
  find "$share/man" -type f -exec gzip -9n {} +
  "$1/bin/atom" completions bash > "$share/bash-completion/completions/atom"
  "$1/bin/atom" completions zsh > "$share/zsh/site-functions/_atom"
  "$1/bin/atom" completions fish > "$share/fish/vendor_completions.d/atom.fish"
}

documents() {
  local doc="$1/share/doc/atom"
  install -D -m 644 -t "$doc" README.md CHANGELOG.md NOTICE
  tracked 'pipelines/library/*.toml' | xargs -0 install -D -m 644 -t "$doc/examples"
  tracked 'docs/*.md' 'docs/*.svg' ':!docs/SUMMARY.md' |
    while IFS= read -rd '' file; do install -D -m 644 "$file" "$doc/$file"; done
  scripts/licences.py | gzip -9n > "$doc/third-party-licences.txt.gz"
}

tarball() {
  say "tarball: $dist/$name.tar.gz"
  local root="$dist/$name"
  cp -r "$1" "$root"
  install -m 644 -t "$root/share/doc/atom" LICENSE LICENSE-MIT LICENSE-APACHE
  install -m 644 -t "$root/share/doc/atom/examples" engine/cli/debian/atom.service
  tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$dist" -c "$name" |
    gzip -9n > "$dist/$name.tar.gz"
  rm -r "$root"
}

debian_package() {
  say "package: $dist/atom_${version}_$(dpkg --print-architecture).deb"
  local root="$dist/debian"
  cp -r "$1" "$root"
  mv "$root/share/zsh/site-functions" "$root/share/zsh/vendor-completions"
  debian_documents "$root/share/doc/atom"
  install -D -m 644 engine/cli/debian/lintian-overrides "$root/share/lintian/overrides/atom"
  "$tools/cargo-deb" deb --quiet --locked --no-build --no-strip -p atom --output "$dist/" > /dev/null
  ln -sf "atom_${version}_$(dpkg --print-architecture).deb" "$dist/atom.deb"
  rm -r "$root"
}

# Copyright and changelog in the form of Debian.
debian_documents() {
  local maintainer notice
  notice="$(fold -s -w 78 models/packs/mini/NOTICE.txt | sed -e 's/ *$//' -e 's/^$/./' -e 's/^/ /')"
  awk -v notice="${notice//\\/\\\\}" '$0 == "@NOTICE@" { $0 = notice } 1' engine/cli/debian/copyright > "$1/copyright"
  maintainer="$(sed -n 's/^maintainer = "\(.*\)"$/\1/p' engine/cli/Cargo.toml)"
  {
    printf 'atom (%s) unstable; urgency=medium\n\n' "$version"
    printf '  * Release %s. CHANGELOG.md in this folder lists the changes.\n\n' "$version"
    printf ' -- %s  %s\n' "$maintainer" "$(date -R -d "@$SOURCE_DATE_EPOCH")"
  } | gzip -9n > "$1/changelog.gz"
}

rm -rf "$dist"
build "$dist/tree"
packs "$dist/tree"
generated "$dist/tree"
documents "$dist/tree"
tarball "$dist/tree"
if command -v dpkg > /dev/null; then
  debian_package "$dist/tree"
else
  say "package: this system is not Debian or Ubuntu; only the tarball was built"
fi
rm -r "$dist/tree"
( cd "$dist" && sha256sum atom-*.tar.gz atom_*.deb > SHA256SUMS 2> /dev/null ) || true
ls -l "$dist" >&2
