"""Reads the folder of training data. Nothing of it is part of the project; train/README.md says what it must hold.

    images/pairs.json     [{"file", "split": "train" | "tune", "origin", "captions": [...]}], files beside it
    clips/captions.json   [{"file", "captions": [...]}], files beside it; only looked at, never learned from
    text/groups.jsonl     {"origin", "captions": [...]} a line: captions of one picture that is not here
"""
import json
import re


class Data:
    """The folder, read once. `pairs` and `clips` and `groups` are lists of the records above, in file order."""

    def __init__(self, folder):
        self.folder = folder
        self.pairs = json.loads((folder / "images" / "pairs.json").read_text())
        clips = folder / "clips" / "captions.json"
        self.clips = json.loads(clips.read_text()) if clips.is_file() else []
        known = {plain(caption) for pair in self.pairs for caption in pair["captions"]}
        groups = [json.loads(line) for line in (folder / "text" / "groups.jsonl").read_text().splitlines()]
        # Some groups tell of pictures that are here: what tests must not be learned, what teaches not be learned twice.
        self.groups = [group for group in groups if not any(plain(caption) in known for caption in group["captions"])]
        self.train = [i for i, pair in enumerate(self.pairs) if pair["split"] == "train"]
        self.tune = [i for i, pair in enumerate(self.pairs) if pair["split"] == "tune"]

    def picture(self, pair):
        return self.folder / "images" / pair["file"]

    def clip(self, record):
        return self.folder / "clips" / record["file"]


def tokens(text):
    """Words as the measures count them."""
    return re.findall(r"[a-z0-9']+", text.lower())


def plain(text):
    """A caption without case and punctuation, to find equal ones."""
    return " ".join(tokens(text))


def tidy(caption):
    """A caption as the pack writes it: one sentence, a capital, a full stop."""
    text = caption.strip().lower().rstrip(". ").replace(" ,", ",").replace(" 's", "'s").replace(" .", ".")
    text = " ".join(text.split())
    return text[:1].upper() + text[1:] + "." if text else text
