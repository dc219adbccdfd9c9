"""Stage `yes_no`: the constants of the yes-or-no classifier.

Writes WORK/yes_no.json, whose numbers belong into the section [yes_no] of ../pack.toml. As in the engine
(models/src/prompt/yes_no_classifier.rs), the odds of a yes are a weighted sum of how near question and segment are, less how near the
segment is to questions about concepts, and, if the question names concepts, of the log-odds of the least likely of them. The truth comes from
the captions: yes if at least a third of them use the words, no if none does. The constants are fitted on scenes of `train`, scored
by networks that did not see them, and measured on `tune`.
"""
import json

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

import pool
import sentences
import store
import vocabulary
from manifest import MANIFEST

BASELINE = 40           # questions in the average question, as in the engine
BOUNDS = 0.003, 0.99    # of a score, as in the engine
YES = 1 / 3
CAPTIONS = 5            # of a scene at least: fewer do not tell what is not there
SCENES = 4000           # of train
COMMON = 0.02           # a word is asked about if so many scenes show it: people ask about such words, and a yes is not too rare to be measured
VERBS = """run walk ride jump play sit stand swim climb dance cook talk sing eat drive surf ski skate smile sleep read fly throw
kick""".split()
COLOURS = "red blue green yellow white black brown pink orange purple gray".split()
NUMBERS = "two three four group".split()
KINDS = {  # reported apart
    "people": "person man woman boy girl child people baby".split(),
    "animals": "animal dog cat horse bird cow sheep elephant bear".split(),
    "vehicles": "vehicle car truck bus train motorcycle bicycle boat".split(),
    "colours": COLOURS, "numbers": NUMBERS, "actions": VERBS,
}


def question(word):
    if word in VERBS:
        stem = word[:-1] if word.endswith("e") else word + word[-1] if word in ("run", "sit", "swim") else word
        return f"Is somebody {stem}ing?"
    if word in COLOURS:
        return f"Is there something {word}?"
    if word in NUMBERS:
        return f"Are there {word} of them?" if word != "group" else "Is there a group?"
    return f"Is there a {word}?"


class Rule:
    """The columns of concepts that a question names, as [yes_no.named] of pack.toml says."""

    def __init__(self, names):
        rule = MANIFEST["yes_no"]["named"]
        self.concepts, self.ignored, self.kinds = vocabulary.Vocabulary(names), rule["ignored"], rule["kinds"]

    def columns(self, text):
        """For each word that names concepts its columns, of which the likeliest counts."""
        found = [self.of_word(word) for word in vocabulary.words(text) if word not in self.ignored]
        return [columns for columns in found if columns]

    def of_word(self, word):
        kind = next((kind for kind in self.kinds if set(vocabulary.base_forms(word)) & set(kind["words"])), None)
        columns = [self.concepts.at.get(concept) for concept in kind["concepts"]] if kind else [self.concepts.column(word)]
        return [column for column in columns if column is not None]


class Questions:
    """Questions about words, each asked of every segment: `near`, `odds` and `truth` [segments, words]; truth is 1, 0, or -1 where people disagree."""

    def __init__(self, names, kept, scenes, heads, text, pooled):
        vectors, scores = pooled
        asked = [question(names[i]) for i in kept]
        usual = text([f"Is there a {name}?" for name in names[::-(-len(names) // BASELINE)]]).mean(0)
        self.near = vectors[scenes] @ (text(asked) - usual).T
        rule = Rule(names)
        named = [rule.columns(some) for some in asked]
        scored = np.clip(least_likely(scores[scenes], named), *BOUNDS)
        self.odds = np.log(scored / (1 - scored))
        shares = least_likely(heads["shares"][scenes] / 255, named)
        self.truth = np.where(shares >= YES, 1, np.where(shares == 0, 0, -1))

    def columns(self):
        known = self.truth >= 0
        return self.near[known], self.odds[known], self.truth[known]


def least_likely(values, named):
    """For each question, of the words that it names the least likely one's value, [segments, questions]."""
    return np.stack([np.min([values[:, columns].max(1) for columns in some], axis=0) for some in named], 1)


def fit(columns, truth):
    model = LogisticRegression(C=1e6, max_iter=1000).fit(np.stack(columns, 1), truth)
    return [round(float(value), 2) for value in [*model.coef_[0], model.intercept_[0]]]


def report(title, truth, odds, log):
    """One line; nothing if the truth is always the same."""
    if 0 < (truth == 1).sum() < len(truth):
        said = odds > 0
        hits = (said & (truth == 1)).sum()
        log(f"{title}: {len(truth)} questions, {100 * truth.mean():.1f} % yes, area under the ROC curve {roc_auc_score(truth, odds):.3f}, "
            f"precision {hits / max(1, said.sum()):.2f}, recall {hits / (truth == 1).sum():.2f}")


def run(data, parts, work, log):
    heads = dict(np.load(work / "heads.npz"))
    names = (work / "words.txt").read_text().splitlines()
    encode = sentences.Sentences(parts)
    text = lambda some: pool.unit((encode(some) - heads["centre"]) @ heads["map"].T)
    pooled = pool.scenes(data, heads["vectors"]), pool.scenes(data, heads["scores"], of_length_1=False)
    several = [i for i in data.train if len(data.scenes[i].captions) >= CAPTIONS] or data.train
    scenes = np.random.default_rng(0).permutation(several)[:SCENES]
    kept = np.flatnonzero((heads["shares"][scenes] >= 255 * YES).mean(0) >= COMMON)
    learned = Questions(names, kept, scenes, heads, text, pooled)
    near, odds, truth = learned.columns()
    if len(set(truth)) < 2:
        raise SystemExit(f"no question has a yes: no word is used by a third of the captions of {COMMON:.0%} of the scenes")
    scale, shift = fit([near], truth)
    named = dict(zip(["scale", "weight", "shift"], fit([near, odds], truth)))
    with store.whole(work / "yes_no.json") as part:
        part.write_text(json.dumps({"scale": scale, "shift": shift, "named": named}) + "\n")
    log(f"scale {scale}, shift {shift}; named: {named}; from {len(truth)} questions about {len(scenes)} scenes, {100 * truth.mean():.1f} % yes")
    if not data.tune:
        return
    measured = Questions(names, kept, np.array(data.tune), heads, text, pooled)
    near, odds, truth = measured.columns()
    found = named["scale"] * measured.near + named["weight"] * measured.odds + named["shift"]
    report("tune, with the concepts", truth, named["scale"] * near + named["weight"] * odds + named["shift"], log)
    report("tune, by nearness alone", truth, scale * near + shift, log)
    for title, kind in KINDS.items():
        columns = [at for at, i in enumerate(kept) if names[i] in kind]
        known = measured.truth[:, columns] >= 0
        report(f"tune, {title}", measured.truth[:, columns][known], found[:, columns][known], log)
