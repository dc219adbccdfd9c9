"""Stage `heads`: the scores of words for a picture, and its index vector among sentences.

Writes WORK/heads.npz and WORK/words.txt. One small network, two outputs. The index vector is learned by contrast (Radford et al. 2021,
arXiv 2103.00020): a segment's vector must be nearer to its own caption than to the captions of the other scenes of a batch, and a caption
nearer to its own segment. As in the engine, a segment's vector is the mean of its frames' vectors, so a film is shown by several of its
frames. The text side is MiniLM with a learned map. A word's score estimates the share of people who would use it in a
caption of the picture (binary cross-entropy with the shares).

Scenes of `train` are scored by networks that did not see them, so that later stages meet the errors they will meet in use.
"""
import collections

import numpy as np
import torch
from torch.nn import functional

import features
import pool
import store
import words
from coco import CLASSES

# How much each block of features.py counts: 1 for a whole view of the picture, less for what repeats another.
WEIGHTS = {"pooled": 1.0, "logits": 1.0, "labels": 0.5, "detector": 1.0, "classes": 0.7, "shapes": 0.7}
HIDDEN = 1024
FOLDS = 3
BATCH = 768             # scenes
EPOCHS = 10
FRAMES = 0.5            # chance that a frame of a film is left out of a segment
BLIND, FORGET = 0.2, 0.5  # dropout of features and of hidden units
RATES = {"network": 2e-3, "text": 4e-4, "temperature": 2e-3}
WORDS = 0.15            # weight of the words' loss, a sum over the words; 0.05 is no better
TELL = 0.06             # average precision, on scenes not seen, from which the network can tell a word


class Scaler:
    """Centres each block and scales it to a root mean square norm of its weight, as seen on the rows it was made from."""

    def __init__(self, blocks):
        self.mean = np.concatenate([block.mean(0, dtype=np.float64) for block in blocks.values()]).astype(np.float32)
        spread = {name: np.sqrt(block.var(0, dtype=np.float64).sum()) for name, block in blocks.items()}
        self.scale = np.concatenate([np.full(block.shape[1], WEIGHTS[name] / spread[name], np.float32) for name, block in blocks.items()])

    def __call__(self, blocks):
        return (np.concatenate(list(blocks.values()), 1).astype(np.float32) - self.mean) * self.scale


class Network(torch.nn.Module):
    """Scaled features [n, 4800] to vectors [n, 384] of length 1 and logits of words [n, V]."""

    def __init__(self, width, count):
        super().__init__()
        self.straight, self.into, self.out = torch.nn.Linear(width, 384), torch.nn.Linear(width, HIDDEN), torch.nn.Linear(HIDDEN, 384)
        self.words = torch.nn.Linear(HIDDEN + 384, count)
        torch.nn.init.zeros_(self.out.weight)

    def forward(self, x):
        hidden = functional.dropout(functional.gelu(self.into(x)), FORGET, self.training)
        straight = self.straight(x)
        return functional.normalize(straight + self.out(hidden), dim=1), self.words(torch.cat([hidden, straight], 1))


class Text(torch.nn.Module):
    """MiniLM's vectors to vectors in the space of segments, length 1: centred, then a linear map."""

    def __init__(self, centre):
        super().__init__()
        self.register_buffer("centre", torch.tensor(centre))
        self.map = torch.nn.Linear(len(centre), 384, bias=False)
        torch.nn.init.eye_(self.map.weight)

    def forward(self, vectors):
        return functional.normalize(self.map(vectors - self.centre), dim=1)


def vocabulary(data, labels, least, least_class):
    """The words, the ones in most scenes of train first, and for each scene the share of its captions that hold each: u8 [scenes, V], 255 is all."""
    held, scenes = [], collections.Counter()
    for scene in data.scenes:
        held.append(collections.Counter(word for caption in scene.captions for word in words.content(caption)))
    for i in data.train:
        scenes.update(held[i].keys())
    classes = {word for name in [*labels, *CLASSES.values()] for word in words.class_words(name)}
    often = {word for word, count in scenes.items() if len(word) > 2 and count >= (least_class if word in classes else least)}
    names = sorted(often, key=lambda word: (-scenes[word], word))
    at, shares = {word: i for i, word in enumerate(names)}, np.zeros((len(held), len(names)), np.uint8)
    for row, (scene, counts) in enumerate(zip(data.scenes, held)):
        for word in counts.keys() & at.keys():
            shares[row, at[word]] = round(255 * counts[word] / len(scene.captions))
    return names, shares


