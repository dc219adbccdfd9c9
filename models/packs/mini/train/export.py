"""Writes what the stages found into the pack's folder trained/: the only results of training that are kept.

    heads.npz             maps from features to concepts and index vector; centre and shrinking of the text space
    concepts.tsv          a line for each concept: word, mean score, deviation
    memory.safetensors    `codes` i8 [n, 384], `scale` f32 [n], `picture` i32 [n]; vector = codes × scale
    memory.txt            the caption of each row
    adapter.npz           low-rank weights of the decoder, float16
"""
import numpy as np
from safetensors.numpy import save

import store


def run(work, out, log):
    out.mkdir(parents=True, exist_ok=True)
    concepts, index = dict(np.load(work / "concepts.npz")), dict(np.load(work / "index.npz"))
    names = (work / "words.txt").read_text().split("\n")[:-1]
    weights = np.concatenate([concepts["weights"], index["weights"]], 1) * concepts["scale"][:, None]
    base = np.concatenate([concepts["base"], np.zeros(index["weights"].shape[1])])
    unit = np.abs(weights).max(0) + 1e-12
    ways = seen_by(concepts["seen"])
    store.arrays(
        out / "heads.npz", np.savez_compressed, features=(weights / unit).astype(np.float16), unit=unit.astype(np.float32),
        bias=(base - concepts["mean"] @ weights).astype(np.float32), own=concepts["own"], above=concepts["above"], ways=ways,
        share_of=concepts["share_of"].astype(np.float32), use=concepts["use"], usual=index["usual"].astype(np.float32),
        deviation=index["deviation"].astype(np.float32), meaning=(float(index["text_share"]) * index["meaning"]).astype(np.float32),
        words=(float(index["words_share"]) * index["words"].T).astype(np.float32), centre=index["centre"].astype(np.float32),
        shrink=index["shrink"].astype(np.float32))
    rows = [f"{name}\t{usual:.6f}\t{deviation:.6f}" for name, usual, deviation in zip(names, index["usual"], index["deviation"])]
    store.lines(out / "concepts.tsv", rows)
    memory = np.load(work / "memory.npz")
    _, pictures = np.unique(memory["owner"], return_inverse=True)
    with store.whole(out / "memory.safetensors") as part:
        part.write_bytes(save({"codes": memory["codes"], "scale": memory["scale"], "picture": pictures.astype(np.int32)}))
    store.copy(work / "memory.txt", out / "memory.txt")
    if (work / "adapter.npz").is_file():
        store.copy(work / "adapter.npz", out / "adapter.npz")
    log(", ".join(f"{path.name} {path.stat().st_size / 1e6:.1f} MB" for path in sorted(out.iterdir())))


def seen_by(seen):
    """Columns of the detector that lead to each word, [most for any word, words]; where there are fewer, one past the last."""
    most = max(1, int(seen.sum(0).max()))
    out = np.full((most, seen.shape[1]), len(seen), np.int16)
    for word in range(seen.shape[1]):
        columns = np.flatnonzero(seen[:, word])
        out[:len(columns), word] = columns
    return out
