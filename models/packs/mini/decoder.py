"""Makes decoder.onnx: SmolLM2-135M-Instruct from its GGUF file, with KV cache, and its tokenizer.

The graph is the usual Llama block on ONNX Runtime's fused operators. One table of the vocabulary serves both ends: rows are
gathered from it for the input tokens, and the output layer multiplies by it. At 8 bits a weight is
(integer - 128) x scale with a scale for each 32 neighbours; the table keeps the integers of the GGUF file (Q8_0), which is
exact, and the other layers are re-quantised from Q4_1, which costs almost nothing (see checks.json).

The adapter (train/adapter.py) adds a low-rank path to the linear layers of the upper blocks. The input `adapter` scales it for
each sequence: 1 writes captions, 0 leaves the plain model, bit for bit, so one batch may hold both.
"""
import math

import numpy as np
from gguf import GGUFReader
from gguf.quants import dequantize
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from graph import FLOAT, INT32, INT64, RUNTIME, Graph

BLOCK = 32
CONTEXT = 4096
LAYERS = {"qkv": ["attn_q", "attn_k", "attn_v"], "output": ["attn_output"], "gate_up": ["ffn_gate", "ffn_up"], "down": ["ffn_down"]}
GAIN = 2.0  # the adapter's output counts this much


class Origin:
    """The GGUF file: its settings and its weights as float32, [outputs, inputs]."""

    def __init__(self, path):
        self.reader = GGUFReader(path)
        self.tensors = {tensor.name: tensor for tensor in self.reader.tensors}
        setting = lambda key: self.reader.fields[f"llama.{key}"].parts[self.reader.fields[f"llama.{key}"].data[0]][0].item()
        self.layers, self.width = setting("block_count"), setting("embedding_length")
        self.heads, self.kv_heads = setting("attention.head_count"), setting("attention.head_count_kv")
        self.epsilon, self.base = setting("attention.layer_norm_rms_epsilon"), setting("rope.freq_base")
        self.head_size = self.width // self.heads
        self.vocabulary = int(self.tensors["token_embd.weight"].shape[1])

    def texts(self, key):
        field = self.reader.fields[key]
        return [bytes(field.parts[i]).decode("utf-8") for i in field.data]

    def numbers(self, key):
        field = self.reader.fields[key]
        return [int(field.parts[i][0]) for i in field.data]

    def weight(self, name):
        tensor = self.tensors[name]
        return dequantize(tensor.data, tensor.tensor_type).astype(np.float32)

    def table(self):
        """The vocabulary table as stored: integers [vocabulary, width / 32, 32] with zero point 128, and scales."""
        tensor = self.tensors["token_embd.weight"]
        if tensor.tensor_type.name != "Q8_0":
            raise SystemExit(f"token_embd.weight has type {tensor.tensor_type.name}, expected Q8_0")
        raw = np.asarray(tensor.data).reshape(self.vocabulary, self.width // BLOCK, 2 + BLOCK)
        scale = raw[..., :2].copy().view(np.float16)[..., 0].astype(np.float32)
        return (raw[..., 2:].view(np.int8).astype(np.int16) + 128).astype(np.uint8), scale


def quantise(weight):
    """Rounds [outputs, inputs] to 8 bits: integers [outputs, inputs / 32, 32] and scales [outputs, inputs / 32]."""
    blocks = weight.reshape(weight.shape[0], -1, BLOCK)
    scale = np.maximum(np.abs(blocks).max(-1) / np.float32(127), np.float32(1e-12))
    return (np.rint(blocks / scale[..., None]) + 128).clip(0, 255).astype(np.uint8), scale


class Precise:
    """Layers in float32: the reference, and `--precision fp32`."""

    def __init__(self, graph, origin):
        self.graph, self.origin = graph, origin
        graph.constant("table", origin.weight("token_embd.weight"))

    def embed(self, ids):
        return self.graph.node("Gather", ["table", ids], "embedded", axis=0)

    def linear(self, value, name, weight, output):
        return self.graph.node("MatMul", [value, self.graph.constant(name, weight.T)], output)

    def head(self, value):
        return self.graph.node("MatMul", [value, self.graph.node("Transpose", ["table"], "table.turned", perm=[1, 0])], "logits")


class Eight:
    """Layers in 8 bits: half the time and a quarter of the memory."""

    def __init__(self, graph, origin):
        self.graph, self.origin = graph, origin
        integers, scale = origin.table()
        graph.constant("table", integers)
        graph.constant("table.scale", scale)

    def embed(self, ids):
        g = self.graph
        rows = g.node("Cast", [g.node("Gather", ["table", ids], "rows", axis=0)], "rows.float", to=FLOAT)
        rows = g.node("Sub", [rows, g.constant("zero_point", np.array(128, np.float32))], "rows.centred")
        scale = g.node("Unsqueeze", [g.node("Gather", ["table.scale", ids], "rows.scale", axis=0), g.constant("inner", np.array([-1]))], "rows.scales")
        shape = g.constant("rows.shape", np.array([0, 0, self.origin.width]))
        return g.node("Reshape", [g.node("Mul", [rows, scale], "rows.exact"), shape], "embedded")

    def multiply(self, value, weight, sizes, output):
        outputs, blocks = sizes
        return self.graph.node("MatMulNBits", [value, weight, weight + ".scale"], output, RUNTIME,
                               K=blocks * BLOCK, N=outputs, bits=8, block_size=BLOCK, accuracy_level=4)

    def linear(self, value, name, weight, output):
        integers, scale = quantise(weight)
        self.graph.constant(name, integers)
        self.graph.constant(name + ".scale", scale)
        return self.multiply(value, name, scale.shape, output)

    def head(self, value):
        return self.multiply(value, "table", (self.origin.vocabulary, self.origin.width // BLOCK), "logits")


def rope(base, size):
    """Cosines and sines [CONTEXT, size / 2] in plain float64 arithmetic, rounded once: numpy's own differ between CPUs."""
    steps = [1 / base ** (i / size) for i in range(0, size, 2)]
    angles = [[position * step for step in steps] for position in range(CONTEXT)]
    return [np.array([[f(a) for a in row] for row in angles], np.float32) for f in (math.cos, math.sin)]


def adapted(g, adapter, value, base, name, parts):
    """Adds the low-rank path of layer `name` to `base`, if it has one; `parts` outputs stand side by side in it."""
    if f"{name}.down" not in adapter:
        return base
    ups = [adapter[f"{name}.up.{i}"].astype(np.float32) * GAIN for i in range(parts)]
    rank = ups[0].shape[1]
    wide = np.zeros((rank * parts, sum(len(up) for up in ups)), np.float16)
    for i, up in enumerate(ups):
        start = sum(len(before) for before in ups[:i])
        wide[i * rank:(i + 1) * rank, start:start + len(up)] = up.T
    half = lambda end, array: g.node("Cast", [g.constant(f"{name}.{end}.half", array)], f"{name}.{end}", to=FLOAT)
    low = g.node("MatMul", [value, half("down", adapter[f"{name}.down"].T.astype(np.float16))], f"{name}.low")
    more = g.node("MatMul", [g.node("Mul", [low, "adapter"], f"{name}.scaled"), half("up", wide)], f"{name}.more")
    return g.node("Add", [base, more], f"{name}.adapted")


def block(g, o, layers, adapter, x, index):
    """One transformer block: attention, then the gated feed-forward, each added to `x`."""
    p = f"blk.{index}."
    norm = lambda value, name: g.node("SimplifiedLayerNormalization", [value, g.constant(p + name + ".weight", o.weight(p + name + ".weight"))],
                                      p + name, epsilon=o.epsilon, axis=-1, stash_type=1)

    def linear(value, name):
        weight = np.concatenate([o.weight(f"{p}{part}.weight") for part in LAYERS[name]])
        base = layers.linear(value, f"{p}{name}.weight", weight, p + name)
        return adapted(g, adapter, value, base, f"blocks.{index}.{name}", len(LAYERS[name]))

    past = [g.input(f"past_{c}.{index}", FLOAT, ["b", o.kv_heads, "p", o.head_size]) for c in "kv"]
    present = [g.output(f"present_{c}.{index}", FLOAT, ["b", o.kv_heads, "t", o.head_size]) for c in "kv"]
    inputs = [linear(norm(x, "attn_norm"), "qkv"), "", "", *past, "seqlens_k", "total_seq", "cos", "sin"]
    attention = g.node("GroupQueryAttention", inputs, [p + "attention", *present], RUNTIME,
                       num_heads=o.heads, kv_num_heads=o.kv_heads, do_rotary=1, rotary_interleaved=1)
    x = g.node("Add", [x, linear(attention, "output")], p + "attended")
    both = linear(norm(x, "ffn_norm"), "gate_up")
    width = o.weight(f"{p}ffn_gate.weight").shape[0]
    sizes = g.constant("gate_up.sizes", np.array([width, width])) if index == 0 else "gate_up.sizes"
    gate = g.node("Split", [both, sizes], [p + "gate", p + "up"], axis=-1)
    gate = g.node("Mul", [gate, g.node("Sigmoid", [gate], p + "sigmoid")], p + "silu")
    gate = g.node("Mul", [gate, p + "up"], p + "gated")
    return g.node("Add", [x, linear(gate, "down")], p + "out")


def write(parts, adapter, out, precision):
    """Writes decoder.onnx and tokenizer.json; `adapter` maps names to weights, `precision` is "int8" or "fp32"."""
    o, g = Origin(parts / "smollm2.gguf"), Graph("smollm2")
    ids = g.input("input_ids", INT64, ["b", "s"])
    g.input("seqlens_k", INT32, ["b"])
    g.input("total_seq", INT32, [1])
    g.input("adapter", FLOAT, ["b", 1, 1])
    g.output("logits", FLOAT, ["b", 1, o.vocabulary])
    cos, sin = rope(o.base, o.head_size)
    g.constant("cos", cos), g.constant("sin", sin)
    layers = {"int8": Eight, "fp32": Precise}[precision](g, o)
    x = layers.embed(ids)
    for index in range(o.layers):
        x = block(g, o, layers, adapter, x, index)
    one, end, last = (g.constant(n, np.array([v])) for n, v in [("one", 1), ("end", np.iinfo(np.int64).max), ("minus_one", -1)])
    x = g.node("Slice", [x, last, end, one], "final")
    x = g.node("SimplifiedLayerNormalization", [x, g.constant("output_norm.weight", o.weight("output_norm.weight"))],
               "output_norm", epsilon=o.epsilon, axis=-1, stash_type=1)
    layers.head(x)
    g.save(out / "decoder.onnx")
    write_tokenizer(o, out / "tokenizer.json")


def write_tokenizer(origin, path):
    """GPT-2's byte pairs with single digits; control tokens (kind 3 in GGUF) become special tokens."""
    tokens = origin.texts("tokenizer.ggml.tokens")
    merges = [tuple(pair.split(" ")) for pair in origin.texts("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    tokenizer.decoder = decoders.ByteLevel()
    kinds = origin.numbers("tokenizer.ggml.token_type")
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t, kind in zip(tokens, kinds, strict=True) if kind == 3])
    path.write_text(tokenizer.to_str(), encoding="utf-8")
