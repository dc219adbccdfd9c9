"""Writes what the stages found into the pack's folder trained/: the only results of training that are kept.

    heads.npz             the network of features to concepts and index vector; centre and linear map of the text side
    concepts.tsv          a line for each concept: word, mean score, deviation
    memory.safetensors    `codes` i8 [n, 384], `scale` f32 [n], `picture` i32 [n]; vector = codes × scale
    memory.txt            the caption of each row
    adapter.npz           low-rank weights of the decoder, float16
"""
import numpy as np
from safetensors.numpy import save

import pool
import store

LAYERS = ["straight", "into", "out", "words"]


def run(data, work, out, log):
    out.mkdir(parents=True, exist_ok=True)
    heads = dict(np.load(work / "heads.npz"))
    values = {"mean": heads["mean"], "scale": heads["scale"], "centre": heads["centre"], "text_map": np.ascontiguousarray(heads["map"].T)}
    for name in LAYERS:
        # A layer's weights have 8 bits a number: weight [inputs, outputs] = codes × unit [outputs].
        weight = heads[f"{name}.weight"].T
        unit = (np.abs(weight).max(0) / 127 + 1e-12).astype(np.float32)
        values |= {f"{name}.codes": np.rint(weight / unit).astype(np.int8), f"{name}.unit": unit, f"{name}.bias": heads[f"{name}.bias"]}
    store.arrays(out / "heads.npz", np.savez_compressed, **values)
    names = (work / "words.txt").read_text().splitlines()
    store.lines(out / "concepts.tsv", [f"{name}\t{mean:.6f}\t{deviation:.6f}" for name, mean, deviation in zip(names, *pool.usual(data, heads["scores"]))])
    memory = np.load(work / "memory.npz")
    _, pictures = np.unique(memory["owner"], return_inverse=True)
    with store.whole(out / "memory.safetensors") as part:
        part.write_bytes(save({"codes": memory["codes"], "scale": memory["scale"], "picture": pictures.astype(np.int32)}))
    store.copy(work / "memory.txt", out / "memory.txt")
    if (work / "adapter.npz").is_file():
        store.copy(work / "adapter.npz", out / "adapter.npz")
    log(", ".join(f"{path.name} {path.stat().st_size / 1e6:.1f} MB" for path in sorted(out.iterdir())))
