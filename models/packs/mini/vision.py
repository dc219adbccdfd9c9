"""Makes vision.onnx: both picture nets, the concept scores and the index vector in one graph, from the committed vision/ files.

The index vector is ConSE (Norouzi et al. 2014): the names of the likeliest labels, as text vectors, weighted by probability.
So text and pictures share MiniLM's space without any training. What the detector sees for sure is added by name too.
"""
import numpy as np

from graph import FLOAT, UINT8, Graph

SIDE = 300          # of the frames, and of the detector's input
LABEL_SIDE = 280    # of the input of EfficientNet-Lite3
TOP = 10            # so many labels enter the index vector
SURE = 0.3          # a detector class enters it above this score; lower adds more things that are not there
CLASSES = 0.7       # weight of the detector's part beside the labels' part


def write(folder, out):
    """Reads `folder` (lite3.onnx, ssd.onnx, names.npz, concepts.txt), writes vision.onnx and concepts.txt."""
    names = np.load(folder / "names.npz")
    centred = names["vectors"].astype(np.float32) - names["mean"]
    g = Graph("vision")
    frames = g.node("Cast", [g.input("frames", UINT8, ["n", SIDE, SIDE, 3])], "pixels", to=FLOAT)
    labels = label_probabilities(g, folder, frames)
    classes = class_scores(g, folder, frames, names["columns"])
    g.node("Concat", [labels, classes], "concepts", axis=1)
    embedding(g, (labels, centred[:1000]), (classes, centred[1000:]))
    g.output("embedding", FLOAT, ["n", centred.shape[1]])
    g.output("concepts", FLOAT, ["n", len(centred)])
    g.save(out / "vision.onnx")
    (out / "concepts.txt").write_bytes((folder / "concepts.txt").read_bytes())


def number(g, name, value):
    return g.constant(name, np.array(value, np.float32))


def label_probabilities(g, folder, frames):
    """EfficientNet-Lite3's probabilities of the 1000 ImageNet labels, [n, 1000]."""
    scale = number(g, "shrink", [1, LABEL_SIDE / SIDE, LABEL_SIDE / SIDE, 1])
    small = g.node("Resize", [frames, "", scale], "small", mode="linear", coordinate_transformation_mode="half_pixel")
    shifted = g.node("Sub", [small, number(g, "lite3.mean", 127)], "lite3.shifted")
    images = g.node("Div", [shifted, number(g, "lite3.range", 128)], "lite3.images")
    names = g.splice(folder / "lite3.onnx", "lite3.", {"images": images})
    return g.node("Softmax", [names["logits"]], "labels", axis=-1)


def class_scores(g, folder, frames, columns):
    """The best score of each detector class over all 1917 anchors, [n, 80]."""
    scaled = g.node("Div", [frames, number(g, "ssd.range", 127.5)], "ssd.scaled")
    images = g.node("Sub", [scaled, number(g, "ssd.one", 1)], "ssd.images")
    names = g.splice(folder / "ssd.onnx", "ssd.", {"images": images})
    best = g.node("ReduceMax", [names["scores"]], "ssd.best", axes=[1], keepdims=0)
    return g.node("Sigmoid", [g.node("Gather", [best, g.constant("ssd.columns", columns)], "ssd.named", axis=1)], "classes")


def embedding(g, labels, classes):
    """The index vector [n, 384]; each argument is (scores, centred name vectors)."""
    count = g.constant("top", np.array([TOP], np.int64))
    weight = g.node("TopK", [labels[0], count], ["top.weight", "top.index"], axis=-1)
    vectors = g.node("Gather", [g.constant("label.vectors", labels[1]), "top.index"], "top.vectors", axis=0)
    row = g.node("Unsqueeze", [weight, g.constant("row", np.array([1], np.int64))], "top.row")
    flat = g.node("Squeeze", [g.node("MatMul", [row, vectors], "top.mix"), "row"], "top.sum")
    seen = g.node("Cast", [g.node("Greater", [classes[0], number(g, "sure", SURE)], "classes.sure")], "classes.seen", to=FLOAT)
    kept = g.node("Mul", [classes[0], seen], "classes.kept")
    named = g.node("MatMul", [kept, g.constant("class.vectors", classes[1])], "classes.sum")
    share = g.node("Mul", [g.unit(named, "classes.unit"), number(g, "classes.weight", CLASSES)], "classes.share")
    return g.unit(g.node("Add", [g.unit(flat, "top.unit"), share], "mixed"), "embedding")
