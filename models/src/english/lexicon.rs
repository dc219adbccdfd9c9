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
    beer tea juice butter sugar chocolate fog sunlight";

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
/// noun is listed here if captions use it mostly otherwise.
pub(super) const NO_THINGS: &str = "\
    above air area asian attached attempt background bathe below beside big bite black blond blue body bright brown \
    business busy carry catch cell center chase circle climb colored colorful control couple cover covered cut dance dark \
    day different display dressed drink drive dry eat edge eight enjoy event face fall feed female fight filled five flip \
    float fly form four full game golden good grassy gray green grey group haired hang head help high hike hold hot \
    individual inside item jump large laugh lay lean leap left lie life light line little lone long male middle mouth move \
    muddy nearby night nine number object old older one open orange outdoors outside overlook paddle parked parking past \
    paved perform photo pick picture pile pink place play pose position prepare produce pull purple race reach ready red \
    rest ride right rocky roll round run safety same sandy saw set seven shallow shirtless sit site six slide small smile \
    snowy splash sport spot spray stand stare station steep step stop striped stuffed sunny surf surface surrounded swim \
    swing swinge talk tall tan ten three throw together trick try turn two view wade wait walk watch way wear wet whilst \
    white wii wooded wooden wrap yellow young";
