"""The 1917 anchors of SSD-MobileNetV2 (300×300), in the order of its outputs.

Six square feature maps; scales rise evenly from 0.2 to 0.95; three boxes a cell on the first map and six on the rest, as in
the TensorFlow object detection API's `ssd_anchor_generator` with the settings of `ssd_mobilenet_v2_coco_2018_03_29`.
"""
import numpy as np

SIDES = [19, 10, 5, 3, 2, 1]
RATIOS = [1, 2, 1 / 2, 3, 1 / 3]


def anchors():
    """[1917, 4] as centre y, centre x, height, width, each 0..1 of the picture."""
    scales = [0.2 + 0.75 * k / 5 for k in range(6)] + [1.0]
    rows = []
    for k, side in enumerate(SIDES):
        boxes = [(scales[k], ratio) for ratio in RATIOS] + [((scales[k] * scales[k + 1]) ** 0.5, 1)]
        if k == 0:
            boxes = [(0.1, 1), (scales[0], 2), (scales[0], 1 / 2)]
        rows += [((y + 0.5) / side, (x + 0.5) / side, scale / ratio**0.5, scale * ratio**0.5)
                 for y in range(side) for x in range(side) for scale, ratio in boxes]
    return np.array(rows)
