"""Pools frames into segments as the engine does: the mean of the frames' vectors, of length 1; the mean of their scores."""
import numpy as np
import torch


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)


def mean(values, place, count):
    """The mean of the rows of `values` [n, d] at each place, [count, d]."""
    sums = torch.zeros(count, values.shape[1]).index_add(0, place, values)
    return sums / torch.bincount(place, minlength=count)[:, None]


def scenes(data, values, of_length_1=True):
    """The rows of pictures [rows, d] as one row for each scene."""
    rows, place = data.rows(range(len(data.scenes)))
    pooled = mean(torch.tensor(values[rows].astype(np.float32)), torch.tensor(place), len(data.scenes)).numpy()
    return unit(pooled) if of_length_1 else pooled
