"""Stage `pictures`: what the nets give for every picture, its mirror image, and eight frames of every clip.

Writes WORK/pictures.npz: for each block of features.py, `<block>` [pairs, width], `<block>.mirror` the same for mirrored
pictures, `<block>.clips` [clips × 8, width]. 100 ms a picture and thread.
"""
import numpy as np
import onnxruntime
from PIL import Image

import features
import store

FRAMES = 8  # of a clip


class Encoder:
    """Pictures to blocks, one at a time."""

    def __init__(self, pack, work):
        with store.whole(work / "features.onnx") as part:
            features.write(pack / "vision", part)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        self.session = onnxruntime.InferenceSession(work / "features.onnx", options)

    def __call__(self, picture):
        frame = np.asarray(picture.convert("RGB").resize((features.SIDE, features.SIDE), Image.Resampling.BILINEAR))
        values = self.session.run([f"block.{name}" for name in features.BLOCKS], {"frames": frame[None]})
        return {name: value[0] for name, value in zip(features.BLOCKS, values)}


def read(path):
    try:
        with Image.open(path) as picture:
            picture.load()
            return picture
    except OSError as error:
        raise SystemExit(f"{path} cannot be read as a picture: {error}")


def frames(path):
    """Eight pictures evenly spread over a clip (fewer if it has fewer), by ffmpeg's decoders in OpenCV."""
    import cv2
    capture, all_frames = cv2.VideoCapture(str(path)), []
    while True:
        good, frame = capture.read()
        if not good:
            break
        all_frames.append(cv2.resize(frame, (640, 480), interpolation=cv2.INTER_AREA)[:, :, ::-1])
    if not all_frames:
        raise SystemExit(f"{path} gave no frame")
    count = min(FRAMES, len(all_frames))
    return [Image.fromarray(all_frames[int((k + 0.5) * len(all_frames) / count)]) for k in range(count)]


def run(data, pack, work, log):
    encode, rows = Encoder(pack, work), {"": [], ".mirror": [], ".clips": []}
    for number, pair in enumerate(data.pairs):
        picture = read(data.picture(pair))
        rows[""].append(encode(picture))
        rows[".mirror"].append(encode(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)))
        if number % 100 == 99:
            log(f"{number + 1} of {len(data.pairs)} pictures")
    for clip in data.clips:
        some = [encode(frame) for frame in frames(data.clip(clip))]
        rows[".clips"] += [some[k * len(some) // FRAMES] for k in range(FRAMES)]
    store.arrays(work / "pictures.npz", **{name + kind: np.stack([row[name] for row in list_]).astype(np.float32)
                                           for kind, list_ in rows.items() if list_ for name in features.BLOCKS})
    log(f"{len(data.pairs)} pictures, {len(data.clips)} clips")
