"""Checks a built pack against committed figures of the upstream models (checks.json), and reports for each what was expected and found.

The figures come from convert/figures.py: the decoder in float32, the tflite interpreter and the TensorFlow graph, and
MiniLM's float32 weights. `measure_*` run the built files; figures.py uses the same functions where the upstream model is ONNX too.
"""
import json
import math
import pathlib
import sys
import tempfile

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

import features
from coco import CLASSES
from picture import picture


def say(text):
    print(text, file=sys.stderr, flush=True)


class Report:
    """Collects the checks that failed, so that one run shows all of them."""

    def __init__(self):
        self.failed = []

    def expect(self, good, what, expected, found):
        say(f"  {'ok  ' if good else 'FAIL'}  {what}: expected {expected}, found {found}")
        if not good:
            self.failed.append(what)


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(path, options)


class Decoder:
    """decoder.onnx with its cache, greedy, one sequence: the work of the runtime in few lines."""

    def __init__(self, folder, layers=30, kv_heads=3, head_dim=64):
        self.session = session(folder / "decoder.onnx")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.names = [f"past_{c}.{i}" for i in range(layers) for c in "kv"]
        self.empty = np.zeros((1, kv_heads, 0, head_dim), np.float32)
        self.outputs = ["logits"] + [name.replace("past", "present") for name in self.names]
        self.adapter = np.zeros((1, 1, 1), np.float32)

    def step(self, ids, cache, length):
        """Logits [vocabulary] after `ids`, which follow `length` tokens in `cache`, and the new cache."""
        total = length + len(ids)
        feed = dict(zip(self.names, cache or [self.empty] * len(self.names)))
        feed |= {"input_ids": np.array([ids]), "seqlens_k": np.array([total - 1], np.int32), "total_seq": np.array([total], np.int32),
                 "adapter": self.adapter}
        logits, *cache = self.session.run(self.outputs, feed)
        return logits[0, 0], cache

    def greedy(self, prompt, limit, end=("<|im_end|>", "<|endoftext|>")):
        """First logits and the tokens that follow `prompt`, up to an end token."""
        stop = {self.tokenizer.token_to_id(token) for token in end}
        ids = self.tokenizer.encode(prompt).ids
        logits, cache = self.step(ids, None, 0)
        first, length, answer = logits, len(ids), []
        while len(answer) < limit and int(logits.argmax()) not in stop:
            answer.append(int(logits.argmax()))
            logits, cache = self.step(answer[-1:], cache, length)
            length += 1
        return first, answer


def log_softmax(logits):
    shifted = logits.astype(np.float64) - logits.max()
    return shifted - np.log(np.exp(shifted).sum())


def check_decoder(folder, figures, report):
    """First greedy tokens, KL of the first token, and the tokenizer; the plain model, and the adapter on the prompt of a caption."""
    decoder = Decoder(folder)
    for token in ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]:
        ids = decoder.tokenizer.encode(token).ids
        report.expect(ids == [figures["special"][token]], f"token {token}", [figures["special"][token]], ids)
    sample = figures["round_trip"]
    back = decoder.tokenizer.decode(decoder.tokenizer.encode(sample).ids)
    report.expect(back == sample, "tokenizer round trip", repr(sample), repr(back))
    for case in figures["cases"]:
        decoder.adapter[:] = case.get("adapter", 0)
        ids = decoder.tokenizer.encode(case["prompt"]).ids
        report.expect(ids == case["prompt_ids"], "prompt tokens", f"{len(case['prompt_ids'])} ids", f"{len(ids)} ids")
        logits, answer = decoder.greedy(case["prompt"], len(case["answer"]))
        found = log_softmax(logits)
        top = np.array(case["top_ids"])
        wanted = np.array(case["top_log_probabilities"])
        rest = [np.log1p(-np.exp(a).sum()) for a in (wanted, found[top])]
        divergence = float((np.exp(wanted) * (wanted - found[top])).sum() + np.exp(rest[0]) * (rest[0] - rest[1]))
        report.expect(divergence < 0.03, f"KL of the first token over the top {len(top)} and the rest", "< 0.03", f"{divergence:.4f}")
        report.expect(int(found.argmax()) == top[0], "first token", int(top[0]), int(found.argmax()))
        same = next((i for i, (a, b) in enumerate(zip(answer, case["answer"])) if a != b), min(len(answer), len(case["answer"])))
        report.expect(same >= case["agree"], f"greedy tokens equal to float32's {decoder.tokenizer.decode(case['answer'])!r}",
                      f">= {case['agree']}", f"{same}: {decoder.tokenizer.decode(answer)!r}")


