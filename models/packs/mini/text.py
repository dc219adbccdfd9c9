"""Makes text.onnx: all-MiniLM-L6-v2 as one graph from token ids to a centred sentence vector, and its tokenizer."""
import json

import numpy as np

from graph import FLOAT, INT64, Graph


def write(parts, out, mean):
    """Writes text.onnx and text_tokenizer.json; `mean` [384] is what the picture vectors are centred by too."""
    g = Graph("minilm")
    ids = g.input("input_ids", INT64, ["b", "t"])
    mask = g.input("attention_mask", INT64, ["b", "t"])
    types = g.node("ConstantOfShape", [g.node("Shape", [ids], "shape")], "token_type_ids", value=zero())
    names = g.splice(parts / "minilm.onnx", "minilm.", {"input_ids": ids, "attention_mask": mask, "token_type_ids": types})
    weight = g.node("Unsqueeze", [g.node("Cast", [mask], "mask", to=FLOAT), g.constant("last", np.array([-1]))], "weight")
    axis = g.constant("tokens", np.array([1]))
    total = g.node("ReduceSum", [g.node("Mul", [names["last_hidden_state"], weight], "kept"), axis], "total", keepdims=0)
    count = g.node("ReduceSum", [weight, axis], "count", keepdims=0)
    sentence = g.unit(g.node("Div", [total, count], "pooled"), "sentence")
    g.unit(g.node("Sub", [sentence, g.constant("mean", mean)], "centred"), "embedding")
    g.output("embedding", FLOAT, ["b", 384])
    g.save(out / "text.onnx")

    tokenizer = json.loads((parts / "minilm_tokenizer.json").read_text())
    tokenizer["padding"] = None
    tokenizer["truncation"] = {"direction": "Right", "max_length": 128, "strategy": "LongestFirst", "stride": 0}
    (out / "text_tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False))


def zero():
    """The value that ConstantOfShape repeats."""
    from onnx import numpy_helper
    return numpy_helper.from_array(np.zeros(1, np.int64))
