"""Ridge regression in its dual form (few rows, many columns) on blocks of features, each brought to the same weight."""
import numpy as np

# How much each block of features.py counts: 1 for a whole view of the picture, less for what repeats another.
WEIGHTS = {"pooled": 1.0, "logits": 1.0, "labels": 0.5, "detector": 1.0, "classes": 0.7, "shapes": 0.7}


class Scaler:
    """Centres each block and scales it to mean square norm 1 × its weight, as seen on the rows it was made from."""

    def __init__(self, blocks):
        self.mean = np.concatenate([blocks[name].mean(0) for name in WEIGHTS])
        self.scale = np.concatenate([
            np.full(blocks[name].shape[1], np.sqrt(weight / ((blocks[name] - blocks[name].mean(0)) ** 2).sum(1).mean()), np.float32)
            for name, weight in WEIGHTS.items()])

    def __call__(self, blocks):
        return (np.concatenate([blocks[name] for name in WEIGHTS], 1) - self.mean) * self.scale


def ridge(rows, targets, strength):
    """Weights [columns, outputs] that map `rows` to `targets`."""
    kernel = rows @ rows.T
    kernel[np.diag_indices_from(kernel)] += strength
    return rows.T @ np.linalg.solve(kernel, targets)


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)
