"""Pools frames into segments as the engine does: the mean of the frames' vectors, of length 1; the mean of their scores."""
import numpy as np


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)


def mean(values, place, count):
    """The mean of the rows of `values` [n, d] at each place, [count, d]."""
    sums = np.zeros((count, values.shape[1]), np.float32)
    np.add.at(sums, place, values.astype(np.float32))
    return sums / np.maximum(np.bincount(place, minlength=count), 1)[:, None]


def scenes(data, values, of_length_1=True):
    """The rows of pictures [rows, d] as one row for each scene."""
    rows, place = data.rows(range(len(data.scenes)))
    pooled = mean(values[rows], place, len(data.scenes))
    return unit(pooled) if of_length_1 else pooled


def usual(data, scores):
    """The mean and the spread of each word's scores over the scenes of train, [V] each: tags are what stands out from them."""
    found = scenes(data, scores, of_length_1=False)[data.train]
    return found.mean(0), found.std(0) + 0.01