def check_adapter(folder, plain, report):
    """With `adapter` 0 the decoder is the one in `plain`, which was built without an adapter: a prompt, and a step after it."""
    with_adapter, without = Decoder(folder), Decoder(plain)
    ids = with_adapter.tokenizer.encode("The river runs through the old town and under its three bridges.").ids
    a, b = with_adapter.step(ids, None, 0), without.step(ids, None, 0)
    same = lambda a, b: np.array_equal(a[0], b[0]) and all(np.array_equal(x, y) for x, y in zip(a[1], b[1]))
    report.expect(same(a, b), "a prompt with adapter 0, against a decoder without adapter", "equal bits", "equal" if same(a, b) else "different")
    a, b = with_adapter.step(ids[:1], a[1], len(ids)), without.step(ids[:1], b[1], len(ids))
    report.expect(same(a, b), "the step after it", "equal bits", "equal" if same(a, b) else "different")


def blocks(pack, frames):
    """Returns the outputs of the vision networks for `frames`, from a graph of the networks alone."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "features.onnx"
        features.write(pack / "vision", path)
        return dict(zip(features.BLOCKS, session(path).run(None, {"frames": frames})))


def heads(pack, seen):
    """Concepts and index vectors as trained/heads.npz says, by plain matrix products, independently of the graph."""
    h = {name: value.astype(np.float64) for name, value in np.load(pack / "trained" / "heads.npz").items()}
    layer = lambda name, x: x @ (h[f"{name}.codes"] * h[f"{name}.unit"]) + h[f"{name}.bias"]
    scaled = (np.concatenate([seen[name] for name in features.BLOCKS], 1) - h["mean"]) * h["scale"]
    into, straight = layer("into", scaled), layer("straight", scaled)
    hidden = into * 0.5 * (1 + np.vectorize(math.erf)(into / math.sqrt(2)))
    placed = straight + layer("out", hidden)
    concepts = 1 / (1 + np.exp(-layer("words", np.concatenate([hidden, straight], 1))))
    return concepts, placed / np.linalg.norm(placed, axis=1, keepdims=True)


def check_vision(pack, folder, figures, report):
    """The networks against tflite's logits and TensorFlow's scores on the test image, and the graph against its heads."""
    labels = (pack / "vision" / "labels.txt").read_text().splitlines()
    frames = np.stack([picture(), np.zeros((300, 300, 3), np.uint8)])
    seen = blocks(pack, frames)
    logits = seen["logits"][0].astype(np.float64)
    likeness = np.corrcoef(logits, figures["lite3_logits"])[0, 1]
    report.expect(likeness > 0.98, "correlation of the 1000 logits with tflite's (int8 arithmetic)", "> 0.98", f"{likeness:.4f}")
    top, origin = (set(np.argsort(a)[::-1][:5].tolist()) for a in (logits, np.array(figures["lite3_logits"])))
    report.expect(len(top & origin) >= 4, "top 5 labels", [labels[i] for i in sorted(origin)], [labels[i] for i in sorted(top)])
    first = int(np.argmax(figures["lite3_logits"]))
    report.expect(int(logits.argmax()) == first, "first label", labels[first], labels[int(logits.argmax())])
    classes = np.exp(seen["classes"][0].astype(np.float64) - 7)
    low = np.array(figures["ssd_scores"]) > np.log(features.LOW) + 0.1
    scores = np.log(classes) - np.log1p(-classes)
    likeness = np.corrcoef(scores[low], np.array(figures["ssd_scores"])[low])[0, 1]
    report.expect(likeness > 0.99, f"correlation of the {low.sum()} scores above {features.LOW} with TensorFlow's", "> 0.99", f"{likeness:.4f}")
    best = int(np.argmax(figures["ssd_scores"]))
    report.expect(int(classes.argmax()) == best, "best class", list(CLASSES.values())[best], list(CLASSES.values())[int(classes.argmax())])

    names = (folder / "concepts.tsv").read_text().splitlines()
    vectors, concepts, objects = session(folder / "vision.onnx").run(["embedding", "concepts", "objects"], {"frames": frames})
    report.expect(len(names) == concepts.shape[1], "concept names", concepts.shape[1], len(names))
    wanted_concepts, wanted_vectors = heads(pack, seen)
    apart = float(np.abs(concepts - wanted_concepts).max())
    report.expect(apart < 1e-3, "largest difference between a concept and the plain product of the heads", "< 0.001", f"{apart:.6f}")
    cosine = float((vectors * wanted_vectors).sum(1).min())
    report.expect(cosine > 0.9999, "cosine between the index vectors and the plain product of the heads", "> 0.9999", f"{cosine:.6f}")
    named = [line.split("\t") for line in (folder / "objects.tsv").read_text().splitlines()]
    strange = [want for want, have in zip(CLASSES.values(), named) if want not in [have[0], have[0] + "s", *",".join(have[1:]).split(",")]]
    report.expect((len(named), strange) == (len(CLASSES), []), "names of the detector's classes", f"{len(CLASSES)}, each with its name",
                  f"{len(named)}, without their name: {strange}")
    best = np.exp(seen["classes"].astype(np.float64) - 7)
    clear = np.abs(best - features.COUNTED) > 1e-4
    same = bool(((objects > 0) == (best > features.COUNTED))[clear].all())
    report.expect(same, f"classes with objects have a score above {features.COUNTED}", "all", "all" if same else "not all")
    lengths = np.linalg.norm(vectors, axis=1)
    report.expect(bool(np.abs(lengths - 1).max() < 1e-4), "length of the index vectors of the test image and of a black frame", 1, lengths.round(5).tolist())


def check_memory(folder, report):
    """Checks that there are as many sentences as vectors."""
    with (folder / "memory.safetensors").open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    count = len((folder / "memory.txt").read_text().splitlines())
    report.expect(header["codes"]["shape"] == [count, 384], "shape of the memory's codes", [count, 384], header["codes"]["shape"])


def check_text(pack, folder, figures, report):
    """Checks sentence vectors against MiniLM's float32 weights, alone and as a padded batch."""
    trained = np.load(pack / "trained" / "heads.npz")
    tokenizer = Tokenizer.from_file(str(folder / "text_tokenizer.json"))
    texts = [case["text"] for case in figures]
    rows = [tokenizer.encode(t).ids for t in texts]
    report.expect(rows == [case["ids"] for case in figures], "text tokens", [len(c["ids"]) for c in figures], [len(r) for r in rows])
    ids = np.array([row + [0] * (max(map(len, rows)) - len(row)) for row in rows])
    mask = np.array([[1] * len(row) + [0] * (ids.shape[1] - len(row)) for row in rows])
    net = session(folder / "text.onnx")
    batch = net.run(None, {"input_ids": ids, "attention_mask": mask})[0]
    for i, case in enumerate(figures):
        wanted = (np.array(case["vector"]) - trained["centre"]) @ trained["text_map"]
        wanted /= np.linalg.norm(wanted)
        cosine = float(batch[i] @ wanted)
        report.expect(cosine > 0.99, f"cosine of {case['text']!r} with float32", "> 0.99", f"{cosine:.4f}")
        alone = net.run(None, {"input_ids": np.array([rows[i]]), "attention_mask": np.ones((1, len(rows[i])), np.int64)})[0][0]
        report.expect(float(alone @ batch[i]) > 0.9999, "cosine between its vectors alone and in a padded batch", "> 0.9999", f"{float(alone @ batch[i]):.6f}")


def run(pack, folder, report):
    """Runs all checks of the files in `folder`, built from the sources in `pack`."""
    figures = json.loads((pack / "checks.json").read_text())
    say("checking text.onnx")
    check_text(pack, folder, figures["text"], report)
    say("checking vision.onnx")
    check_vision(pack, folder, figures["vision"], report)
    say("checking the memory")
    check_memory(folder, report)
    say("checking decoder.onnx")
    check_decoder(folder, figures["decoder"], report)
