"""Reads features/ of the data folder: the networks' outputs for pictures that are not here themselves.

`pooled`, `detector`, `classes` and `shapes` are the blocks of ../features.py with 8 bits a number: NAME.npy u8 [n, width], and in scales.npz
`NAME.step` and `NAME.low` [width], so that a block is NAME × step + low. `logits` and `labels` follow from `pooled`, whose square is
the input of EfficientNet-Lite3's last layer.
"""
import numpy as np
import onnx
from onnx import numpy_helper

import features

STORED = ["pooled", "detector", "classes", "shapes"]


def blocks(folder, lite3, rows):
    """The blocks [rows, width] of some records, f32."""
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in STORED}
    scales = np.load(folder / "scales.npz")
    for name, values in arrays.items():
        if values.shape[1:] != (features.BLOCKS[name],) or values.shape[0] <= max(rows):
            raise SystemExit(f"{folder / name}.npy has the shape {values.shape}, expected a row of {features.BLOCKS[name]} numbers for each record")
    out = {name: values[rows] * scales[f"{name}.step"] + scales[f"{name}.low"] for name, values in arrays.items()}
    weight, bias = last_layer(lite3)
    logits = out["pooled"] ** 2 @ weight + bias
    likely = np.exp(logits - logits.max(1, keepdims=True))
    return out | {"logits": logits, "labels": np.sqrt(likely / likely.sum(1, keepdims=True))}


def last_layer(path):
    """Weight [1280, 1000] and bias [1000] of the network's last layer, in whatever form the file keeps them."""
    graph = onnx.load(path).graph
    constants = {tensor.name: numpy_helper.to_array(tensor).astype(np.float32) for tensor in graph.initializer}
    makers = {output: node for node in graph.node for output in node.output}

    def value(name):
        if name in constants:
            return constants[name]
        node = makers[name]
        if node.op_type == "Mul":
            return value(node.input[0]) * value(node.input[1])
        if node.op_type == "Cast":
            return value(node.input[0])
        raise SystemExit(f"{path}: the weights of the last layer pass through {node.op_type}, expected Cast and Mul")

    add = makers["logits"]
    product = makers[add.input[0]]
    return value(product.input[1]), value(add.input[1])
