"""Checks a built pack against committed figures of the origins (checks.json), and says for each what was expected and found.

The figures come from convert/figures.py: the decoder in float32, the tflite interpreter and the TensorFlow graph, and
MiniLM's float32 weights. `measure_*` run the built files; figures.py uses the same functions where the origin is ONNX too.
"""
import json
import sys

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from picture import picture


def say(text):
    print(text, file=sys.stderr, flush=True)


class Report:
    """Collects what failed, so that one run shows all faults."""

    def __init__(self):
        self.failed = []

    def expect(self, good, what, expected, found):
        say(f"  {'good' if good else 'BAD '}  {what}: expected {expected}, found {found}")
        if not good:
            self.failed.append(what)


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    return onnxruntime.InferenceSession(path, options)


class Decoder:
    """decoder.onnx with its cache, greedy, one sequence: what the runtime does, in few lines."""

    def __init__(self, folder, layers=30, kv_heads=3, head_dim=64):
        self.session = session(folder / "decoder.onnx")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.names = [f"past_{c}.{i}" for i in range(layers) for c in "kv"]
        self.empty = np.zeros((1, kv_heads, 0, head_dim), np.float32)
        self.outputs = ["logits"] + [name.replace("past", "present") for name in self.names]

    def step(self, ids, cache, length):
        """Logits [vocabulary] after `ids`, which follow `length` tokens in `cache`, and the new cache."""
        total = length + len(ids)
        feed = dict(zip(self.names, cache or [self.empty] * len(self.names)))
        feed |= {"input_ids": np.array([ids]), "seqlens_k": np.array([total - 1], np.int32), "total_seq": np.array([total], np.int32)}
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
    """First greedy tokens, KL of the first token, and the tokenizer."""
    decoder = Decoder(folder)
    for token in ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]:
        ids = decoder.tokenizer.encode(token).ids
        report.expect(ids == [figures["special"][token]], f"token {token}", [figures["special"][token]], ids)
    sample = figures["round_trip"]
    back = decoder.tokenizer.decode(decoder.tokenizer.encode(sample).ids)
    report.expect(back == sample, "tokenizer round trip", repr(sample), repr(back))
    for case in figures["cases"]:
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


def check_vision(folder, figures, report):
    """The fixed picture through the fused graph, against tflite's logits and TensorFlow's scores."""
    names = (folder / "concepts.txt").read_text().splitlines()
    fused = session(folder / "vision.onnx")
    dark = np.zeros((300, 300, 3), np.uint8)
    vectors, concepts = fused.run(["embedding", "concepts"], {"frames": np.stack([picture(), dark])})
    report.expect(len(names) == concepts.shape[1], "concept names", concepts.shape[1], len(names))
    labels, classes = concepts[0, :1000].astype(np.float64), concepts[0, 1000:].astype(np.float64)
    logits = np.log(labels)
    likeness = np.corrcoef(logits, figures["lite3_logits"])[0, 1]
    report.expect(likeness > 0.98, "correlation of the 1000 logits with tflite's (int8 arithmetic)", "> 0.98", f"{likeness:.4f}")
    top, origin = (set(np.argsort(a)[::-1][:5].tolist()) for a in (labels, np.array(figures["lite3_logits"])))
    report.expect(len(top & origin) >= 4, "top 5 labels", [names[i] for i in sorted(origin)], [names[i] for i in sorted(top)])
    first = int(np.argmax(figures["lite3_logits"]))
    report.expect(int(labels.argmax()) == first, "first label", names[first], names[int(labels.argmax())])
    scores = np.log(classes) - np.log1p(-classes)
    likeness = np.corrcoef(scores, figures["ssd_scores"])[0, 1]
    report.expect(likeness > 0.99, "correlation of the 80 best scores with TensorFlow's", "> 0.99", f"{likeness:.4f}")
    best = int(np.argmax(figures["ssd_scores"]))
    report.expect(int(classes.argmax()) == best, "best class", names[1000 + best], names[1000 + int(classes.argmax())])
    cosine = float(vectors[0] @ np.array(figures["embedding"]))
    report.expect(cosine > 0.99, "cosine of the index vector with the one made from the origins' scores", "> 0.99", f"{cosine:.4f}")
    lengths = np.linalg.norm(vectors, axis=1)
    report.expect(bool(np.abs(lengths - 1).max() < 1e-4), "length of the index vectors of the picture and of a dark frame", 1, lengths.round(5).tolist())


def check_text(folder, figures, mean, report):
    """Sentence vectors against MiniLM's float32 weights, alone and as a padded batch."""
    tokenizer = Tokenizer.from_file(str(folder / "text_tokenizer.json"))
    texts = [case["text"] for case in figures]
    rows = [tokenizer.encode(t).ids for t in texts]
    report.expect(rows == [case["ids"] for case in figures], "text tokens", [len(c["ids"]) for c in figures], [len(r) for r in rows])
    ids = np.array([row + [0] * (max(map(len, rows)) - len(row)) for row in rows])
    mask = np.array([[1] * len(row) + [0] * (ids.shape[1] - len(row)) for row in rows])
    net = session(folder / "text.onnx")
    batch = net.run(None, {"input_ids": ids, "attention_mask": mask})[0]
    for i, case in enumerate(figures):
        wanted = np.array(case["vector"]) - mean
        wanted /= np.linalg.norm(wanted)
        cosine = float(batch[i] @ wanted)
        report.expect(cosine > 0.99, f"cosine of {case['text']!r} with float32", "> 0.99", f"{cosine:.4f}")
        alone = net.run(None, {"input_ids": np.array([rows[i]]), "attention_mask": np.ones((1, len(rows[i])), np.int64)})[0][0]
        report.expect(float(alone @ batch[i]) > 0.9999, "the same alone and in a padded batch", "> 0.9999", f"{float(alone @ batch[i]):.6f}")


def run(folder, figures, mean, report):
    """All checks of the files in `folder`."""
    figures = json.loads(figures.read_text())
    say("checking text.onnx")
    check_text(folder, figures["text"], mean, report)
    say("checking vision.onnx")
    check_vision(folder, figures["vision"], report)
    say("checking decoder.onnx")
    check_decoder(folder, figures["decoder"], report)
