"""The outputs of the two vision networks for an image, as blocks of numbers: the input of all trained heads.

Used by vision.py, which puts the heads on top, and by train/pictures.py, which saves the blocks of pictures to learn from: so
training sees exactly what the running pack sees. Square roots and logarithms bring the blocks near to a normal spread, which
a linear head wants.
"""
import numpy as np

from anchors import anchors
from coco import CLASSES
from graph import FLOAT, UINT8, Graph

SIDE = 300          # of the frames, and of the detector's input
LABEL_SIDE = 280    # of the input of EfficientNet-Lite3
LOW = 1e-3          # detector scores below this count as this
COUNTED = 0.4       # score from which a box counts as an object
SAME = 0.5          # overlap (intersection over union) from which two boxes of a class are one object
MOST = 50           # boxes of a class that are counted at most
BLOCKS = {"pooled": 1280, "logits": 1000, "labels": 1000, "detector": 1280, "classes": 80, "shapes": 160}


def number(g, name, value):
    return g.constant(name, np.array(value, np.float32))


def blocks(g, folder, frames):
    """Adds both nets to graph `g`, fed by `frames` u8 [n, 300, 300, 3]; returns the values of BLOCKS, each f32 [n, width]."""
    pixels = g.node("Cast", [frames], "pixels", to=FLOAT)
    return labels(g, folder, pixels) | classes(g, folder, pixels)


def write(folder, path):
    """The nets without heads, as a module of their own: `frames` in, an output for each of BLOCKS, in that order."""
    g = Graph("features")
    values = blocks(g, folder, g.input("frames", UINT8, ["n", SIDE, SIDE, 3]))
    for name, width in BLOCKS.items():
        g.output(g.node("Identity", [values[name]], f"block.{name}"), FLOAT, ["n", width])
    g.save(path)


def labels(g, folder, pixels):
    """EfficientNet-Lite3: the pooled features, the logits of the 1000 ImageNet labels, the roots of their probabilities."""
    scale = number(g, "shrink", [1, LABEL_SIDE / SIDE, LABEL_SIDE / SIDE, 1])
    small = g.node("Resize", [pixels, "", scale], "small", mode="linear", coordinate_transformation_mode="half_pixel")
    shifted = g.node("Sub", [small, number(g, "label.mean", 127)], "label.shifted")
    images = g.node("Div", [shifted, number(g, "label.range", 128)], "label.images")
    names = g.splice(folder / "lite3.onnx", "lite3.", {"images": images})
    probabilities = g.node("Softmax", [names["logits"]], "probabilities", axis=-1)
    return {"pooled": g.node("Sqrt", [names["v292"]], "pooled"), "logits": names["logits"],
            "labels": g.node("Sqrt", [probabilities], "labels")}


def classes(g, folder, pixels):
    """SSD-MobileNetV2: its pooled features, each class's best score (as a logarithm), how much there is of it, how large."""
    scaled = g.node("Div", [pixels, number(g, "detector.range", 127.5)], "detector.scaled")
    images = g.node("Sub", [scaled, number(g, "detector.one", 1)], "detector.images")
    names = g.splice(folder / "ssd.onnx", "ssd.", {"images": images})
    axis = g.constant("plane", np.array([2, 3]))
    pooled = g.node("Squeeze", [g.node("ReduceMean", [names["v254"]], "detector.mean", axes=[2, 3], keepdims=1), axis], "detector.pooled")
    named = g.node("Gather", [names["scores"], g.constant("detector.columns", np.array(list(CLASSES)))], "detector.named", axis=2)
    scores = g.node("Sigmoid", [named], "detector.scores")
    best = g.node("ReduceMax", [scores], "detector.best", axes=[1], keepdims=0)
    log = g.node("Log", [g.node("Max", [best, number(g, "low", LOW)], "detector.clipped")], "detector.log")
    objects(g, names["boxes"], scores)
    return {"detector": g.node("Sqrt", [pooled], "detector"), "classes": g.node("Add", [log, number(g, "seven", 7)], "classes"),
            "shapes": g.node("Concat", shapes(g, names["boxes"], scores, best), "shapes", axis=1)}


