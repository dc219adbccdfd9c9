"""Stage `pictures`: the networks' outputs for every picture, and for eight frames of every clip.

Writes WORK/pictures.npz: for each block of features.py, `<block>` [pictures, width] and `<block>.clips` [clips × 8, width], float16.
A picture in a file takes 100 ms a thread; those of features/ are taken as they are.
"""
import numpy as np
import onnxruntime
from PIL import Image

import features
import precomputed
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
    encode, rows, clips = Encoder(pack, work), [], []
    for number, path in enumerate(data.files):
        rows.append(encode(read(path)))
        if number % 100 == 99:
            log(f"{number + 1} of {len(data.files)} pictures")
    for clip in data.clips:
        some = [encode(frame) for frame in frames(data.clip(clip))]
        clips += [some[k * len(some) // FRAMES] for k in range(FRAMES)]
    parts = [{name: np.stack([row[name] for row in rows]) for name in features.BLOCKS}] if rows else []
    if data.stored:
        parts.append(precomputed.blocks(data.folder / "features", pack / "vision" / "lite3.onnx", np.array(data.stored)))
    out = {name: np.concatenate([part[name].astype(np.float16) for part in parts]) for name in features.BLOCKS}
    if clips:
        out |= {f"{name}.clips": np.stack([row[name] for row in clips]).astype(np.float16) for name in features.BLOCKS}
    store.arrays(work / "pictures.npz", **out)
    log(f"{len(data.files)} pictures and {len(data.stored)} whose features were there, {len(data.clips)} clips")
