//! Words that the rules of English do not cover: irregular plurals, nouns without a singular or a plural, and words of packs
//! that name no thing.

/// Irregular plurals, as (singular, plural).
pub(super) const IRREGULAR: [(&str, &str); 20] = [
    ("man", "men"),
    ("woman", "women"),
    ("child", "children"),
    ("person", "people"),
    ("foot", "feet"),
    ("tooth", "teeth"),
    ("goose", "geese"),
    ("mouse", "mice"),
    ("knife", "knives"),
    ("leaf", "leaves"),
    ("shelf", "shelves"),
    ("loaf", "loaves"),
    ("wolf", "wolves"),
    ("half", "halves"),
    ("scarf", "scarves"),
    ("sheep", "sheep"),
    ("fish", "fish"),
    ("deer", "deer"),
    ("aircraft", "aircraft"),
    ("bison", "bison"),
];

/// Plurals in "-oes"; other words in "-o" take "-s".
pub(super) const PLURAL_IN_OES: [&str; 5] = ["tomato", "potato", "hero", "mango", "torpedo"];

/// Nouns that occur only as a plural, as (form without "s" that packs may list, plural).
pub(super) const PLURAL_ONLY: [(&str, &str); 15] = [
    ("jean", "jeans"),
    ("pant", "pants"),
    ("short", "shorts"),
    ("pajama", "pajamas"),
    ("glasses", "glasses"),
    ("sunglass", "sunglasses"),
    ("clothe", "clothes"),
    ("grocery", "groceries"),
    ("ski", "skis"),
    ("scissor", "scissors"),
    ("people", "people"),
    ("goggle", "goggles"),
    ("trouser", "trousers"),
    ("tights", "tights"),
    ("headphone", "headphones"),
];

/// Nouns that are not counted, and take no article.
pub(super) const MASS: &str = "\
    water hair grass snow sand dirt wood food ice paper cement concrete metal plastic gear clothing attire hay bread coffee wine \
    makeup cloth fabric denim cream broccoli furniture traffic pavement construction soccer tennis volleyball basketball \
    baseball produce rain smoke mud dust fruit foliage luggage shade equipment jewelry cheese rice meat soup milk \
    beer tea juice butter sugar chocolate fog sunlight music sauce powder oil liquid lotion police graffiti";

/// Things of which there is one; they take "the".
pub(super) const UNIQUE: &str = "sky sun moon sea ground";

/// Words that begin with a vowel letter but not with a vowel.
pub(super) const CONSONANT_SOUND: [&str; 6] = ["uni", "use", "one", "euro", "ute", "uku"];

/// Words that begin with a silent consonant.
pub(super) const SILENT_H: [&str; 3] = ["hour", "heir", "honest"];

/// Spellings that differ from the form in which packs list the word.
pub(super) const SPELLING: [(&str, &str); 3] =
    [("tshirt", "T-shirt"), ("tv", "TV"), ("t-shirt", "T-shirt")];

/// Words for people, any of whom a detector calls a person.
pub(super) const PEOPLE: &str = "\
    person people man woman boy girl child kid baby toddler lady guy adult player skateboarder surfer skier snowboarder climber hiker \
    athlete";

/// Words of packs that name no visible thing: actions, properties, numbers, places in the frame. A word that is also a
/// noun is listed here if captions use it mostly otherwise, and so are words for a whole kind, beside which packs list what it is.
pub(super) const NO_THINGS: &str = "\
    above add air animal animated animation apply area asian attached attempt background base bathe beauty below beside big \
    birthday bite black blond blonde blue body bright brown bunch business busy carry catch cell center channel chase cheer \
    chop christmas circle climb clip colored colorful commentary commentate compete competition control cook cooked country \
    couple course cover covered craft crash cross cut dance dark day decker delicious demonstrate describe different discus \
    discuss display double draw dressed drink drive dry eat edge eight enjoy event explain face fall fashion fast feature feed \
    female fight filled film five fix flip float fly fold footage form four fry full game gameplay give golden good grassy \
    gray graze green grey group haired hang head help high highlight hike hit hold host hot how indian individual indoor \
    inside instruction interview item judge jump keep kick lap large laugh lay lean leap left lie life light line lit little \
    live lone long lush male match midair middle mix mouth move movie muddy narrate nearby new news night nine number object \
    old older one open orange outdoors outside overlook paddle pair parked parking part past paved perch perform performance \
    photo pick picture piece pile pink pitch place play played pose position pour preform prepare prepared produce product \
    program pull purple put race reach ready rear recipe red repair report rest review ride right rocky roll round run safety \
    sail same sandy saw scene score segment serve set seven shallow shirtless shoot sing sit site six skate skiing sleep slide \
    small smart smile snowy speak speech speed splash sport spot spray stand stare station steep step stir stop striped \
    stuffed stunt sunny surf surface surfing surrounded swim swing swinge talk tall tan tarmac teach tell ten test three throw \
    together travel trick try turn tutorial two vehicle video view voice wade wait walk watch way wear wet whilst white wii \
    win winter wooded wooden work wrap wrestle yellow young";
