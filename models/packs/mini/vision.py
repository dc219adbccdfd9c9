"""Makes vision.onnx: both vision networks and the trained heads in one graph, from the committed vision/ and trained/ files.

The heads are the small network of train/heads.py: all features, scaled, go straight and through one hidden layer into the index vector and
the scores of words.
"""
import numpy as np

import features
from coco import CLASSES
from graph import FLOAT, UINT8, Graph


def write(pack, out):
    """Reads vision/ and trained/ of `pack`, writes vision.onnx, concepts.tsv and objects.tsv."""
    heads = dict(np.load(pack / "trained" / "heads.npz"))
    g = Graph("vision")
    frames = g.input("frames", UINT8, ["n", features.SIDE, features.SIDE, 3])
    blocks = features.blocks(g, pack / "vision", frames)
    seen = g.node("Concat", [blocks[name] for name in features.BLOCKS], "features", axis=1)
    centred = g.node("Sub", [seen, g.constant("features.mean", heads["mean"])], "features.centred")
    scaled = g.node("Mul", [centred, g.constant("features.scale", heads["scale"])], "scaled")
    straight, hidden = layer(g, heads, "straight", scaled), gelu(g, layer(g, heads, "into", scaled))
    g.unit(g.node("Add", [straight, layer(g, heads, "out", hidden)], "placed"), "embedding")
    both = g.node("Concat", [hidden, straight], "words.input", axis=1)
    g.node("Sigmoid", [layer(g, heads, "words", both)], "concepts")
    g.output("embedding", FLOAT, ["n", len(heads["out.unit"])])
    g.output("concepts", FLOAT, ["n", len(heads["words.unit"])])
    g.output("objects", FLOAT, ["n", len(CLASSES)])
    g.save(out / "vision.onnx")
    (out / "concepts.tsv").write_bytes((pack / "trained" / "concepts.tsv").read_bytes())
    (out / "objects.tsv").write_bytes((pack / "vision" / "objects.tsv").read_bytes())


def layer(g, heads, name, value):
    """A linear layer. Its weights have 8 bits a number and a unit for each output; the runtime converts them to float32 once, as it loads them."""
    codes = g.constant(f"{name}.codes", heads[f"{name}.codes"])
    product = g.node("MatMul", [value, g.node("Cast", [codes], f"{name}.weights", to=FLOAT)], f"{name}.product")
    scaled = g.node("Mul", [product, g.constant(f"{name}.unit", heads[f"{name}.unit"])], f"{name}.scaled")
    return g.node("Add", [scaled, g.constant(f"{name}.bias", heads[f"{name}.bias"])], f"{name}.sum")


def gelu(g, value):
    """x × Φ(x), Φ the normal distribution (Hendrycks and Gimpel 2016, arXiv 1606.08415)."""
    turned = g.node("Erf", [g.node("Mul", [value, features.number(g, "root.half", 0.5**0.5)], "gelu.turned")], "gelu.erf")
    likely = g.node("Mul", [g.node("Add", [turned, features.number(g, "gelu.one", 1)], "gelu.more"), features.number(g, "gelu.half", 0.5)], "gelu.likely")
    return g.node("Mul", [value, likely], "gelu")
