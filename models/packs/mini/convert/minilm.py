"""all-MiniLM-L6-v2 in float32 on numpy, from its safetensors file: the origin that text.onnx is checked against."""
import json
import math
import pathlib

import numpy as np

HEADS = 12


def load(path):
    """The tensors of a safetensors file (float32 only) by name."""
    raw = pathlib.Path(path).read_bytes()
    size = int.from_bytes(raw[:8], "little")
    table = json.loads(raw[8:8 + size])
    table.pop("__metadata__", None)
    return {name: np.frombuffer(raw[8 + size + t["data_offsets"][0]:8 + size + t["data_offsets"][1]], np.float32).reshape(t["shape"])
            for name, t in table.items() if t["dtype"] == "F32"}


def sentence(weights, ids):
    """The sentence vector [384], length 1, of one tokenized text."""
    w = lambda name: weights[name]
    linear = lambda x, name: x @ w(name + ".weight").T + w(name + ".bias")

    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12) * w(name + ".weight") + w(name + ".bias")

    e = "embeddings."
    x = w(e + "word_embeddings.weight")[ids] + w(e + "position_embeddings.weight")[:len(ids)] + w(e + "token_type_embeddings.weight")[0]
    x = norm(x, e + "LayerNorm")
    for i in range(6):
        p = f"encoder.layer.{i}."
        q, k, v = (linear(x, f"{p}attention.self.{n}").reshape(len(ids), HEADS, -1).transpose(1, 0, 2) for n in ("query", "key", "value"))
        score = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
        score = np.exp(score - score.max(-1, keepdims=True))
        mixed = (score / score.sum(-1, keepdims=True) @ v).transpose(1, 0, 2).reshape(len(ids), -1)
        x = norm(x + linear(mixed, p + "attention.output.dense"), p + "attention.output.LayerNorm")
        h = linear(x, p + "intermediate.dense")
        h = h * 0.5 * (1 + np.vectorize(math.erf)(h / math.sqrt(2)))
        x = norm(x + linear(h, p + "output.dense"), p + "output.LayerNorm")
    pooled = x.mean(0)
    return pooled / np.linalg.norm(pooled)
