"""Stage `sentences`: MiniLM's vector of every caption, length 1, not yet centred or whitened.

Writes WORK/sentences.npz: `pairs` [captions of all pairs in order, 384] with `pairs.owner`; `groups` and `groups.owner`;
`clips` and `clips.owner`. Sentences of one length go together, so that the 8-bit arithmetic never sees padding.
"""
import numpy as np
import onnxruntime
from tokenizers import Tokenizer

import store

BATCH = 64


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


def run(data, parts, work, log):
    encode, out = Sentences(parts), {}
    for name, records in [("pairs", data.pairs), ("clips", data.clips), ("groups", data.groups)]:
        texts = [caption for record in records for caption in record["captions"]]
        out[name] = encode(texts, log).astype(np.float16)
        out[f"{name}.owner"] = np.repeat(np.arange(len(records)), np.array([len(record["captions"]) for record in records], int))
        log(f"{len(texts)} sentences of {name}")
    store.arrays(work / "sentences.npz", **out)
