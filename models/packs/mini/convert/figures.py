"""Takes the figures of the origins that a build is checked against, and prints how well the converted files agree.

Only needed when a net, a name or a check changes. Two steps, since TensorFlow and the build pin different packages, and one for a new adapter:

figures.py origins --models DIR --photos DIR --save FILE     in the environment of convert/requirements.txt (plus pillow):
    runs the tflite file and the frozen graph on the fixed picture and on a few photographs
figures.py write --origins FILE --fp32 DIR --parts DIR --minilm FILE     in the environment of the build:
    writes checks.json; --fp32 is a folder made by `build.py --precision fp32`, --minilm the model.safetensors beside the tokenizer
figures.py decoder --fp32 DIR     in the environment of the build: writes the decoder's figures anew, after its adapter has changed
"""
import argparse
import json
import pathlib
import sys

import numpy as np

PACK = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PACK))
from coco import CLASSES  # noqa: E402
from picture import picture  # noqa: E402

PROMPTS = ["<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n",
           "<|im_start|>user\nWrite one short sentence about a dog that runs on a beach.<|im_end|>\n<|im_start|>assistant\n"]
CAPTION = ("Similar: A dog runs in the grass. A dog plays in the field near a tree. A brown dog is outside with a ball.\n"
           "Image tags: dog, grass; maybe run, ball, brown, field, play, tree, outside, white\nCaption:")
TEXTS = ["a dog runs on the beach", "Two men in orange vests repair a railway track at night.", "red car"]
ROUND_TRIP = "Hello,  world! 12345 na\u00efve \u6771\u4eac \U0001f600\n\ttab"


