"""Makes text.onnx: all-MiniLM-L6-v2 as one graph from token ids to a sentence's index vector, and its tokenizer."""
import json

import numpy as np

from graph import FLOAT, INT64, Graph


def write(parts, out, centre, text_map):
    """Writes text.onnx and text_tokenizer.json; `centre` [384] and `text_map` [384, 384] lead to the space of the images (train/heads.py)."""
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
    centred = g.node("Sub", [sentence, g.constant("centre", centre)], "centred")
    g.unit(g.node("MatMul", [centred, g.constant("text_map", text_map)], "mapped"), "embedding")
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
