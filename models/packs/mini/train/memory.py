"""Stage `memory`: captions that people gave to other pictures, found again by a picture's index vector.

Writes WORK/memory.npz and WORK/memory.txt. Only COCO captions of 5 to 14 words are kept (CC BY 4.0; the other texts may not be
passed on), with their vectors in 8 bits. The memory gives the draft caption of a segment and the examples in the decoder's prompt;
`nearest` and `draft` are what the engine does too (models/src/text/caption_memory.rs).
"""
import numpy as np

import dataset
import linear
import measure
import store

WORDS = 5, 14
DRAFT = 80      # the draft is the caption among so many nearest that agrees best with all of them
EXAMPLES = 40   # examples are taken from so many nearest


class Memory:
    """Captions with the vectors [n, 384] that the engine will have, and whose picture each tells of."""

    def __init__(self, texts, codes, scale, owner):
        self.texts, self.owner = texts, owner
        self.vectors = codes.astype(np.float32) * scale[:, None]

    @classmethod
    def load(cls, work):
        saved = np.load(work / "memory.npz")
        return cls((work / "memory.txt").read_text().splitlines(), saved["codes"], saved["scale"], saved["owner"])

    def near(self, vector, count, without=None):
        """The nearest captions, best first, with their likeness and how much they agree with each other, both at most 1."""
        scores = self.vectors @ vector
        if without is not None:
            scores[self.owner == without] = -2
        rows = np.argpartition(-scores, count)[:count] if count < len(scores) else np.arange(len(scores))
        rows = rows[np.lexsort((rows, -scores[rows]))]
        near = self.vectors[rows]
        agreement = near @ (near.T @ np.maximum(scores[rows], 0) ** 2)
        return rows, scores[rows] / max(scores[rows].max(), 1e-6), agreement / max(agreement.max(), 1e-6)

    def draft(self, vector, without=None):
        rows, _, agreement = self.near(vector, DRAFT, without)
        return self.texts[rows[agreement.argmax()]]

    def examples(self, vector, count=3, without=None):
        """Captions of different pictures that are near and agree with the others."""
        rows, likeness, agreement = self.near(vector, EXAMPLES, without)
        out, told = [], set()
        for row in rows[np.argsort(-(likeness + agreement), kind="stable")]:
            if self.owner[row] not in told:
                told.add(self.owner[row])
                out.append(self.texts[row])
            if len(out) == count:
                break
        return out


def run(data, work, log):
    """Owners are the group's number, or -1 - the pair's."""
    index, sentences = np.load(work / "index.npz"), dict(np.load(work / "sentences.npz"))
    texts, vectors, owners = [], [], []
    for name, records, wanted in [("groups", data.groups, range(len(data.groups))), ("pairs", data.pairs, data.train)]:
        wanted = {i for i in wanted if records[i]["origin"].startswith("coco")}
        captions = [caption for record in records for caption in record["captions"]]
        for row, owner in enumerate(sentences[f"{name}.owner"]):
            if owner in wanted and WORDS[0] <= len(captions[row].split()) <= WORDS[1]:
                texts.append(dataset.tidy(captions[row]))
                vectors.append(sentences[name][row])
                owners.append(owner if name == "groups" else -1 - owner)
    if not texts:
        raise SystemExit(f"no caption of {WORDS[0]} to {WORDS[1]} words has an origin that starts with coco: the memory holds only those")
    found = linear.unit((np.array(vectors, np.float32) - index["centre"]) @ index["shrink"])
    scale = (np.abs(found).max(1) / 127).astype(np.float32)
    codes = np.rint(found / scale[:, None]).astype(np.int8)
    store.arrays_and_lines(work / "memory.npz", dict(codes=codes, scale=scale, owner=np.array(owners)), work / "memory.txt", texts)
    log(f"{len(texts)} captions")
    memory = Memory(texts, codes, scale, np.array(owners))
    if data.tune:
        drafts = [memory.draft(index["vectors"][i]) for i in data.tune]
        log(f"drafts on tune: {measure.captions([data.pairs[i]['captions'] for i in data.tune], drafts)}")
    if "vectors.clips" in index:
        pooled = linear.unit(index["vectors.clips"].reshape(len(data.clips), -1, 384).mean(1))
        log(f"drafts on clips: {measure.captions([clip['captions'] for clip in data.clips], [memory.draft(v) for v in pooled])}")
