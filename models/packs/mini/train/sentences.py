"""Stage `sentences`: MiniLM's vectors of captions, length 1, in the space in which MiniLM gives them.

Writes WORK/sentences.npz: `scenes` [captions, 384] with `scenes.owner` and `scenes.text` (the caption's number in its scene), at most
CAPTIONS of a scene; `clips`, `clips.owner`; `memory`, `memory.owner` and `memory.text` for the captions of `texts` that
may be in the memory. Sentences of one length go together, so that the 8-bit arithmetic never sees padding.
"""
import numpy as np
import onnxruntime
from tokenizers import Tokenizer

import quality
import store

BATCH = 64
CAPTIONS = 8    # of a scene; films have up to twenty
REMEMBERED = 3  # of a text of which there is no picture


class Sentences:
    """Texts to vectors [n, 384]."""

    def __init__(self, parts):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        self.session = onnxruntime.InferenceSession(parts / "minilm.onnx", options)
        self.tokenizer = Tokenizer.from_file(str(parts / "minilm_tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(128)

    def __call__(self, texts, log=lambda text: None):
        rows = [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        vectors, start, told = np.zeros((len(rows), 384), np.float32), 0, 0
        while start < len(order):
            length = len(rows[order[start]])
            batch = [i for i in order[start:start + BATCH] if len(rows[i]) == length]
            ids = np.array([rows[i] for i in batch])
            feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
            found = self.session.run(None, feed)[0].mean(1)
            vectors[batch] = found / np.linalg.norm(found, axis=1, keepdims=True)
            start += len(batch)
            if start - told > 20_000:
                told = start
                log(f"{start} of {len(order)} sentences")
        return vectors


def some(captions, most):
    """Places of at most `most` captions, evenly spread over the list."""
    return [k * len(captions) // min(most, len(captions)) for k in range(min(most, len(captions)))]


def run(data, parts, work, log):
    encode, out = Sentences(parts), {}

    def add(name, chosen):
        """`chosen` are (owner, number, caption)."""
        owner, text, captions = zip(*chosen) if chosen else ((), (), ())
        out[name] = encode(list(captions), log).astype(np.float16)
        out[f"{name}.owner"], out[f"{name}.text"] = np.array(owner, int), np.array(text, int)
        log(f"{len(captions)} sentences of {name}")

    judge = quality.Quality(data)
    fit = [[k for k, caption in enumerate(text["captions"]) if text["origin"].startswith("coco") and judge.fit(caption)] for text in data.texts]
    add("scenes", [(i, k, scene.captions[k]) for i, scene in enumerate(data.scenes) for k in some(scene.captions, CAPTIONS)])
    add("clips", [(i, k, caption) for i, clip in enumerate(data.clips) for k, caption in enumerate(clip["captions"])])
    add("memory", [(i, found[k], data.texts[i]["captions"][found[k]]) for i, found in enumerate(fit) for k in some(found, REMEMBERED)])
    store.arrays(work / "sentences.npz", **out)
