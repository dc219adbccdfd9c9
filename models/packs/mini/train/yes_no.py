"""Stage `yes_no`: the constants of the yes-or-no classifier, fitted on scenes of `tune`.

Writes WORK/yes_no.json, whose numbers belong into the section [yes_no] of ../pack.toml. As in the engine
(models/src/prompt/yes_no_classifier.rs), the odds of a yes are a weighted sum of how near question and segment are, less how near the
segment is to questions about concepts, and, if the question names a concept, of that concept's log-odds. The truth comes from the
captions: yes if at least a third of them use the word, no if none does.
"""
import json

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

import pool
import sentences
import store
import words

BASELINE = 40           # questions in the average question, as in the engine
BOUNDS = 0.003, 0.99    # of a score, as in the engine
YES = 1 / 3
VERBS = """run walk ride jump play sit stand swim climb dance cook talk sing eat drive surf ski skate smile sleep read fly throw
kick""".split()
KINDS = {  # reported apart
    "people": {"person", "man", "woman", "boy", "girl", "child", "people", "baby"},
    "animals": {"animal", "dog", "cat", "horse", "bird", "cow", "sheep", "elephant", "bear"},
    "vehicles": {"vehicle", "car", "truck", "bus", "train", "motorcycle", "bicycle", "boat"},
    "colours": {"red", "blue", "green", "yellow", "white", "black", "brown", "pink", "orange", "purple", "gray"},
    "numbers": {"two", "three", "four", "group"},
    "actions": set(VERBS),
}


def question(word):
    if word in VERBS:
        stem = word[:-1] if word.endswith("e") else word + word[-1] if word in ("run", "sit", "swim") else word
        return f"Is somebody {stem}ing?"
    if word in KINDS["colours"]:
        return f"Is there something {word}?"
    if word in KINDS["numbers"]:
        return f"Are there {word} of them?" if word != "group" else "Is there a group?"
    return f"Is there a {word}?"


def log_odds(scores):
    bounded = np.clip(scores, *BOUNDS)
    return np.log(bounded / (1 - bounded))


class Questions:
    """Every question about every segment: `near`, `odds` and `truth` [segments, words]; truth is 1, 0, or -1 where people disagree."""

    def __init__(self, names, vectors, scores, shares, text):
        asked = text([question(name) for name in names])
        usual = text([f"Is there a {name}?" for name in names[::-(-len(names) // BASELINE)]]).mean(0)
        self.near, self.odds = vectors @ (asked - usual).T, log_odds(scores)
        self.truth = np.where(shares >= YES, 1, np.where(shares == 0, 0, -1))


def fit(columns, truth):
    model = LogisticRegression(C=1e6, max_iter=1000).fit(np.stack(columns, 1), truth)
    return [round(float(value), 3) for value in [*model.coef_[0], model.intercept_[0]]]


def run(data, parts, work, log):
    heads = dict(np.load(work / "heads.npz"))
    names = (work / "words.txt").read_text().splitlines()
    encode = sentences.Sentences(parts)
    text = lambda some: pool.unit((encode(some) - heads["centre"]) @ heads["map"].T)
    tune = data.tune
    asked = Questions(names, pool.scenes(data, heads["vectors"])[tune], pool.scenes(data, heads["scores"], of_length_1=False)[tune],
                      heads["shares"][tune] / 255, text)
    known = asked.truth >= 0
    truth, near, odds = asked.truth[known], asked.near[known], asked.odds[known]
    scale, shift = fit([near], truth)
    named = dict(zip(["scale", "weight", "shift"], fit([near, odds], truth)))
    found = named["scale"] * asked.near + named["weight"] * asked.odds + named["shift"]
    log(f"{known.sum()} questions about {len(tune)} scenes of tune, {100 * truth.mean():.1f} % yes: area under the ROC curve {roc_auc_score(truth, found[known]):.3f}, "
        f"by nearness alone {roc_auc_score(truth, near):.3f}, by the concept alone {roc_auc_score(truth, odds):.3f}")
    for title, kind in KINDS.items():
        columns = [i for i, name in enumerate(names) if name in kind]
        some = known[:, columns]
        if not 0 < (asked.truth[:, columns][some] == 1).sum() < some.sum():
            continue
        true, said = asked.truth[:, columns][some], found[:, columns][some]
        hits = (said > 0) & (true == 1)
        log(f"{title}: {len(true)} questions, {100 * true.mean():.1f} % yes, area {roc_auc_score(true, said):.3f}, precision {hits.sum() / max(1, (said > 0).sum()):.2f}, "
            f"recall {hits.sum() / max(1, true.sum()):.2f}")
    with store.whole(work / "yes_no.json") as part:
        part.write_text(json.dumps({"scale": scale, "shift": shift, "named": named}) + "\n")
    log(f"scale {scale}, shift {shift}; named: {named}")
