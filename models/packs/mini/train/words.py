"""Words of captions as lemmas, and the way from the nets' classes to such words, both by WordNet 3.0 (Debian `wordnet-base`).

A lemma stands for a word's forms: "riding" and "rides" are "ride", "men" are "man". Function words are none.
"""
import collections
import functools
import re

WORDNET = "/usr/share/wordnet"
NOT_VERBS = set("building clothing wedding ceiling painting evening morning railing king ring string wing swing parking drawing "
                "crossing skiing surfing landing lightning".split())
KEPT = set("glass grass dress bus tennis canvas gas christmas sunglasses glasses jeans pants shorts clothes goggles skis this his "
           "its is was has as us yes stairs".split())
STOP = set("""a an the of in on at to with and or for from by as into onto over under near next while is are was be been being has
have having had do does doing it its it's his her their they he she him them this that these those there which who whom what where
when then than some another other others each both all out up down off through around across behind front top side back very not no
just so also one's s t one something someone very many several few lot lots make get take look like use go come show be appear can
will about during against before after between among along toward towards away if but i we you my your our me us""".split())
# Hypernyms that say too little to be a tag, or mean something else in captions.
VAGUE = set("""entity object whole thing matter unit artifact instrumentality device structure equipment container way causal agency
organism being implement creature system substance body part article covering commodity goods group mechanism abstraction relation
material piece work line end set place area point male adult young mother center design paper cover figure passage game support
facility shape case vessel mate lead bar runner worker pet measure side card means iron mark cup spread solid course match meat
second nut bird's surface craft transport creation""".split())
# Captions' words for the detector's classes; the last word of the name for the rest.
CLASS_WORDS = {
    "person": "man woman people person boy girl child", "bicycle": "bike bicycle", "motorcycle": "motorcycle bike",
    "airplane": "plane airplane jet", "traffic light": "traffic light", "fire hydrant": "hydrant fire", "stop sign": "sign stop",
    "parking meter": "meter parking", "sports ball": "ball soccer", "baseball bat": "baseball bat", "baseball glove": "baseball glove",
    "skis": "skis ski skier", "snowboard": "snowboard snowboarder", "skateboard": "skateboard skateboarder",
    "surfboard": "surfboard surfer wave", "tennis racket": "tennis racket racquet", "wine glass": "wine glass", "hot dog": "hot hotdog",
    "couch": "couch sofa", "potted plant": "plant pot", "dining table": "table", "tv": "tv television", "cell phone": "phone cell",
    "teddy bear": "teddy bear", "hair drier": "dryer", "donut": "donut doughnut", "mouse": "mouse", "remote": "remote wii",
    "refrigerator": "refrigerator fridge", "horse": "horse ride", "kite": "kite fly", "bed": "bed bedroom", "toilet": "toilet bathroom",
    "sink": "sink bathroom kitchen", "oven": "oven stove kitchen", "microwave": "microwave kitchen", "keyboard": "keyboard computer",
    "laptop": "laptop computer", "train": "train track", "pizza": "pizza", "umbrella": "umbrella",
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
NOUNS, VERBS, ADJECTIVES = ({line.split()[0] for line in lines(f"index.{kind}")} for kind in ["noun", "verb", "adj"])


def noun(word):
    if word in NOUN_FORMS or word in KEPT:
        return NOUN_FORMS.get(word, word)
    for ending, rest in [("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("sses", "ss"), ("xes", "x"), ("ves", "f"), ("s", "")]:
        stem = word.removesuffix(ending) + rest
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


def content(caption):
    """The lemmas of a caption's content words."""
    words = re.findall(r"[a-z]+", caption.lower().replace("t-shirt", "tshirt"))
    return {lemma(word) for word in words if word not in STOP} - STOP


def synsets():
    """Noun synsets: offset -> (words, hypernym offsets)."""
    found = {}
    for line in lines("data.noun"):
        fields = line.split("|")[0].split()
        count = int(fields[3], 16)
        names = [fields[4 + 2 * i].lower() for i in range(count)]
        pointers = fields[5 + 2 * count:]
        found[fields[0]] = names, [pointers[i + 1] for i in range(0, len(pointers) - 3, 4) if pointers[i] in ("@", "@i")]
    return found


def label_words(labels, counts, least):
    """For each ImageNet label (a line of synonyms): its own lemmas, and those of all its hypernyms. Only
    words that are in enough captions, about `least`."""
    nouns, by_name = synsets(), collections.defaultdict(set)
    for offset, (names, _) in nouns.items():
        for name in names:
            by_name[name].add(offset)
    return [words_of(label, nouns, by_name, counts, least) for label in labels]


def words_of(label, nouns, by_name, counts, least):
    often, oftener = 2 * least // 3, 4 * least // 3  # a label's own words name it better than its hypernyms do
    names = [name.strip().replace(" ", "_").lower() for name in label.split(",")]
    shared = set.intersection(*[by_name[name] for name in names])
    exact = sorted(offset for offset in shared if set(nouns[offset][0]) == set(names)) or sorted(shared)
    if not exact:
        return [name for name in names if counts[name] >= often], []
    own = [word for name in nouns[exact[0]][0] for word in dict.fromkeys([name, name.split("_")[-1]])]
    above, seen, edge = [], set(), [exact[0]]
    while edge:
        edge = [h for offset in edge for h in nouns[offset][1] if h not in seen and not seen.add(h)]
        above += [name for offset in edge for name in nouns[offset][0]]
    own = [word for word in dict.fromkeys(lemma(word) for word in own if "_" not in word) if counts[word] >= often]
    return own, [word for word in dict.fromkeys(above) if "_" not in word and word not in VAGUE and counts[word] >= oftener]


def class_words(name):
    """The lemmas of a detector class."""
    return [lemma(word) for word in CLASS_WORDS.get(name, name.split()[-1]).split()]
