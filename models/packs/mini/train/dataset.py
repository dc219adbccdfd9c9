"""Reads the folder of training data. Nothing of it is part of the project; train/README.md says what it must hold.

    images/pairs.json       [{"file", "split": "train" | "tune", "origin", "captions": [...]}], files beside it
    features/records.jsonl  optional; {"name", "split", "origin", "group", "captions"} a line: pictures of which only the networks'
                            outputs are here, in the arrays beside it (precomputed.py). Records of one `group` are frames of one film,
                            or the only picture of that name; the first of them holds the captions of all
    clips/captions.json     optional; [{"file", "captions": [...]}], files beside it; only measured, never learned from
    text/*.jsonl            {"origin", "captions": [...]} a line: captions of one picture that is not here

A *scene* is what people wrote captions of: a picture, or a film of which there are several frames. It belongs to one split.
"""
import bisect
import dataclasses
import hashlib
import itertools
import json
import random
import re

TRAIN = 12      # scenes of `train` at least
LONG = 6        # words from which an equal caption means the same picture, not chance
RECORD = {"images": {"file", "split", "origin", "captions"}, "features": {"name", "split", "origin", "group"}, "clips": {"file", "captions"},
          "text": {"origin", "captions"}}


@dataclasses.dataclass
class Scene:
    """`rows` are its pictures' places in Data.files followed by Data.stored."""
    split: str
    origin: str
    captions: list[str]
    rows: list[int]

    @property
    def dataset(self):
        """The name of its data set: its origin up to the first `_`, so that flickr8k_dev and flickr8k_train are one."""
        return self.origin.split("_")[0]


class Data:
    """The folder, read once.

    `files` are the pictures' paths, `stored` the rows of features/ that are used; `scenes`, `clips` and `texts` are in file order.
    Only scenes and texts whose origin begins with `origins` are kept; clips are kept, they teach nothing."""

    def __init__(self, folder, origins=""):
        self.folder, self.digest = folder, hashlib.sha256()
        pairs = [pair for pair in self.records("images/pairs.json") if pair["origin"].startswith(origins)]
        self.files = [folder / "images" / pair["file"] for pair in pairs]
        self.scenes = [Scene(pair["split"], pair["origin"], pair["captions"], [row]) for row, pair in enumerate(pairs)]
        self.stored = []
        if (folder / "features" / "records.jsonl").is_file():
            self.read_features(self.records("features/records.jsonl"), origins)
        self.clips = self.records("clips/captions.json") if (folder / "clips" / "captions.json").is_file() else []
        paths = sorted((folder / "text").glob("*.jsonl"))
        if not paths:
            raise SystemExit(f"no data: {folder / 'text'} holds no .jsonl file; train/README.md says what the data folder must hold")
        # A text of a picture that is here is left out: what tests must not be learned, what teaches not be learned twice.
        known = Known(self.scenes)
        self.texts = [text for path in paths for text in self.records(f"text/{path.name}")
                      if text["origin"].startswith(origins) and not known.picture_of(text["captions"])]
        self.train = [i for i, scene in enumerate(self.scenes) if scene.split == "train"]
        self.tune = [i for i, scene in enumerate(self.scenes) if scene.split == "tune"]

    def read_features(self, records, origins):
        scenes = {}
        for row, record in enumerate(records):
            if record["origin"].startswith(origins):
                if record["group"] not in scenes:
                    if not record.get("captions"):
                        raise SystemExit(f"{self.folder / 'features/records.jsonl'}: record {row + 1} needs captions, as the first of "
                                         f"group {record['group']!r}")
                    scenes[record["group"]] = Scene(record["split"], record["origin"], record["captions"], [])
                if record["split"] != scenes[record["group"]].split:
                    raise SystemExit(f"{self.folder / 'features/records.jsonl'}: record {row + 1} has the split {record['split']!r}, but an earlier "
                                     f"one of group {record['group']!r} another: a group must be measured or learned as a whole")
                scenes[record["group"]].rows.append(len(self.files) + len(self.stored))
                self.stored.append(row)
        self.scenes += scenes.values()

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
            if not (isinstance(record, dict) and wanted <= record.keys() and record.get("captions", True)):
                raise SystemExit(f"{path}: record {number} needs {', '.join(sorted(wanted))}, and at least one caption: {str(record)[:200]}")
        self.digest.update(whole)
        return found

    def check(self):
        """Stops if a picture or clip is missing, or there is too little to learn from."""
        missing = [path for path in [*self.files, *map(self.clip, self.clips)] if not path.is_file()]
        if missing:
            raise SystemExit(f"{len(missing)} of {len(self.files) + len(self.clips)} pictures and clips are missing: "
                             + ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else ""))
        odd = next((scene for scene in self.scenes if scene.split not in ("train", "tune")), None)
        if odd:
            raise SystemExit(f"the split of the picture with the caption {odd.captions[0]!r} is {odd.split!r}, expected train or tune")
        if len(self.train) < TRAIN:
            raise SystemExit(f"{len(self.train)} pictures and films of train are too few, at least {TRAIN} are needed (with --origins, only theirs count)")

    def take(self, count):
        """Keeps so many pictures of train, and the scenes to which they belong."""
        order = random.Random(0).sample(self.train, len(self.train))
        ends = list(itertools.accumulate(len(self.scenes[i].rows) for i in order))
        self.train = sorted(order[:max(TRAIN, bisect.bisect_right(ends, count))])

    def rows(self, scenes):
        """The pictures of some scenes, and the place of each one's scene among them."""
        return ([row for i in scenes for row in self.scenes[i].rows],
                [place for place, i in enumerate(scenes) for _ in self.scenes[i].rows])

    def by_dataset(self, scenes):
        """Some scenes by the name of their data set, both in the order in which they come."""
        found = {}
        for i in scenes:
            found.setdefault(self.scenes[i].dataset, []).append(i)
        return found

    def clip(self, record):
        return self.folder / "clips" / record["file"]


def long_captions(captions):
    return {plain(caption) for caption in captions if len(caption.split()) >= LONG}


class Known:
    """The long captions of scenes, to find texts of the same pictures.

    Of two pictures with several captions each, two equal captions are no chance; one is, in a large collection, but it could give
    away what is measured."""

    def __init__(self, scenes):
        self.several, self.enough = set(), set()
        for scene in scenes:
            captions = long_captions(scene.captions)
            (self.enough if scene.split == "tune" or len(captions) == 1 else self.several).update(captions)

    def picture_of(self, captions):
        captions = long_captions(captions)
        return bool(captions & self.enough) or len(captions & self.several) > 1


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