class Captions:
    """Draws captions of scenes: MiniLM's vectors f32 [captions, 384], grouped by scene."""

    def __init__(self, vectors, owner, count):
        self.vectors = torch.tensor(vectors.astype(np.float32))
        self.first, self.number = np.searchsorted(owner, np.arange(count)), np.bincount(owner, minlength=count)

    def of(self, scenes):
        """The vectors of all captions of some scenes."""
        return self.vectors[np.concatenate([np.arange(self.first[i], self.first[i] + self.number[i]) for i in scenes])]

    def draw(self, scenes, random):
        return self.vectors[self.first[scenes] + random.integers(0, 1 << 30, len(scenes)) % self.number[scenes]]


def segments(data, scenes, random):
    """Some frames of each scene, all where chance leaves none: their rows, and the place of each one's scene."""
    rows, place = map(np.array, data.rows(scenes))
    kept = random.random(len(rows)) >= FRAMES
    kept |= np.bincount(place, kept, len(scenes))[place] == 0
    return rows[kept], place[kept]


def learn(data, x, shares, captions, scenes, log, text=None, seed=0):
    """A network taught by some scenes, and the map of texts; with `text` given, only the network learns."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    network, scale = Network(x.shape[1], shares.shape[1]), torch.nn.Parameter(torch.tensor(3.0))
    usual = np.clip(shares[scenes].mean(0) / 255, 1e-4, 0.9)
    with torch.no_grad():
        network.words.bias.copy_(torch.tensor(np.log(usual / (1 - usual))))
    taught = text is None
    text = text or Text(captions.of(scenes).mean(0).numpy())
    groups = [{"params": network.parameters(), "weight_decay": 0.05}, {"params": [scale], "weight_decay": 0.0}]
    rates = [RATES["network"], RATES["temperature"]]
    if taught:
        groups.append({"params": text.parameters(), "weight_decay": 0.01})
        rates.append(RATES["text"])
    optimiser = torch.optim.AdamW(groups)
    batch = min(BATCH, len(scenes))
    steps = EPOCHS * (len(scenes) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=steps + 1)
    for epoch in range(EPOCHS):
        network.train()
        order, told = random.permutation(scenes), []
        for start in range(0, len(order) - batch + 1, batch):
            some = order[start:start + batch]
            rows, place = segments(data, some, random)
            seen = functional.dropout(x[rows].float(), BLIND)
            vectors, logits = network(seen)
            wanted = torch.tensor(shares[some][place].astype(np.float32) / 255)
            each = torch.tensor(1 / np.bincount(place)[place], dtype=torch.float32)
            of_words = (functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none").sum(1) * each).sum() / len(some)
            pooled = functional.normalize(torch.zeros(len(some), 384).index_add(0, torch.tensor(place), vectors * each[:, None]), dim=1)
            scores = scale.exp() * text(captions.draw(some, random)) @ pooled.T
            right = torch.arange(len(some))
            contrast = sum(functional.cross_entropy(s, right, label_smoothing=0.05) for s in (scores, scores.T)) / 2
            optimiser.zero_grad()
            (contrast + WORDS * of_words).backward()
            optimiser.step()
            schedule.step()
            told.append((contrast.item(), of_words.item()))
        log(f"epoch {epoch + 1} of {EPOCHS}: contrast {np.mean(told, 0)[0]:.3f}, words {np.mean(told, 0)[1]:.2f}")
    network.eval()
    return network, text


@torch.no_grad()
def outputs(network, x, rows):
    """Vectors [rows, 384] and scores of words [rows, V], f32."""
    parts = [network(x[some].float()) for some in np.array_split(np.array(rows), max(1, len(rows) // 2048))]
    return torch.cat([v for v, _ in parts]).numpy(), torch.cat([w for _, w in parts]).sigmoid().numpy()


def recall(queries, owner, segments, at=(1, 5, 10)):
    """Shares of queries [q, d] whose own segment is among the first, of `segments` [n, d], all of length 1, in percent."""
    scores = queries @ segments.T
    rank = (scores > scores[np.arange(len(owner)), owner][:, None]).sum(1)
    return [round(100 * float((rank < k).mean()), 1) for k in at]


def average_precision(scores, truth):
    hits = truth[np.argsort(-scores, kind="stable")] > 0
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


def measure(data, vectors, queries, owner):
    """Recall for each data set's scenes of tune: {name: (count, [R@1, R@5, R@10])}."""
    out = {}
    for name, scenes in data.by_dataset(data.tune).items():
        place = {scene: at for at, scene in enumerate(scenes)}
        mine = np.flatnonzero(np.isin(owner, scenes))
        out[name] = len(scenes), recall(queries[mine], np.array([place[o] for o in owner[mine]]), vectors[scenes])
    return out


