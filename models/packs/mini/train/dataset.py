"""Reads the folder of training data. Nothing of it is part of the project; train/README.md says what it must hold.

    images/pairs.json     [{"file", "split": "train" | "tune", "origin", "captions": [...]}], files beside it
    clips/captions.json   [{"file", "captions": [...]}], files beside it; only looked at, never learned from
    text/groups.jsonl     {"origin", "captions": [...]} a line: captions of one picture that is not here
"""
import hashlib
import json
import re

TRAIN = 10  # pictures of `train` at least: the stages predict each tenth from the other nine
RECORD = {"images": {"file", "split", "origin", "captions"}, "clips": {"file", "captions"}, "text": {"origin", "captions"}}


class Data:
    """The folder, read once. `pairs` and `clips` and `groups` are lists of the records above, in file order.

    Only pairs and groups whose origin begins with `origins` are kept; clips are kept, they teach nothing."""

    def __init__(self, folder, origins=""):
        self.folder, self.digest = folder, hashlib.sha256()
        pairs = self.records("images/pairs.json")
        self.clips = self.records("clips/captions.json") if (folder / "clips" / "captions.json").is_file() else []
        groups = self.records("text/groups.jsonl")
        known = {plain(caption) for pair in pairs for caption in pair["captions"]}
        self.pairs = [pair for pair in pairs if pair["origin"].startswith(origins)]
        # Some groups tell of pictures that are here: what tests must not be learned, what teaches not be learned twice.
        self.groups = [group for group in groups if group["origin"].startswith(origins)
                       and not any(plain(caption) in known for caption in group["captions"])]
        self.train = [i for i, pair in enumerate(self.pairs) if pair["split"] == "train"]
        self.tune = [i for i, pair in enumerate(self.pairs) if pair["split"] == "tune"]

    def records(self, name):
        path = self.folder / name
        try:
            whole = path.read_bytes()
            # Not splitlines(): a caption may hold characters that it takes for line ends.
            found = [json.loads(line) for line in whole.split(b"\n") if line] if path.suffix == ".jsonl" else json.loads(whole)
        except OSError as error:
            raise SystemExit(f"no data: {path} cannot be read ({error.strerror}); train/README.md says what the data folder must hold")
        except ValueError as error:
            raise SystemExit(f"{path} is not as train/README.md says: {error}")
        wanted = RECORD[path.parent.name]
        for number, record in enumerate(found, 1):
            if not (isinstance(record, dict) and wanted <= record.keys() and record["captions"]):
                raise SystemExit(f"{path}: record {number} needs {', '.join(sorted(wanted))}, and at least one caption: {str(record)[:200]}")
        self.digest.update(whole)
        return found

    def check(self):
        """Stops if a picture or clip is missing, or there is too little to learn from."""
        missing = [path for path in [*map(self.picture, self.pairs), *map(self.clip, self.clips)] if not path.is_file()]
        if missing:
            raise SystemExit(f"{len(missing)} of {len(self.pairs) + len(self.clips)} pictures and clips are missing: "
                             + ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else ""))
        odd = next((pair for pair in self.pairs if pair["split"] not in ("train", "tune")), None)
        if odd:
            raise SystemExit(f"the split of {odd['file']} is {odd['split']!r}, expected train or tune")
        if len(self.train) < TRAIN:
            raise SystemExit(f"{len(self.train)} pictures of train are too few, at least {TRAIN} are needed (with --origins, only theirs count)")
        if not any(len(group["captions"]) > 1 for group in self.groups):
            raise SystemExit("no group in text/groups.jsonl has several captions, of a picture that is not among the pairs")

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
