"""Writes what the stages found into the pack's folder trained/: the only results of training that are kept.

    heads.npz             maps from features to concepts and index vector; centre and shrinking of the text space
    concepts.tsv          a line for each concept: word, usual score, deviation
    memory.safetensors    `codes` i8 [n, 384], `scale` f32 [n], `picture` i32 [n]; vector = codes × scale
    memory.txt            the caption of each row
    adapter.npz           low-rank weights of the decoder, float16
"""
import numpy as np
from safetensors.numpy import save_file


def run(work, out, log):
    out.mkdir(exist_ok=True)
    concepts, index = dict(np.load(work / "concepts.npz")), dict(np.load(work / "index.npz"))
    names = (work / "words.txt").read_text().split("\n")[:-1]
    weights = np.concatenate([concepts["weights"], index["weights"]], 1) * concepts["scale"][:, None]
    base = np.concatenate([concepts["base"], np.zeros(index["weights"].shape[1])])
    unit = np.abs(weights).max(0) + 1e-12
    ways = seen_by(concepts["seen"])
    np.savez_compressed(
        out / "heads.npz", features=(weights / unit).astype(np.float16), unit=unit.astype(np.float32),
        bias=(base - concepts["mean"] @ weights).astype(np.float32), own=concepts["own"], above=concepts["above"], ways=ways,
        share_of=concepts["share_of"].astype(np.float32), use=concepts["use"], usual=index["usual"].astype(np.float32),
        deviation=index["deviation"].astype(np.float32), meaning=(float(index["text_share"]) * index["meaning"]).astype(np.float32),
        words=(float(index["words_share"]) * index["words"].T).astype(np.float32), centre=index["centre"].astype(np.float32),
        shrink=index["shrink"].astype(np.float32))
    rows = [f"{name}\t{usual:.6f}\t{deviation:.6f}" for name, usual, deviation in zip(names, index["usual"], index["deviation"])]
    (out / "concepts.tsv").write_text("\n".join(rows) + "\n")
    memory = np.load(work / "memory.npz")
    _, pictures = np.unique(memory["owner"], return_inverse=True)
    save_file({"codes": memory["codes"], "scale": memory["scale"], "picture": pictures.astype(np.int32)}, out / "memory.safetensors")
    (out / "memory.txt").write_bytes((work / "memory.txt").read_bytes())
    if (work / "adapter.npz").is_file():
        (out / "adapter.npz").write_bytes((work / "adapter.npz").read_bytes())
    log(", ".join(f"{path.name} {path.stat().st_size / 1e6:.1f} MB" for path in sorted(out.iterdir())))


def seen_by(seen):
    """Columns of the detector that lead to each word, [most for any word, words]; where there are fewer, one past the last."""
    most = max(1, int(seen.sum(0).max()))
    out = np.full((most, seen.shape[1]), len(seen), np.int16)
    for word in range(seen.shape[1]):
        columns = np.flatnonzero(seen[:, word])
        out[:len(columns), word] = columns
    return out
