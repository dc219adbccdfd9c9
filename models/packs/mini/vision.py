"""Makes vision.onnx: both vision networks and the trained heads in one graph, from the committed vision/ and trained/ files.

The heads are linear (train/concepts.py, train/index.py fit them): a concept's score is the evidence of the networks' classes for the
word plus a map of all features; the index vector is the meaning of the concepts in the space of sentences, plus a map of all features,
plus the words themselves carried back into that space.
"""
import numpy as np

import features
from coco import CLASSES
from graph import FLOAT, UINT8, Graph


def write(pack, out):
    """Reads vision/ and trained/ of `pack`, writes vision.onnx, concepts.tsv and objects.tsv."""
    heads = {name: value.astype(np.float32) if value.dtype == np.float16 else value for name, value in np.load(pack / "trained" / "heads.npz").items()}
    g = Graph("vision")
    frames = g.input("frames", UINT8, ["n", features.SIDE, features.SIDE, 3])
    blocks = features.blocks(g, pack / "vision", frames)
    seen = linear(g, heads, g.node("Concat", [blocks[name] for name in features.BLOCKS], "features", axis=1))
    count = len(heads["usual"])
    learned, placed = (g.node("Slice", [seen, *(g.constant(f"{name}.{part}", np.array([value])) for part, value in
                                                [("from", start), ("to", end), ("axis", 1)])], name)
                       for name, start, end in [("learned", 0, count), ("placed", count, count + heads["words"].shape[1])])
    scores = g.node("Add", [learned, evidence(g, heads, blocks)], "scores")
    g.node("Clip", [scores, features.number(g, "none", 0), features.number(g, "all", 1)], "concepts")
    embedding(g, heads, scores, placed)
    g.output("embedding", FLOAT, ["n", heads["words"].shape[1]])
    g.output("concepts", FLOAT, ["n", count])
    g.output("objects", FLOAT, ["n", len(CLASSES)])
    g.save(out / "vision.onnx")
    (out / "concepts.tsv").write_bytes((pack / "trained" / "concepts.tsv").read_bytes())
    (out / "objects.tsv").write_bytes((pack / "vision" / "objects.tsv").read_bytes())


def linear(g, heads, value):
    """All features to [concepts | index vector], as one product. The weights are float16, each column in its own unit."""
    half = g.constant("heads.half", heads["features"].astype(np.float16))
    product = g.node("MatMul", [value, g.node("Cast", [half], "heads.weights", to=FLOAT)], "heads.product")
    return g.node("Add", [g.node("Mul", [product, g.constant("heads.unit", heads["unit"])], "heads.scaled"), g.constant("heads.bias", heads["bias"])], "seen")


def evidence(g, heads, blocks):
    """The evidence of the networks' classes for each word: roots of the probability of its own labels and of all below it, the detector."""
    probability = g.node("Mul", [blocks["labels"], blocks["labels"]], "label.probabilities")
    parts = []
    for column, name in enumerate(["own", "above"]):
        words = g.constant(f"{name}.words", heads[name].astype(np.float32))
        root = g.node("Sqrt", [g.node("MatMul", [probability, words], f"{name}.probability")], f"{name}.root")
        parts.append(g.node("Mul", [root, features.number(g, f"{name}.share", heads["share_of"][column])], f"{name}.part"))
    score = g.node("Exp", [g.node("Sub", [blocks["classes"], "seven"], "class.log")], "class.score")
    # A word of several classes takes the surest; a word of none takes the padding, which is 0.
    padded = g.node("Concat", [score, g.node("Mul", [g.node("Slice", [score, *(g.constant(f"pad.{n}", np.array([v])) for n, v in [("from", 0), ("to", 1), ("axis", 1)])], "pad.first"),
                                                     features.number(g, "nothing", 0)], "pad")], "class.padded", axis=1)
    ways = [g.node("Gather", [padded, g.constant(f"way{i}.columns", column)], f"way{i}", axis=1) for i, column in enumerate(heads["ways"].astype(np.int64))]
    best = g.node("Max", ways, "class.best") if len(ways) > 1 else ways[0]
    parts.append(g.node("Mul", [best, features.number(g, "class.share", heads["share_of"][2])], "class.part"))
    square = g.node("Mul", [best, best], "class.square")
    parts.append(g.node("Mul", [square, features.number(g, "square.share", heads["share_of"][3])], "square.part"))
    return g.node("Mul", [g.node("Sum", parts, "direct.all"), g.constant("use", heads["use"].astype(np.float32))], "direct")


def embedding(g, heads, scores, placed):
    """The index vector [n, 384] from unclipped scores and the features' part."""
    apart = g.node("Sub", [scores, g.constant("usual", heads["usual"])], "apart")
    standard = g.node("Div", [apart, g.constant("spread", np.sqrt(heads["deviation"]))], "standard")
    meaning = g.node("MatMul", [standard, g.constant("meaning", heads["meaning"])], "meant")
    both = g.unit(g.node("Add", [meaning, placed], "both"), "both.unit")
    back = g.node("MatMul", [g.unit(standard, "standard.unit"), g.constant("words", heads["words"])], "back")
    g.unit(g.node("Add", [both, back], "mixed"), "embedding")
