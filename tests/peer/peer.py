"""What Atom is compared with: the program that one writes in Python in an afternoon, with the same modules.

One process, modules loaded once and kept, one thing after the other: PyAV decodes, ONNX Runtime looks, captions with beam search,
embeds, answers three questions, and writes rows to SQLite. It samples, cuts and asks as the pipelines of `atom bench reuse` do,
and keeps the beginning that all questions share. What it does not have: work side by side, texts that grow together, drafts,
anything that survives a kill.

    python peer.py PACK_FOLDER STORE VIDEO...

prints one JSON object: seconds of loading and of working, and what was said.
"""
import json
import math
import re
import sqlite3
import sys
import time
import tomllib
from pathlib import Path

import av
import numpy as np
import onnxruntime
from av.video.reformatter import Interpolation
from tokenizers import Tokenizer

FPS, LENGTH_MS, SHORTEST_MS, SCENE_CHANGE = 2, 4000, 1000, 0.35
CHANGE, KEEP_EVERY_MS, SLACK_MS, ROUNDING_MS = 0.01, 4000, 500, 0.002
SCALING = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
QUESTIONS = ["What is on the ground?", "Where is this?", "What is happening?"]


def session(path):
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class Pack:
    """The modules and words of an installed pack."""

    def __init__(self, folder):
        self.manifest = tomllib.loads((folder / "pack.toml").read_text())
        self.vision = session(folder / "vision.onnx")
        self.text = session(folder / "text.onnx")
        self.text_tokenizer = Tokenizer.from_file(str(folder / "text_tokenizer.json"))
        self.decoder = Decoder(folder, self.manifest["decoder"])
        lines = [line.split("\t") for line in (folder / "concepts.tsv").read_text().splitlines()]
        self.words = [line[0] for line in lines]
        self.columns = {word: at for at, word in enumerate(self.words)}
        self.usual = np.array([line[1] for line in lines], np.float32)
        self.deviation = np.array([line[2] for line in lines], np.float32)
        self.sentences = (folder / "memory.txt").read_text().splitlines()
        self.codes, self.scale, self.picture = memory(folder / "memory.safetensors")

    def look(self, picture):
        embedding, concepts = self.vision.run(["embedding", "concepts"], {"frames": picture[None]})
        return embedding[0], concepts[0]

    def embed(self, text):
        ids = np.array([self.text_tokenizer.encode(text).ids], np.int64)
        return self.text.run(["embedding"], {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0][0]

    def told(self, concepts):
        """The words for what is seen: sure ones, and likely ones."""
        rule = self.manifest["vision"]["words"]
        apart = (concepts - self.usual) / self.deviation ** np.float32(rule["power"])
        ranked = np.argsort(-apart, kind="stable")[: rule["most"] + 2]
        ranked = [at for at in ranked if concepts[at] > rule["least"]][: rule["most"]]
        ranked.sort(key=lambda at: -concepts[at])
        sure = [self.words[at] for at in ranked if concepts[at] > rule["sure"]]
        return sure, [self.words[at] for at in ranked][len(sure):]

    def tags(self, concepts):
        sure, maybe = self.told(concepts)
        maybe = maybe[:3]
        if not sure and not maybe:
            return f"maybe {self.words[int(np.argmax(concepts))]}"
        likely = f"maybe {', '.join(maybe)}" if maybe else ""
        return "; ".join(part for part in [", ".join(sure), likely] if part)

    def examples(self, vector, count):
        """Remembered captions near a vector that agree with what else is near, of different pictures."""
        likeness = (self.codes @ vector) * self.scale
        near = np.lexsort((np.arange(len(likeness)), -likeness))[:40]
        weights = np.maximum(likeness[near], 0) ** 2 * self.scale[near]
        agreement = (self.codes[near] @ (weights @ self.codes[near])) * self.scale[near]
        worth = likeness[near] / max(likeness[near].max(), 1e-6) + agreement / max(agreement.max(), 1e-6)
        found, pictures = [], set()
        for at in near[np.argsort(-worth, kind="stable")]:
            if len(found) < count and self.picture[at] not in pictures:
                pictures.add(self.picture[at])
                found.append(self.sentences[at])
        return found

    def caption(self, embedding, concepts):
        prompts, rules = self.manifest["prompts"], self.manifest["restraint"]
        sure, maybe = self.told(concepts)
        examples = self.examples(embedding, self.manifest["memory"]["examples"])
        prompt = prompts["caption"].replace("{sure}", ", ".join(sure)).replace("{maybe}", ", ".join(maybe))
        prompt = prompt.replace("{examples}", " ".join(examples))
        likely = lambda word: word in self.columns and concepts[self.columns[word]] >= rules["likely"]
        withheld = [word for word in rules["doubted"] if not likely(word)]
        best, vector = None, None
        for text, score in self.decoder.beams(prompt, prompts["caption_beams"], prompts["caption_tokens"], withheld):
            said = self.embed(text)
            named = {self.column(word) for word in words(text)} - {None}
            score += rules["support"] * sum(max(concepts[at], 0) - rules["even"] for at in named)
            score += prompts["caption_likeness"] * float(said @ embedding)
            if best is None or score > best[1]:
                best, vector = (text, score), said
        return tidy(best[0]), vector

    def column(self, word):
        return next((self.columns[form] for form in forms(word) if form in self.columns), None)

    def answer(self, concepts, question):
        prompts = self.manifest["prompts"]
        evidence = self.tags(concepts)
        prompt = prompts["reason"].replace("{question}", question).replace("{evidence}", evidence)
        allowed = {word for word in words(evidence) if word != "maybe"} | set(words(question)) | set(prompts["glue"])
        beginning = prompts["reason"].split("{")[0]
        return tidy(self.decoder.greedy(prompt, beginning, prompts["answer_tokens"], allowed))


class Decoder:
    """The language model with its cache of keys and values."""

    def __init__(self, folder, part):
        self.session = session(folder / part["file"])
        self.tokenizer = Tokenizer.from_file(str(folder / part["tokenizer"]))
        self.caches = [f"{kind}.{layer}" for layer in range(part["layers"]) for kind in "kv"]
        self.shape = (part["kv_heads"], part["head_dim"])
        self.ends = {self.tokenizer.token_to_id(token) for token in part["end"]}
        size = self.tokenizer.get_vocab_size()
        self.ends |= {at for at in range(size) if "\n" in self.tokenizer.decode([at])}
        self.beginnings = {}

    def run(self, ids, past, adapter):
        """New tokens [rows, n] after what `past` holds; gives logits [rows, vocabulary] and keys and values."""
        rows, new = ids.shape
        known = past[0].shape[2] if past else 0
        heads, dim = self.shape
        past = past or [np.zeros((rows, heads, 0, dim), np.float32)] * len(self.caches)
        feed = {f"past_{name}": value for name, value in zip(self.caches, past)}
        feed |= {
            "input_ids": ids.astype(np.int64),
            "seqlens_k": np.full(rows, known + new - 1, np.int32),
            "total_seq": np.array([known + new], np.int32),
            "adapter": np.full((rows, 1, 1), adapter, np.float32),
        }
        out = self.session.run(["logits", *(f"present_{name}" for name in self.caches)], feed)
        return out[0][:, 0], out[1:]

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def beams(self, prompt, count, most, withheld):
        """The best texts by beam search, with their scores: log-probability by length to the power 0.7."""
        banned = [ids[0] for ids in (self.encode(" " + word) for word in withheld) if len(ids) == 1]
        logits, past = self.run(np.array([self.encode(prompt)]), None, 1)
        open_, ended = [([], 0.0)], []
        while True:
            candidates = []
            for at, (tokens, score) in enumerate(open_):
                row = logits[at]
                total = row.max() + math.log(np.exp(row - row.max()).sum())
                row = row.copy()
                row[banned] = -np.inf
                for token in np.argpartition(-row, 2 * count)[: 2 * count]:
                    candidates.append((score + float(row[token]) - total, at, int(token)))
            candidates.sort(key=lambda one: (-one[0], one[1], one[2]))
            going, steps = [], []
            for rank, (score, at, token) in enumerate(candidates[: 2 * count]):
                tokens = open_[at][0]
                if token in self.ends:
                    if rank < count and tokens:
                        ended.append((tokens, score / (len(tokens) + 1) ** 0.7))
                elif len(going) < count:
                    going.append((tokens + [token], score))
                    steps.append((at, token))
            open_ = going
            if len(ended) >= count or not open_ or len(open_[0][0]) >= most:
                break
            rows = [at for at, _ in steps]
            logits, past = self.run(np.array([[token] for _, token in steps]), [part[rows] for part in past], 1)
        found = ended or [(tokens, score / len(tokens) ** 0.7) for tokens, score in open_]
        found.sort(key=lambda one: -one[1])
        return [(self.tokenizer.decode(tokens).strip(), score) for tokens, score in found]

    def greedy(self, prompt, beginning, most, allowed):
        """The likeliest text of some words. What all prompts begin with is run once."""
        tokens = self.encode(prompt)
        if beginning not in self.beginnings:
            begun = self.encode(beginning)
            self.beginnings[beginning] = (begun, self.run(np.array([begun]), None, 0)[1])
        begun, past = self.beginnings[beginning]
        common = next((at for at, (a, b) in enumerate(zip(begun, tokens)) if a != b), len(begun))
        past = [part[:, :, :common] for part in past]
        may_be = sorted(self.ends | {token for word in allowed for form in (word, word.capitalize())
                                     for text in (form, " " + form) for token in self.encode(text)})
        logits, past = self.run(np.array([tokens[common:]]), past, 0)
        said = []
        while len(said) < most:
            token = may_be[int(np.argmax(logits[0][may_be]))]
            if token in self.ends:
                break
            said.append(token)
            logits, past = self.run(np.array([[token]]), past, 0)
        return self.tokenizer.decode(said).strip()


def memory(path):
    """The vectors of remembered sentences: a safetensors file, read by its header."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    kinds = {"I8": np.int8, "F32": np.float32, "I32": np.int32}

    def tensor(name):
        begin, end = header[name]["data_offsets"]
        return np.frombuffer(data[8 + size + begin:8 + size + end], kinds[header[name]["dtype"]]).reshape(header[name]["shape"])

    return tensor("codes").astype(np.float32), tensor("scale"), tensor("picture")


def words(text):
    return re.findall("[a-z]+", text.lower())


def forms(word):
    """A word, and what may be left of it without its ending."""
    found = [word]
    found += [{"men": "man", "women": "woman", "children": "child"}[word]] if word in ("men", "women", "children") else []
    if word.endswith("ies"):
        found.append(word[:-3] + "y")
    if word.endswith("s"):
        found.append(word[:-1])
        found += [word[:-2]] if word.endswith("es") else []
    for ending in ("ing", "ed"):
        if word.endswith(ending):
            stem = word[: -len(ending)]
            found += [stem, stem + "e"]
            found += [stem[:-1]] if len(stem) > 1 and stem[-1] == stem[-2] else []
    return found


def tidy(text):
    """The first sentence, with a capital and a full stop."""
    line = (text.strip().splitlines() or [""])[0].strip()
    sentence = re.match(r".*?[.!?](?=\s|$)", line)
    sentence = sentence.group() if sentence else line
    stop = "" if sentence.endswith((".", "!", "?")) else "."
    return sentence[:1].upper() + sentence[1:] + stop


def signature(picture):
    """The mean colour of 16 x 16 cells."""
    high, wide = picture.shape[:2]
    rows, columns = (np.searchsorted(np.arange(size) * 16 // size, np.arange(16)) for size in (high, wide))
    sums = np.add.reduceat(np.add.reduceat(picture.astype(np.uint32), rows, 0), columns, 1)
    counts = np.outer(np.diff([*rows, high]), np.diff([*columns, wide]))
    return (sums // counts[..., None]).astype(np.int64)


def difference(a, b):
    brightness = lambda cells: (cells @ [299, 587, 114]) // 1000
    return np.abs(brightness(a) - brightness(b)).sum() / (256 * 255)


def colour_change(a, b):
    histogram = lambda cells: np.bincount((cells * 4 // 256).reshape(-1, 3) @ [16, 4, 1], minlength=64)
    return 1 - np.minimum(histogram(a), histogram(b)).sum() / 256


def pictures(video, side):
    """The wanted pictures of a video, with their times: two a second on a grid, and none like the last."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        place = kept = end = None
        first = None
        for frame in container.decode(stream):
            first = frame.time if first is None else first
            at = (frame.time - first) * 1000
            end = at + 1000 / float(stream.average_rate or 25)
            slot = (int((at + ROUNDING_MS) // LENGTH_MS), int((at + ROUNDING_MS) * FPS // 1000))
            if slot == place:
                continue
            place = slot
            picture = frame.to_ndarray(format="rgb24", width=side, height=side, interpolation=SCALING,
                                       src_colorspace="ITU709" if frame.height > 576 else "ITU601")
            cells = signature(picture)
            if kept and kept[1] == slot[0] and int(at) - int(kept[0]) < KEEP_EVERY_MS and difference(kept[2], cells) < CHANGE:
                continue
            kept = (at, slot[0], cells)
            yield at, picture, cells
        yield end, None, None


def segments(pack, video):
    """Start, end, embedding and concepts of each segment."""
    side = pack.manifest["vision"]["width"]
    open_, last = None, None

    def closed(end):
        embeddings, concepts = zip(*open_["seen"])
        mean = np.sum(embeddings, 0)
        return open_["start"], end, mean / np.linalg.norm(mean), np.mean(concepts, 0)

    for at, picture, cells in pictures(video, side):
        stretch = int((at + ROUNDING_MS) // LENGTH_MS)
        if open_ and (picture is None or stretch != open_["stretch"]):
            yield closed(min(at, (open_["stretch"] + 1) * LENGTH_MS))
            open_ = None
        if picture is None:
            return
        seen = pack.look(picture)
        if open_ and int(at) - int(open_["start"]) >= SHORTEST_MS and colour_change(last, cells) > SCENE_CHANGE:
            yield closed(at)
            open_ = {"stretch": stretch, "start": at, "seen": []}
        if open_ is None:
            begin = stretch * LENGTH_MS
            open_ = {"stretch": stretch, "start": at if at - begin > SLACK_MS else begin, "seen": []}
        open_["seen"].append(seen)
        last = cells


def main(folder, store, videos):
    begun = time.monotonic()
    pack = Pack(Path(folder))
    loaded = time.monotonic()
    index = sqlite3.connect(store)
    index.execute("CREATE TABLE segments (source, start_ms, end_ms, caption, tags, embedding, caption_embedding)")
    said = []
    for n, video in enumerate(videos, 1):
        for start, end, embedding, concepts in segments(pack, video):
            caption, vector = pack.caption(embedding, concepts)
            answers = [pack.answer(concepts, question) for question in QUESTIONS]
            row = (f"video{n}", int(start), int(end), caption, pack.tags(concepts), embedding.tobytes(), vector.tobytes())
            index.execute("INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            index.commit()
            said.append({"source": f"video{n}", "start_ms": int(start), "caption": caption, "answers": answers})
    done = time.monotonic()
    print(json.dumps({"load_seconds": loaded - begun, "work_seconds": done - loaded, "said": said}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
