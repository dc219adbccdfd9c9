"""Concept scores as the nets would give them for a picture of which there are only captions.

Learned words: the scores follow the captions as they do on `train` (a linear map), and the error is that of a similar picture.
Words that only classes lead to are seen too rarely there: their scores are drawn from those of learned things.
"""
import numpy as np

SIMILAR = 30  # the error is one of so many most similar pictures'


class Noise:
    """Draws scores; `data.train` rows of concepts.npz say how the nets err."""

    def __init__(self, saved, train):
        truth, scores, direct = saved["targets"][train], saved["scores"][train], saved["direct"][train]
        self.learned, self.base = int(saved["learned"]), saved["base"]
        self.mean, self.deviation = scores.mean(0), scores.std(0) + 0.01
        self.usual = truth.mean(0)
        apart = truth - self.usual
        self.follow = np.linalg.solve(apart.T @ apart + 3 * np.eye(truth.shape[1]), apart.T @ (scores - self.mean)).astype(np.float32)
        self.errors = scores - self.mean - apart @ self.follow
        self.spread = np.sqrt(self.deviation**2 + 0.02)
        self.pictures = apart / self.spread
        self.pictures /= np.linalg.norm(self.pictures, axis=1, keepdims=True) + 1e-6
        things = saved["use"][:self.learned]
        known = direct[:, :self.learned][:, things]
        share = truth[:, :self.learned][:, things]
        self.pools = known[share > 0.5], known[(share > 0) & (share <= 0.5)], direct[:, self.learned:][truth[:, self.learned:] == 0]

    def standard(self, scores, power=0.5):
        """Scores as differences from the usual, rare words weighing more."""
        return ((scores - self.mean) / self.deviation**power).astype(np.float32)

    def draw(self, truth, random):
        """Scores [n, V] for the shares `truth` [n, V], and the row of `train` whose error each has."""
        likeness = ((truth - self.usual) / self.spread) @ self.pictures.T
        nearest = np.argpartition(-likeness, SIMILAR, axis=1)[:, :SIMILAR] if likeness.shape[1] > SIMILAR else np.argsort(-likeness, axis=1)
        rows = nearest[np.arange(len(truth)), random.integers(0, nearest.shape[1], len(truth))]
        scores = self.mean + (truth - self.usual) @ self.follow + self.errors[rows] * random.uniform(0.6, 1.1, (len(truth), 1))
        rare = truth[:, self.learned:]
        said = self.pick(2, rare.shape, random)
        said = np.where(rare > 0.5, self.pick(0, rare.shape, random), said)
        said = np.where((rare > 0) & (rare <= 0.5), self.pick(1, rare.shape, random), said)
        scores[:, self.learned:] = self.base[self.learned:] + said
        return scores.astype(np.float32), rows

    def pick(self, pool, shape, random):
        values = self.pools[pool]
        return values[random.integers(0, len(values), shape)] if len(values) else np.zeros(shape, np.float32)