def run(data, labels, work, log, least_scenes, least_class):
    torch.set_num_threads(2)
    saved, sentences = np.load(work / "pictures.npz"), np.load(work / "sentences.npz")
    blocks = {name: saved[name] for name in features.BLOCKS}
    names, shares = vocabulary(data, labels, least_scenes, least_class)
    log(f"{len(names)} words in enough scenes")
    train_rows, _ = data.rows(data.train)
    scaler = Scaler({name: block[train_rows] for name, block in blocks.items()})
    x = torch.tensor(scaler(blocks)).half()
    train, owner = np.array(data.train), sentences["scenes.owner"]
    captions = Captions(sentences["scenes"], owner, len(data.scenes))
    network, text = learn(data, x, shares, captions, train, log)
    text.requires_grad_(False)
    vectors, scores = outputs(network, x, range(len(x)))
    fold = np.random.default_rng(1).integers(0, FOLDS, len(train))
    for k in range(FOLDS):
        log(f"fold {k + 1} of {FOLDS}")
        part, _ = learn(data, x, shares, captions, train[fold != k], log, text, seed=k + 1)
        rows, _ = data.rows(train[fold == k])
        vectors[rows], scores[rows] = outputs(part, x, rows)
    kept = tellable(data, scores, shares, names, log)
    names, scores = [names[i] for i in kept], scores[:, kept]
    with torch.no_grad():
        queries = text(captions.vectors).numpy()
    by_scene = pool.scenes(data, vectors)
    for name, (count, found) in measure(data, by_scene, queries, owner).items():
        log(f"tune, {count} of {name}: R@1/5/10 {found}")
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    weights["words.weight"], weights["words.bias"] = weights["words.weight"][kept], weights["words.bias"][kept]
    out = dict(vectors=vectors.astype(np.float16), scores=scores.astype(np.float16), shares=shares[:, kept], mean=scaler.mean, scale=scaler.scale,
               centre=text.centre.numpy(), map=text.map.weight.detach().numpy(), **weights)
    if "pooled.clips" in saved:
        frames = torch.tensor(scaler({name: saved[f"{name}.clips"] for name in features.BLOCKS})).half()
        clip_vectors, clip_scores = outputs(network, frames, range(len(frames)))
        out["vectors.clips"] = pool.unit(clip_vectors.reshape(len(data.clips), -1, 384).mean(1))
        out["scores.clips"] = clip_scores[:, kept].reshape(len(data.clips), -1, len(kept)).mean(1)
        with torch.no_grad():
            asked = text(torch.tensor(sentences["clips"].astype(np.float32))).numpy()
        log(f"{len(data.clips)} clips: R@1/5/10 {recall(asked, sentences['clips.owner'], out['vectors.clips'])}")
    store.arrays_and_lines(work / "heads.npz", out, work / "words.txt", names)


def tellable(data, scores, shares, names, log):
    """The words that the network can tell on scenes of train that it did not see, and those that pack.toml names, as columns."""
    by_scene = pool.scenes(data, scores, of_length_1=False)[data.train]
    precision = np.array([average_precision(by_scene[:, i], shares[data.train, i]) for i in range(len(names))])
    named = words.of_manifest()
    kept = np.array([i for i, name in enumerate(names) if precision[i] >= TELL or name in named])
    if not len(kept):
        raise SystemExit("the network can tell no word: more pictures of train are needed")
    log(f"train, held out: mean average precision {precision.mean():.3f} of {len(names)} words; {len(kept)} are kept, without "
        + ", ".join(names[i] for i in np.argsort(precision)[:12]))
    return kept
