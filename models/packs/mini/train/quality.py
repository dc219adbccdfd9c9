"""Which captions are fit to be shown to users: only those enter the memory, or teach the decoder.

People wrote the captions in a hurry: some hold slips of the pen, names, guesses, or speak of the picture instead of what it shows.
"""
import collections
import functools
import re

import words

WORDS = 5, 14       # least and most words of a caption
OFTEN = 15          # a word that WordNet does not know is no slip if so many captions hold it
# Guesses, the writer and the reader, talk about the picture; and words that say that there is nothing to say.
UNFIT = set("""maybe perhaps probably possibly apparently might may could would should seem seems seemingly appear appears appearing looks
like i you we my your our us me unknown unclear unidentified something anything image picture photo photograph pic caption
photographer camera screenshot description theres background foreground""".split())
ENDS = set("a an the of in on at to with and or for from by as into onto over under near is are was that his her their its it while who which".split())


class Quality:
    """The captions of `data` tell which words are no slips."""

    def __init__(self, data):
        captions = [caption for scene in data.scenes for caption in scene.captions] + [caption for text in data.texts for caption in text["captions"]]
        self.counts = collections.Counter(word for caption in captions for word in set(caption_words(caption)))

        self.known = functools.cache(lambda word: self.counts[word] >= OFTEN or words.in_wordnet(word))

    def fit(self, caption):
        """True if the memory may hold the caption."""
        return WORDS[0] <= len(caption_words(caption)) <= WORDS[1] and self.clean(caption)

    def clean(self, caption):
        """True if the decoder may learn from the caption, of three words or more."""
        found = caption_words(caption)
        if len(found) < 3 or re.search(r"[^A-Za-z ,.'-]", caption.strip()):
            return False
        if UNFIT & set(found) or found[-1] in ENDS or found[0] in ("there", "this", "these", "it", "here", "is", "are", "of"):
            return False
        # A capital within a sentence begins a name; a full stop there, a second sentence.
        rest = caption.strip().rstrip(" .").split()[1:]
        if any(word[:1].isupper() for word in rest) or "." in caption.strip().rstrip(" ."):
            return False
        return all(self.known(word) for word in found) and all(a != b for a, b in zip(found, found[1:]))


def caption_words(caption):
    return re.findall(r"[a-z'-]+", caption.lower())
