"""Stage `memory`: captions that people gave to other pictures, retrieved by a segment's index vector.

Writes WORK/memory.npz and WORK/memory.txt. Only COCO captions are kept (CC BY 4.0; the others may not be passed on), and of those only
the ones that are fit to be shown (quality.py), chosen so that they cover what there is: no two are nearly equal. Their vectors have
8 bits a number. The memory gives the draft caption of a segment and the examples in the decoder's prompt; `near`, `draft` and `examples`
are what the engine does too (models/src/text/caption_memory.rs).
"""
import functools

import numpy as np

import dataset
import measure
import pool
import quality
import store
import vocabulary
from manifest import MANIFEST

MOST = 30_000
NEAR = 0.95     # cosine from which two captions say the same
WORST = 0.25    # share of the captions that agree least with their picture, or with its other captions: they are left out
BLOCK = 1000    # captions that are compared with the chosen ones at a time
DRAFT = 80      # the draft is chosen among so many nearest
RULE = MANIFEST["memory"]["draft"]
EXAMPLES = 40   # examples are taken from so many nearest


class Memory:
    """Captions with the vectors [n, 384] that the engine will have, whose picture each tells of, and the words that each names."""

    def __init__(self, texts, codes, scale, owner, names):
        self.texts, self.owner = texts, owner
        self.vectors = codes.astype(np.float32) * scale[:, None]
        found = vocabulary.Vocabulary(names)
        self.named = functools.cache(lambda row: found.columns_in(texts[row]))

    @classmethod
    def load(cls, work):
        saved = np.load(work / "memory.npz")
        texts, names = ((work / name).read_text().splitlines() for name in ("memory.txt", "words.txt"))
        return cls(texts, saved["codes"], saved["scale"], saved["owner"], names)

    def near(self, vector, count, without=None):
        """The nearest captions, best first, with their similarity and their consensus with each other, both at most 1."""
        scores = self.vectors @ vector
        if without is not None:
            scores[self.owner == without] = -2
        rows = np.argpartition(-scores, count)[:count] if count < len(scores) else np.arange(len(scores))
        rows = rows[np.lexsort((rows, -scores[rows]))]
        near = self.vectors[rows]
        consensus = near @ (near.T @ np.maximum(scores[rows], 0) ** 2)
        return rows, scores[rows] / max(scores[rows].max(), 1e-6), consensus / max(consensus.max(), 1e-6)

    def draft(self, vector, scores, without=None):
        """The caption that agrees best with the others, is near, and names what is seen: `scores` [V] are those of the words."""
        rows, similarity, consensus = self.near(vector, DRAFT, without)
        support = np.array([(scores[self.named(row)] - RULE["neutral"]).sum() for row in rows])
        return self.texts[rows[(consensus + RULE["similarity"] * similarity + RULE["support"] * support).argmax()]]

    def examples(self, vector, count=3, without=None):
        """Captions of different pictures that are near and agree with the others."""
        rows, similarity, consensus = self.near(vector, EXAMPLES, without)
        out, told = [], set()
        for row in rows[np.argsort(-(similarity + consensus), kind="stable")]:
            if self.owner[row] not in told:
                told.add(self.owner[row])
                out.append(self.texts[row])
            if len(out) == count:
                break
        return out


def candidates(data, sentences, heads):
    """Fit captions of COCO, with MiniLM's vector, owner (a scene's number, or -1 - the text's) and how well the caption agrees with
    what the network sees, or with its other captions."""
    scenes, texts = ([(i, k) for i, k in zip(sentences[f"{name}.owner"], sentences[f"{name}.text"])] for name in ("scenes", "memory"))
    judge = quality.Quality(data)
    train = set(data.train)
    kept = [row for row, (i, k) in enumerate(scenes)
            if i in train and data.scenes[i].dataset == "coco" and judge.fit(data.scenes[i].captions[k])]
    captions = [data.scenes[scenes[row][0]].captions[scenes[row][1]] for row in kept] + [data.texts[i]["captions"][k] for i, k in texts]
    owner = np.array([scenes[row][0] for row in kept] + [-1 - i for i, _ in texts], int)
    raw = np.concatenate([sentences["scenes"][kept], sentences["memory"]]).astype(np.float32)
    vectors = pool.unit((raw - heads["centre"]) @ heads["map"].T)
    seen = pool.scenes(data, heads["vectors"])
    told = means(owner, vectors)
    agreement = np.array([vectors[row] @ (seen[o] if o >= 0 else told[o]) for row, o in enumerate(owner)])
    # A picture sees less of a caption than other captions do: each kind is ranked among its own.
    rank = np.zeros(len(owner))
    for kind in (owner >= 0, owner < 0):
        rank[kind] = np.argsort(np.argsort(-agreement[kind], kind="stable"), kind="stable") / max(1, kind.sum())
    return captions, vectors, owner, rank


def means(owner, vectors):
    """The mean vector of each owner's captions, length 1."""
    names, place = np.unique(owner, return_inverse=True)
    sums = np.zeros((len(names), vectors.shape[1]), np.float32)
    np.add.at(sums, place, vectors)
    return dict(zip(names, pool.unit(sums)))


def choose(vectors, rank, most=MOST):
    """Rows of captions drawn at random, so that they cover what there is: none of the worst, and no two that are near to each other."""
    order = np.random.default_rng(0).permutation(np.flatnonzero(rank <= 1 - WORST))
    kept = np.zeros((0, vectors.shape[1]), np.float32)
    rows = []
    for start in range(0, len(order), BLOCK):
        block = order[start:start + BLOCK]
        far = block[(vectors[block] @ kept.T).max(1, initial=-1) < NEAR]
        among = np.triu(vectors[far] @ vectors[far].T, 1)
        fresh = []
        for at in range(len(far)):
            if not fresh or among[fresh, at].max() < NEAR:
                fresh.append(at)
        rows += far[fresh].tolist()
        kept = np.concatenate([kept, vectors[far[fresh]]])
        if len(rows) >= most:
            break
    return np.array(sorted(rows[:most]))


def run(data, work, log):
    heads, sentences = dict(np.load(work / "heads.npz")), dict(np.load(work / "sentences.npz"))
    texts, found, owners, rank = candidates(data, sentences, heads)
    if not texts:
        raise SystemExit(f"no fit caption of {quality.WORDS[0]} to {quality.WORDS[1]} words has an origin that starts with coco: "
                         "the memory holds only those")
    rows = choose(found, rank)
    log(f"{len(rows)} of {len(texts)} captions are kept")
    texts, found, owners = [dataset.tidy(texts[row]) for row in rows], found[rows], owners[rows]
    scale = (np.abs(found).max(1) / 127).astype(np.float32)
    codes = np.rint(found / scale[:, None]).astype(np.int8)
    store.arrays_and_lines(work / "memory.npz", dict(codes=codes, scale=scale, owner=owners), work / "memory.txt", texts)
    memory = Memory(texts, codes, scale, owners, (work / "words.txt").read_text().splitlines())
    seen, scores = pool.scenes(data, heads["vectors"]), pool.scenes(data, heads["scores"], of_length_1=False)
    for name, tune in data.by_dataset(data.tune).items():
        drafts = [memory.draft(seen[i], scores[i]) for i in tune]
        log(f"drafts on tune of {name}: {measure.captions([data.scenes[i].captions for i in tune], drafts)}")
    if "vectors.clips" in heads:
        drafts = [memory.draft(*seen) for seen in zip(heads["vectors.clips"], heads["scores.clips"])]
        log(f"drafts on clips: {measure.captions([clip['captions'] for clip in data.clips], drafts)}")
