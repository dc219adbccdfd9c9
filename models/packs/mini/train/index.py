"""Stage `index`: the index vector of a picture, in the space of sentences.

Writes WORK/index.npz. The space of MiniLM's sentence vectors is centred, and shrunk along the directions in which captions of one
picture differ from each other (their covariance to the power -1/4). A picture's vector is the sum of three linear parts: what
its concepts mean in that space, learned from text alone; a ridge on its features for what that leaves on `train`; and its
concepts carried back through the map that tells a sentence's words from its vector. All three are fitted, none is tuned on `tune`.
"""
import numpy as np

import concepts
import linear
import noise
import store

SHRINK = 0.25        # power of the whitening; 0.15 to 0.35 are alike
TEXT = 300           # ridge of the map learned from text
TEXT_SHARE = 0.7     # how much of that part is kept before the rest is fitted
REST = 20            # ridge of the rest on features
WORDS = 1.0          # weight of the part through words
DRAWS = 2            # simulated pictures of each group of captions


def whitening(vectors, owner):
    """[384, 384] that shrinks what differs within a group, and the mean over groups [384]."""
    sums, counts = np.zeros((owner.max() + 1, vectors.shape[1])), np.bincount(owner)
    np.add.at(sums, owner, vectors)
    means = sums / counts[:, None]
    within = np.cov((vectors - means[owner]).T)
    values, axes = np.linalg.eigh(within + 0.05 * np.eye(len(within)) * np.trace(within) / len(within))
    return (axes * values**-SHRINK) @ axes.T, means


def recall(queries, owner, pictures, at=(1, 5, 10)):
    """Shares of queries [q, d] whose own picture is among the first, of `pictures` [n, d], all of length 1."""
    scores = queries @ pictures.T
    rank = (scores > scores[np.arange(len(owner)), owner][:, None]).sum(1)
    return [round(100 * float((rank < k).mean()), 1) for k in at]


def rows_of(owner, rows):
    """Which sentences belong to `rows`, and the place of each one's owner among them."""
    place = {row: i for i, row in enumerate(rows)}
    mine = np.array([row in place for row in owner])
    return mine, np.array([place[row] for row in owner[mine]])


def run(data, work, log):
    saved, sentences = dict(np.load(work / "concepts.npz")), dict(np.load(work / "sentences.npz"))
    pictures = dict(np.load(work / "pictures.npz"))
    names = (work / "words.txt").read_text().split("\n")[:-1]
    train, tune, random = np.array(data.train, int), np.array(data.tune, int), np.random.default_rng(0)
    groups, owner = sentences["groups"].astype(np.float32), sentences["groups.owner"]
    own, owners = sentences["pairs"].astype(np.float32), sentences["pairs.owner"]
    shrink, means = whitening(groups, owner)
    per_pair = np.stack([own[owners == i].mean(0) for i in range(len(data.pairs))])
    centre = (means.mean(0) + per_pair[train].mean(0)) / 2
    wanted, text_wanted = (per_pair - centre) @ shrink, (means - means.mean(0)) @ shrink
    queries = linear.unit((own - centre) @ shrink)

    noisy, truth = noise.Noise(saved, train), concepts.shares(data.groups, names)
    simulated = np.concatenate([noisy.standard(noisy.draw(truth, random)[0]) for _ in range(DRAWS)])
    # TEXT was chosen with 8,500 groups: more text makes the map no freer.
    grown = simulated.T @ simulated * (8500 / len(truth)) + TEXT * np.eye(len(names))
    meaning = np.linalg.solve(grown, simulated.T @ np.concatenate([text_wanted] * DRAWS) * (8500 / len(truth)))

    bags = concepts.shares([{"captions": [caption]} for group in data.groups for caption in group["captions"]], names)
    bags /= np.maximum(np.linalg.norm(bags, axis=1, keepdims=True), 1e-6)
    white = (groups - means.mean(0)) @ shrink
    gram = white.T @ white
    words = np.linalg.solve(gram + 20 * np.eye(384) * np.trace(gram) / len(white), white.T @ (bags - bags.mean(0)))

    standard = noisy.standard(saved["scores"])
    scaler = linear.Scaler(concepts.of_kind(pictures, "", train))
    features = {kind: scaler(concepts.of_kind(pictures, kind)) for kind in ["", ".mirror"]}
    part = TEXT_SHARE * standard @ meaning

    def rest(rows):
        target = (wanted - part)[rows]
        return linear.ridge(np.concatenate([features[""][rows], features[".mirror"][rows]]), np.concatenate([target, target]), REST)

    def vectors(standard, features, weights):
        return linear.unit(linear.unit(TEXT_SHARE * standard @ meaning + features @ weights) + WORDS * linear.unit(standard) @ words.T)

    draws = np.zeros((len(saved["draws"]), len(data.pairs), 384), np.float32)
    for draw, folds in enumerate(saved["folds"]):
        for k in range(folds.max() + 1):
            held, weights = train[folds[train] == k], rest(train[folds[train] != k])
            for n, kind in enumerate(["", ".mirror"]):
                draws[2 * draw + n, held] = vectors(noisy.standard(saved["draws"][2 * draw + n, held]), features[kind][held], weights)
    weights = rest(train)
    draws[:, tune] = vectors(standard[tune], features[""][tune], weights)
    found = draws[0]
    # Within a fold only: the other folds' models knew a picture's captions, and would find them in pictures like it.
    for title, folds in [("train, folds of", saved["folds"][0][train]), ("tune,", np.zeros(len(tune), int))]:
        rows = train if "train" in title else tune
        if not len(rows):
            continue
        parts = [rows[folds == k] for k in range(folds.max() + 1)]
        for name, vectors_ in [("index vector", found), ("text only", linear.unit(part))]:
            asked = [rows_of(owners, some) for some in parts]
            hits = [recall(queries[mine], place, vectors_[some]) for (mine, place), some in zip(asked, parts)]
            log(f"{title} {len(parts[0])}: {name} R@1/5/10 {np.mean(hits, 0).round(1)}")
    # How a picture's vector follows its captions' mean, and what else is in it: to simulate vectors from captions alone.
    truth_of, aims = linear.unit(wanted), linear.unit(text_wanted)
    follow = float((found[train] * truth_of[train]).sum(1).mean())
    out = dict(vectors=found, draws=draws, means=aims, follow=follow, errors=found[train] - follow * truth_of[train], shrink=shrink, centre=centre,
               meaning=meaning, weights=weights, words=words, deviation=noisy.deviation, usual=noisy.mean, text_share=TEXT_SHARE, words_share=WORDS)
    if "pooled.clips" in pictures:
        clips = vectors(noisy.standard(saved["scores.clips"]), scaler(concepts.of_kind(pictures, ".clips")), weights)
        out["vectors.clips"] = clips
        asked = linear.unit((sentences["clips"].astype(np.float32) - centre) @ shrink)
        pooled = linear.unit(clips.reshape(len(data.clips), -1, 384).mean(1))
        log(f"clips: R@1/5/10 {recall(asked, sentences['clips.owner'], pooled)} of {len(data.clips)}")
    store.arrays(work / "index.npz", **out)
