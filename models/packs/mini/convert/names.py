"""Names the concepts and gives each a text vector once: openpibo's labels and MiniLM -> vision/concepts.txt and vision/names.npz.

Only needed to name the concepts anew. The vectors are committed because float results differ a little between CPUs,
and a build must give the same bytes everywhere. It runs in the environment of the build (../requirements.txt).

usage: names.py --models DIR --parts DIR     --models holds efficientnet_labels.txt, --parts the parts of pack.toml

names.npz: `vectors` float16 [1080, 384], the sentence vector of "a photo of a <name>" (length 1), the 1000 picture labels
first, then the 80 detector classes; `mean` float32 [384], the mean of the first 1000; `columns` int64 [80], the column of
each detector class in the scores of ssd.onnx (COCO numbers its classes 1 to 90 and leaves ten out).
"""
import argparse
import pathlib

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

VISION = pathlib.Path(__file__).resolve().parent.parent / "vision"

# Labels whose first synonym alone is the name of another label.
EXCEPTIONS = {517: "construction crane", 638: "swimsuit", 639: "tank suit"}

# Labels whose longer synonym is Latin or says no more: the first is kept.
SHORT = {149, 235, 344, 366, 384, 437, 497, 620, 632, 651, 743, 834, 851, 963}

# Class number -> name, from the COCO detection task.
COCO = dict(zip(
    [*range(1, 12), *range(13, 26), 27, 28, *range(31, 45), *range(46, 66), 67, 70, *range(72, 83), *range(84, 91)],
    """person,bicycle,car,motorcycle,airplane,bus,train,truck,boat,traffic light,fire hydrant,stop sign,parking meter,bench,
bird,cat,dog,horse,sheep,cow,elephant,bear,zebra,giraffe,backpack,umbrella,handbag,tie,suitcase,frisbee,skis,snowboard,
sports ball,kite,baseball bat,baseball glove,skateboard,surfboard,tennis racket,bottle,wine glass,cup,fork,knife,spoon,bowl,
banana,apple,sandwich,orange,broccoli,carrot,hot dog,pizza,donut,cake,chair,couch,potted plant,bed,dining table,toilet,tv,
laptop,mouse,remote,keyboard,cell phone,microwave,oven,toaster,sink,refrigerator,book,clock,vase,scissors,teddy bear,
hair drier,toothbrush""".replace("\n", "").split(","), strict=True))


def name(index, line):
    """The first synonym, or the one that says the same with a word more: "tabby, tabby cat" is a tabby cat."""
    synonyms = [s.strip() for s in line.split(",")]
    longer = [s for s in synonyms[1:] if s.lower().startswith(synonyms[0].lower() + " ")]
    return EXCEPTIONS.get(index, synonyms[0] if index in SHORT or not longer else longer[0])


def embed(texts, parts):
    """Sentence vectors [len(texts), 384] of length 1, one text at a time, so that no padding enters."""
    tokenizer = Tokenizer.from_file(str(parts / "minilm_tokenizer.json"))
    tokenizer.no_padding()
    session = onnxruntime.InferenceSession(parts / "minilm.onnx")
    rows = []
    for text in texts:
        ids = np.array([tokenizer.encode(text).ids])
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        row = session.run(None, feed)[0][0].mean(0)
        rows.append(row / np.linalg.norm(row))
    return np.stack(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--parts", type=pathlib.Path, required=True)
    options = parser.parse_args()
    labels = (options.models / "efficientnet_labels.txt").read_text().splitlines()
    names = [name(i, line) for i, line in enumerate(labels)] + list(COCO.values())
    if len(labels) != 1000 or len(COCO) != 80 or len(set(names[:1000])) != 1000:
        raise SystemExit(f"expected 1000 different labels and 80 classes, got {len(set(names[:1000]))} and {len(COCO)}")
    vectors = embed([f"a photo of a {n}" for n in names], options.parts)
    VISION.mkdir(exist_ok=True)
    (VISION / "concepts.txt").write_text("\n".join(names) + "\n")
    np.savez(VISION / "names.npz", vectors=vectors.astype(np.float16), mean=vectors[:1000].mean(0),
             columns=np.array(list(COCO), np.int64))
    print(f"{len(names)} names, mean of length {np.linalg.norm(vectors[:1000].mean(0)):.3f}")


if __name__ == "__main__":
    main()
