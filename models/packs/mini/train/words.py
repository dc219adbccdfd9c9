"""Words of captions, and of the names of the networks' classes, as lemmas by WordNet 3.0 (Debian `wordnet-base`).

A lemma stands for a word's forms: "riding" and "rides" are "ride", "men" are "man". Function words are none.
"""
import functools
import re

from manifest import MANIFEST

WORDNET = "/usr/share/wordnet"
NOT_VERBS = set("building clothing wedding ceiling painting evening morning railing king ring string wing swing parking drawing "
                "crossing skiing surfing landing lightning".split())
KEPT = set("glass grass dress bus tennis canvas gas christmas sunglasses glasses jeans pants shorts clothes goggles skis this his "
           "its is was has as us yes stairs graffiti".split())
STOP = set("""a an the of in on at to with and or for from by as into onto over under near next while is are was be been being has
have having had do does doing it its it's his her their they he she him them this that these those there which who whom what where
when how then than some another other others each both all out up down off through around across behind front top side back very not no
just so also one's s t one something someone very many several few lot lots make get take look like use go come show be appear can
will about during against before after between among along toward towards away if but i we you my your our me us""".split())

# What can be seen is also what is wider: a caption that tells of a boy tells of a person. Questions ask for these words.
WIDER = {
    "person": set("""man woman people person human somebody boy girl child kid toddler lady guy adult player climber hiker skier surfer crowd
        friend skateboarder snowboarder biker cyclist rider runner swimmer dancer singer musician band performer actor chef cook teacher student
        worker soldier officer policeman athlete batter catcher umpire bride groom male female gentleman teenager tourist
        pedestrian passenger driver pilot fisherman cowboy wrestler boxer gymnast spectator audience reporter host presenter
        youth""".split()),
    "animal": set("""animal dog horse bird cow sheep cat bear duck puppy elephant giraffe zebra bull fish kitten goat lion tiger monkey wolf
        rabbit deer goose swan parrot eagle pig camel donkey pony calf dolphin whale shark turtle snake frog lizard insect bee
        butterfly spider squirrel fox panda penguin seagull pigeon owl leopard cattle herd ostrich rat hamster crab""".split()),
    "vehicle": set("""vehicle car truck bus van motorcycle train motorbike bicycle bike taxi jeep suv tractor scooter trailer ambulance boat ship
        airplane plane jet helicopter ferry canoe kayak sailboat tram trolley locomotive jetliner aircraft""".split()),
}


def lines(name):
    try:
        file = open(f"{WORDNET}/{name}")
    except OSError as error:
        raise SystemExit(f"WordNet 3.0 cannot be read ({error}): install the Debian package wordnet-base")
    with file:
        return [line for line in file if not line.startswith("  ")]


def exceptions(name):
    return {fields[0]: fields[1] for fields in map(str.split, lines(name)) if len(fields) > 1}


NOUN_FORMS, VERB_FORMS = exceptions("noun.exc"), exceptions("verb.exc")
NOUNS, VERBS, ADJECTIVES, ADVERBS = ({line.split()[0] for line in lines(f"index.{kind}")} for kind in ["noun", "verb", "adj", "adv"])
KNOWN = NOUNS | VERBS | ADJECTIVES | ADVERBS | STOP | NOUN_FORMS.keys() | VERB_FORMS.keys()


def in_wordnet(word):
    """True if WordNet knows a form of the word; function words count as known."""
    return not KNOWN.isdisjoint([word, noun(word), verb(word)])


def noun(word):
    if word in NOUN_FORMS or word in KEPT:
        return NOUN_FORMS.get(word, word)
    for ending, rest in [("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("sses", "ss"), ("xes", "x"), ("ves", "f"), ("s", "")]:
        stem = word.removesuffix(ending) + rest
        if ending == "s" and word.endswith("ss"):
            continue
        if word.endswith(ending) and len(word) > len(ending) + 2 and stem in NOUNS:
            return stem
    return word


def verb(word):
    if word in VERB_FORMS:
        return VERB_FORMS[word]
    for ending, rest in [("ies", "y"), ("es", "e"), ("es", ""), ("s", ""), ("ed", "e"), ("ed", ""), ("ing", "e"), ("ing", "")]:
        stem = word.removesuffix(ending) + rest
        if not word.endswith(ending) or len(word) <= len(ending) + 1:
            continue
        if stem in VERBS:
            return stem
        if ending in ("ed", "ing") and not rest and len(stem) > 2 and stem[-1] == stem[-2] and stem[:-1] in VERBS:
            return stem[:-1]
    return word


@functools.cache
def lemma(word):
    """One lemma for a form: verbs for -ing and -ed, otherwise a noun if there is one."""
    people = {"men": "man", "women": "woman", "children": "child", "people": "people"}
    if word in people:
        return people[word]
    if word.endswith("ing") and verb(word) != word and word not in NOT_VERBS:
        return verb(word)
    if word in VERB_FORMS and word not in NOUNS:
        return VERB_FORMS[word]
    if word.endswith("ed") and word not in ADJECTIVES and verb(word) != word:
        return verb(word)
    found = noun(word)
    return verb(word) if found == word and word not in NOUNS and word not in ADJECTIVES else found


def of_manifest():
    """The words that pack.toml names: they must be concepts if there are captions that use them."""
    kinds = MANIFEST["yes_no"]["named"]["kinds"]
    return {*MANIFEST["constrained_decoding"]["restricted_words"], *(word for kind in kinds for word in kind["concepts"])}


def content(caption):
    """The lemmas of a caption's content words, and the words that are wider."""
    words = re.findall(r"[a-z]+", caption.lower().replace("t-shirt", "tshirt"))
    found = {lemma(word) for word in words if word not in STOP} - STOP
    return found | {wide for wide, narrow in WIDER.items() if found & narrow}


def class_words(name):
    """The lemmas of a class of the networks: of each of its names, or the last word of one."""
    return {lemma(synonym.split()[-1].lower()) for synonym in name.split(",") if synonym.strip()}
