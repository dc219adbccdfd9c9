"""Stage `concepts`: which words a picture calls for, and how sure the nets are of each.

Writes WORK/concepts.npz and WORK/words.txt. A concept's score estimates the share of people who would use the word in a caption
of the picture. It is a shared linear map of what the nets' own classes say for the word, plus a ridge on all features for the
rest. Rows of `train` are predicted by models that did not see them, so later stages meet the errors they will meet in use.
"""
import collections

import numpy as np

import linear
import store
import words
from coco import CLASSES

FOLDS = 10
DRAWS = 3            # times that the folds are drawn anew: more different errors for the later stages to learn from
STRENGTH = 10        # of the ridge; 3 to 30 differ by less than 0.01 mean average precision
PEOPLE = set("man woman boy girl child people person".split())
PICTURES = 8         # a learned word is in so many pictures of `train`
CAPTIONS = 60        # and in so many captions of the text; one that only the nets' classes lead to is in twice as many


def vocabulary(data, labels, classes, least_pictures, least_captions):
    """The words, how many of them are learned, and the classes that lead to each: own [1000, V], above [1000, V], seen [80, V]."""
    pictures, captions = collections.Counter(), collections.Counter()
    for i in data.train:
        pictures.update(set.union(*map(words.content, data.pairs[i]["captions"])))
    for group in data.groups:
        for caption in group["captions"]:
            captions.update(words.content(caption))
    of_labels = words.label_words(labels, captions, least_captions)
    of_classes = [words.class_words(name) for name in classes]
    learned = [word for word, n in sorted(pictures.items(), key=lambda item: (-item[1], item[0])) if n >= least_pictures and captions[word] >= least_captions]
    reached = {word for own, above in of_labels for word in own + above} | {word for some in of_classes for word in some}
    mapped = sorted((word for word in reached - set(learned) if captions[word] >= 2 * least_captions and len(word) > 2), key=lambda word: (-captions[word], word))
    names = learned + mapped
    at = {word: i for i, word in enumerate(names)}
    own, above, seen = (np.zeros((rows, len(names)), bool) for rows in (len(labels), len(labels), len(classes)))
    for row, (some, more) in enumerate(of_labels):
        own[row, [at[word] for word in some if word in at]] = True
        above[row, [at[word] for word in some + more if word in at]] = True
    for row, some in enumerate(of_classes[1:], 1):  # not "person": it is everywhere and says too little
        seen[row, [at[word] for word in some if word in at]] = True
    share = np.array([captions[word] for word in names]) / sum(len(group["captions"]) for group in data.groups)
    return names, len(learned), own, above, seen, share.astype(np.float32)


def shares(records, names):
    """For each record the share of its captions that hold each word, [records, V]."""
    at, out = {word: i for i, word in enumerate(names)}, np.zeros((len(records), len(names)), np.float32)
    for row, record in enumerate(records):
        for caption in record["captions"]:
            for word in words.content(caption):
                if word in at:
                    out[row, at[word]] += 1 / len(record["captions"])
    return out


def evidence(blocks, own, above, seen):
    """What the nets' classes say for each word, four numbers: [n, V, 4]."""
    probabilities = blocks["labels"] ** 2
    scores = np.exp(blocks["classes"] - 7)
    best = np.stack([(scores * column).max(1) for column in seen.T], 1)
    return np.stack([np.sqrt(probabilities @ own), np.sqrt(probabilities @ above), best, best**2], -1).astype(np.float32)


class Predictor:
    """Scores [n, V] from blocks."""

    def __init__(self, blocks, mirrored, direct, direct_mirrored, targets, base, learned):
        """`direct` [n, V] is the part that the nets' classes say; only the first `learned` words get more."""
        self.scaler, self.base = linear.Scaler(blocks), base
        rows = np.concatenate([self.scaler(blocks), self.scaler(mirrored)])
        rest = np.concatenate([targets - base - direct, targets - base - direct_mirrored])
        rest[:, learned:] = 0
        self.weights = linear.ridge(rows, rest, STRENGTH)

    def __call__(self, blocks, direct):
        return self.base + direct + self.scaler(blocks) @ self.weights