def shapes(g, boxes, scores, best):
    """For each class: the root of its score mass over all anchors, and the root of score × side of its best box."""
    mass = g.node("ReduceL2", [scores], "detector.mass", axes=[1], keepdims=0)
    sizes = g.node("Slice", [boxes, g.constant("two", np.array([2])), g.constant("four", np.array([4])), g.constant("boxes.axis", np.array([2]))],
                   "detector.sizes")
    grown = g.node("ReduceSum", [sizes, g.constant("sum.axis", np.array([2]))], "detector.grown", keepdims=0)
    # A box is exp(t / 5) of its anchor each way, so the root of its area is exp((tw + th) / 10) of the anchor's.
    root = g.node("Exp", [g.node("Mul", [grown, number(g, "tenth", 0.1)], "detector.tenth")], "detector.factor")
    side = g.node("Mul", [root, g.constant("anchor.sides", np.sqrt(np.prod(anchors()[:, 2:], 1)).astype(np.float32))], "detector.sides")
    side = g.node("Min", [side, number(g, "whole", 1)], "detector.side")
    where = g.node("ArgMax", [scores], "detector.where", axis=1, keepdims=0)
    large = g.node("GatherElements", [side, where], "detector.large", axis=1)
    return [g.node("Sqrt", [mass], "detector.masses"), g.node("Sqrt", [g.node("Mul", [large, best], "detector.scaled_side")], "detector.extent")]


def objects(g, boxes, scores):
    """Adds the value `objects` f32 [n, 80]: for each class, the number of boxes that score at least COUNTED and are not the same object."""
    # A box is (y, x, h, w) relative to its anchor: centres in tenths of its size, sizes as logarithms in fifths.
    table = anchors().astype(np.float32)
    first, last = (g.node("Slice", [boxes, *(g.constant(f"objects.{part}.{at}", np.array([value])) for at, value in [("from", start), ("to", end), ("axis", 2)])],
                          f"objects.{part}") for part, start, end in [("offset", 0, 2), ("growth", 2, 4)])
    middle = g.node("Add", [g.node("Mul", [first, g.constant("objects.step", table[:, 2:] / 10)], "objects.moved"),
                            g.constant("objects.centres", table[:, :2])], "objects.middle")
    size = g.node("Exp", [g.node("Mul", [last, number(g, "objects.fifth", 0.2)], "objects.log")], "objects.factor")
    half = g.node("Mul", [size, g.constant("objects.sizes", table[:, 2:] / 2)], "objects.half")
    corners = g.node("Concat", [g.node("Sub", [middle, half], "objects.low"), g.node("Add", [middle, half], "objects.high")], "objects.corners", axis=2)
    by_class = g.node("Transpose", [scores], "objects.scores", perm=[0, 2, 1])
    limits = [g.constant("objects.most", np.array([MOST])), g.constant("objects.same", np.array([SAME], np.float32)),
              g.constant("objects.counted", np.array([COUNTED], np.float32))]
    found = g.node("NonMaxSuppression", [corners, by_class, *limits], "objects.found")
    cells = g.node("Slice", [found, *(g.constant(f"objects.cell.{at}", np.array([value])) for at, value in [("from", 0), ("to", 2), ("axis", 1)])],
                   "objects.cells")
    ones = g.node("Expand", [number(g, "objects.one", 1), g.node("Slice", [g.node("Shape", [found], "objects.shape"), *(
        g.constant(f"objects.rows.{at}", np.array([value])) for at, value in [("from", 0), ("to", 1)])], "objects.rows")], "objects.ones")
    none = g.node("Mul", [g.node("ReduceMax", [scores], "objects.best", axes=[1], keepdims=0), number(g, "objects.nothing", 0)], "objects.none")
    g.node("ScatterND", [none, cells, ones], "objects", reduction="add")
