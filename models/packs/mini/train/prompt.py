"""The decoder's input for a caption: remembered captions, then the words that the picture calls for, the sure ones first.

    Similar: A dog runs. A dog plays in the grass. A brown dog is outside.
    Image tags: dog, grass; maybe run, ball
    Caption:

models/src/prompt/concept_tags.rs writes the same text.
"""
FILMS = {"msrvtt"}  # data sets whose captions tell of films: shorter, and of what happens rather than of what is there
POWER = 0.6     # of the spread: how much rare words are preferred
LOOKED = 14     # so many words stand out most
TOLD = 12       # so many of them are told at most
LEAST = 0.05    # of a score
SURE = 0.35


class Words:
    """Scores of a picture to (sure, maybe) words."""

    def __init__(self, names, usual, deviation):
        self.names, self.usual, self.spread = names, usual, deviation**POWER

    def __call__(self, scores):
        apart = (scores - self.usual) / self.spread
        out = [i for i in (-apart).argsort(kind="stable")[:LOOKED] if scores[i] > LEAST][:TOLD]
        out.sort(key=lambda i: -scores[i])
        return [self.names[i] for i in out if scores[i] > SURE], [self.names[i] for i in out if scores[i] <= SURE]


def write(examples, sure, maybe, film=False):
    """`film` asks for the style of the people who described films."""
    style = "Film" if film else "Caption"
    return f"Similar: {' '.join(examples)}\nImage tags: {', '.join(sure)}; maybe {', '.join(maybe)}\n{style}:"