def origins(options):
    """Logits and scores of the origins, for the fixed picture first, then the photographs, with the pictures themselves."""
    import tensorflow as tf
    from PIL import Image
    files = sorted(options.photos.iterdir())[::20][:5] if options.photos else []
    frames = [picture()] + [np.asarray(Image.open(f).convert("RGB").resize((300, 300), Image.BILINEAR)) for f in files]
    lite3 = tf.lite.Interpreter(str(options.models / "efficientnet_lite3.tflite"), experimental_preserve_all_tensors=True,
                                experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    lite3.allocate_tensors()
    dense = next(d for d in lite3._get_ops_details() if d["op_name"] == "FULLY_CONNECTED")["inputs"]
    graph = tf.compat.v1.GraphDef.FromString((options.models / "frozen_inference_graph.pb").read_bytes())
    rows = []
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.import_graph_def(graph, name="")
        for frame in frames:
            scores, boxes = session.run(["concat_1:0", "concat:0"], {"Preprocessor/sub:0": frame[None] / np.float32(127.5) - 1})
            rows.append((frame, scores[0], boxes.reshape(1917, 4)))
    small = [np.rint(tf.image.resize(frame[None].astype(np.float32), (280, 280)).numpy()).astype(np.uint8) for frame in frames]
    labels = []
    for image in small:
        step, middle = lite3.get_input_details()[0]["quantization"]
        image = np.rint((image.astype(np.float32) - 127) / 128 / step + middle).clip(0, 255).astype(np.uint8)
        lite3.set_tensor(lite3.get_input_details()[0]["index"], image)
        lite3.invoke()
        labels.append(dense_layer(lite3, dense))
        exact = lite3.get_tensor(lite3.get_output_details()[0]["index"])[0] / 256
        ours = np.exp(labels[-1]) / np.exp(labels[-1]).sum()
        print(f"origin's probabilities from its logits: off by {abs(exact - ours).max():.4f} at most")
    frames, scores, boxes = map(np.stack, zip(*rows))
    np.savez(options.save, frames=frames, small=np.concatenate(small), logits=np.stack(labels), scores=scores, boxes=boxes)
    print(f"{len(frames)} pictures, first labels {[int(l.argmax()) for l in labels]}")


def dense_layer(lite3, tensors):
    """The logits [1000] from the origin's own int8 features, since the interpreter overwrites them with the probabilities."""
    real = []
    for index in tensors:
        q = lite3._get_tensor_details(index, 0)["quantization_parameters"]
        real.append((lite3.get_tensor(index).astype(np.float64) - q["zero_points"][0]) * q["scales"].reshape(-1, *[1] * (lite3.get_tensor(index).ndim - 1)))
    features, weight, bias = real
    return (features @ weight.T + bias)[0].astype(np.float32)


def agreement(origin):
    """Prints for each picture how the converted nets agree with their origins."""
    from check import session
    lite3, ssd = session(PACK / "vision/lite3.onnx"), session(PACK / "vision/ssd.onnx")
    alike = lambda a, b: np.corrcoef(a.ravel(), b.ravel())[0, 1]
    for i, frame in enumerate(origin["frames"]):
        logits = lite3.run(None, {"images": (origin["small"][i:i + 1].astype(np.float32) - 127) / 128})[0][0]
        boxes, scores = ssd.run(["boxes", "scores"], {"images": frame[None] / np.float32(127.5) - 1})
        ours, theirs = np.argsort(-logits)[:5], np.argsort(-origin["logits"][i])[:5]
        best = [s.max(0)[1:].argsort()[::-1][:3].tolist() for s in (scores[0], origin["scores"][i])]
        print(f"picture {i}: Lite3 logits r {alike(logits, origin['logits'][i]):.4f}, top 5 {len(set(ours) & set(theirs))} shared, "
              f"first {'same' if ours[0] == theirs[0] else 'differs'}; SSD scores r {alike(scores[0], origin['scores'][i]):.5f}, "
              f"boxes r {alike(boxes[0], origin['boxes'][i]):.5f}, top 3 classes {'same' if best[0] == best[1] else best}")


def decoder_case(decoder, prompt, adapter=0):
    from check import log_softmax
    decoder.adapter[:] = adapter
    logits, answer = decoder.greedy(prompt, 24)
    spread = log_softmax(logits)
    top = np.argsort(-spread)[:50]
    return {"adapter": adapter, "prompt": prompt, "prompt_ids": decoder.tokenizer.encode(prompt).ids, "answer": answer, "agree": min(7, len(answer)) if prompt == PROMPTS[0] else 1,
            "top_ids": top.tolist(), "top_log_probabilities": spread[top].round(5).tolist()}


def decoder_figures(fp32):
    from check import Decoder
    decoder = Decoder(fp32)
    return {"special": {t: decoder.tokenizer.token_to_id(t) for t in ("<|im_start|>", "<|im_end|>", "<|endoftext|>")},
            "round_trip": ROUND_TRIP, "cases": [decoder_case(decoder, prompt) for prompt in PROMPTS] + [decoder_case(decoder, CAPTION, 1)]}


def write(options):
    """Writes checks.json from the origins' figures."""
    import minilm
    from tokenizers import Tokenizer
    origin = np.load(options.origins)
    agreement(origin)
    scores, weights = origin["scores"][0].max(0)[list(CLASSES)], minilm.load(options.minilm)
    tokenizer = Tokenizer.from_file(str(options.parts / "minilm_tokenizer.json"))
    tokenizer.no_padding()
    ids = [tokenizer.encode(text).ids for text in TEXTS]
    save({
        "text": [{"text": t, "ids": i, "vector": minilm.sentence(weights, i).round(5).tolist()} for t, i in zip(TEXTS, ids)],
        "vision": {"lite3_logits": origin["logits"][0].round(3).tolist(), "ssd_scores": scores.round(4).tolist()},
        "decoder": decoder_figures(options.fp32),
    })


def write_decoder(options):
    """Writes the decoder's part of checks.json anew."""
    save(json.loads((PACK / "checks.json").read_text()) | {"decoder": decoder_figures(options.fp32)})


def save(figures):
    round_floats = lambda v: json.loads(json.dumps(v), parse_float=lambda s: round(float(s), 5))
    lines = [f"{json.dumps(key)}: {json.dumps(round_floats(value))}" for key, value in figures.items()]
    (PACK / "checks.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"checks.json: {(PACK / 'checks.json').stat().st_size} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(required=True)
    step = steps.add_parser("origins")
    step.add_argument("--models", type=pathlib.Path, required=True)
    step.add_argument("--photos", type=pathlib.Path)
    step.add_argument("--save", type=pathlib.Path, required=True)
    step.set_defaults(run=origins)
    step = steps.add_parser("write")
    for name in "--origins", "--fp32", "--parts", "--minilm":
        step.add_argument(name, type=pathlib.Path, required=True)
    step.set_defaults(run=write)
    step = steps.add_parser("decoder")
    step.add_argument("--fp32", type=pathlib.Path, required=True)
    step.set_defaults(run=write_decoder)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