def average_precision(scores, truth):
    hits = truth[np.argsort(-scores)] > 0
    return (np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean()


def of_kind(saved, kind, rows=slice(None)):
    """The blocks of features.py for some rows; `kind` is "", ".mirror" or ".clips"."""
    return {name: saved[name + kind][rows] for name in linear.WEIGHTS}


def run(data, labels, work, log, least_pictures=PICTURES, least_captions=CAPTIONS):
    saved = dict(np.load(work / "pictures.npz"))
    names, learned, own, above, seen, share = vocabulary(data, labels, list(CLASSES.values()), least_pictures, least_captions)
    log(f"{learned} learned words, {len(names) - learned} that only classes lead to")
    targets = shares(data.pairs, names)
    train, tune = np.array(data.train, int), np.array(data.tune, int)
    reached = own.any(0) | above.any(0) | seen.any(0)
    # The shared map is fitted on learned things other than people, and used for all words that a class leads to but people.
    things = np.array([i for i in range(learned) if reached[i] and names[i] not in PEOPLE], int)
    if not len(things):
        raise SystemExit(f"no word is learned that a label or class leads to: a word must be in {least_pictures} pictures of train and in {least_captions} captions; "
                         "give more data or lower --least-pictures and --least-captions")
    kinds = [kind for kind in ["", ".mirror", ".clips"] if "pooled" + kind in saved]
    said = {kind: evidence(of_kind(saved, kind), own, above, seen) for kind in kinds}
    wanted = targets[train][:, things] - targets[train][:, things].mean(0)
    facts = said[""][train][:, things].reshape(-1, 4)
    share_of = np.linalg.lstsq(np.c_[facts, np.ones(len(facts))], wanted.reshape(-1), rcond=None)[0][:4].astype(np.float32)
    use = reached & np.array([name not in PEOPLE for name in names])
    direct = {kind: said[kind] @ share_of * use for kind in kinds}
    log(f"shared map of own label, hypernym, detector, its square: {share_of.round(3)}")

    def fit(rows):
        base = np.where(np.arange(len(names)) < learned, targets[rows].mean(0), share)
        return Predictor(of_kind(saved, "", rows), of_kind(saved, ".mirror", rows), direct[""][rows], direct[".mirror"][rows], targets[rows], base, learned)

    draws = np.zeros((2 * DRAWS, len(data.pairs), len(names)), np.float32)
    folds = np.full((DRAWS, len(data.pairs)), -1)

    def predict(model, rows, kind=""):
        return model(of_kind(saved, kind, rows), direct[kind][rows])

    for draw in range(DRAWS):
        fold = folds[draw, train] = np.random.default_rng(draw).permutation(len(train)) % FOLDS
        for k in range(FOLDS):
            model, held = fit(train[fold != k]), train[fold == k]
            draws[2 * draw, held], draws[2 * draw + 1, held] = predict(model, held), predict(model, held, ".mirror")
    full = fit(train)
    if len(tune):
        draws[:, tune] = predict(full, tune)
    scores = draws[0]
    for title, rows in [("train, held out", train), ("tune", tune)]:
        often = [i for i in range(learned) if (targets[rows, i] > 0).sum() >= 4]
        if often:
            log(f"{title}: mean average precision {np.mean([average_precision(scores[rows, i], targets[rows, i]) for i in often]):.3f} of {len(often)} words, "
                f"by the classes alone {np.mean([average_precision(direct[''][rows, i], targets[rows, i]) for i in often]):.3f}")
    out = dict(scores=scores, draws=draws, folds=folds, targets=targets, learned=learned, own=own, above=above, seen=seen, use=use, share_of=share_of, base=full.base,
               weights=full.weights, mean=full.scaler.mean, scale=full.scaler.scale, share=share, direct=direct[""])
    if ".clips" in kinds:
        out["scores.clips"] = full(of_kind(saved, ".clips"), direct[".clips"])
    store.arrays_and_lines(work / "concepts.npz", out, work / "words.txt", names)
