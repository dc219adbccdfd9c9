"""Checks a built book: every relative link leads to a file of the book and to one of its ids, and nothing is loaded from
the network.

    python3 scripts/check-book.py target/book
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The links, the loaded files and the ids of a page."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.loaded = set(), [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id":
                self.ids.add(value)
            elif name == "href" and tag == "a":
                self.links.append(value or "")
            elif name in ("src", "href") and value:
                self.loaded.append(value)


def problem(page, target, pages):
    """Returns the reason for which a link of a page leads nowhere."""
    parts = urlsplit(target)
    if parts.scheme or parts.netloc:
        return None
    path = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if path.is_dir():
        path /= "index.html"
    if not path.is_file():
        return "there is no such file"
    if parts.fragment and path in pages and unquote(parts.fragment) not in pages[path].ids:
        return "the page has no such heading"
    return None


def main(book):
    pages = {path: Page(path) for path in sorted(book.resolve().rglob("*.html"))}
    # Its links count from the root of the server, whatever page was not found.
    pages.pop(book.resolve() / "404.html", None)
    pages.pop(book.resolve() / "toc.html", None)
    wrong = []
    for path, page in pages.items():
        name = path.relative_to(book.resolve())
        for target in page.links + page.loaded:
            if reason := problem(path, target, pages):
                wrong.append(f"{name}: {target}: {reason}")
        wrong += [f"{name}: loads {target}" for target in page.loaded if urlsplit(target).netloc]
    if not pages:
        wrong.append(f"{book} has no pages")
    print("\n".join(wrong), file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
