"""Finds the concepts that a text names, as the engine does (models/src/vision/concept_vocabulary.rs), not by WordNet."""
import re

IRREGULAR = {"men": "man", "women": "woman", "children": "child"}


class Vocabulary:
    """The columns of concepts by word."""

    def __init__(self, names):
        self.at = {name: column for column, name in enumerate(names)}

    def column(self, word):
        """The column of a word in any form, or None."""
        return next((self.at[form] for form in base_forms(word) if form in self.at), None)

    def columns_in(self, text):
        """The columns of all concepts that a text names, each once."""
        return sorted({self.column(word) for word in words(text)} - {None})


def words(text):
    return re.findall(r"[a-z]+", text.lower())


def base_forms(word):
    """The word and its possible base forms, the likelier ones first."""
    forms = [word, *([IRREGULAR[word]] if word in IRREGULAR else [])]
    if word.endswith("ies"):
        forms.append(word[:-3] + "y")
    if word.endswith("s"):
        forms += [word[:-1], *([word[:-2]] if word.endswith("es") else [])]
    for ending in ("ing", "ed"):
        if word.endswith(ending):
            stem = word.removesuffix(ending)
            forms += [stem, stem + "e"]
            if len(stem) > 1 and stem[-1] == stem[-2]:
                forms.append(stem[:-1])
    return forms
