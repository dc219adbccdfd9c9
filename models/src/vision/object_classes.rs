//! The classes of objects that a pack's detector counts, and what a noun of a question means to the pack.

use std::collections::BTreeSet;

use crate::{
    english::singular,
    prompt::yes_no_classifier::{ConceptGroup, YesNoRule},
    vision::concept_vocabulary::ConceptVocabulary,
};

/// A class of objects that the detector counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectClass {
    /// Its name in the singular, by which rows of an index and answers refer to it.
    pub name: String,
    /// Further names, in the singular.
    pub(crate) synonyms: Vec<String>,
}

impl ObjectClass {
    /// Parses a line of a pack's list: the name, and after a tab further names with commas between.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (name, synonyms) = line.split_once('\t').unwrap_or((line, ""));
        let synonyms = synonyms.split(',').filter(|name| !name.is_empty());
        let valid = !name.is_empty() && !synonyms.clone().any(|name| name.contains('\t'));
        valid.then(|| Self {
            name: name.to_owned(),
            synonyms: synonyms.map(str::to_owned).collect(),
        })
    }

    fn has_name(&self, name: &str) -> bool {
        self.name == name || self.synonyms.iter().any(|synonym| synonym == name)
    }
}

/// The meaning of a noun to a pack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NounMeaning {
    /// The names of the object classes that it stands for: several for a general word such as "vehicle".
    pub classes: Vec<String>,
    /// True if the encoder scores it, or one of its kinds, as a concept.
    pub concept: bool,
}

/// The words of a pack, by which nouns are understood.
pub(crate) struct NounVocabulary<'v> {
    pub(crate) classes: &'v [ObjectClass],
    pub(crate) concepts: &'v ConceptVocabulary,
    pub(crate) yes_no: Option<&'v YesNoRule>,
}

impl NounVocabulary<'_> {
    /// Returns the meaning of a noun in either number.
    pub(crate) fn meaning(&self, noun: &str) -> NounMeaning {
        let noun = singular(noun);
        let named = self.classes.iter().filter(|class| class.has_name(&noun));
        let mut classes: BTreeSet<&str> = named.map(|class| &*class.name).collect();
        let group = self.group(&noun);
        if let (true, Some(group)) = (classes.is_empty(), group) {
            let kinds = self.classes.iter().filter(|class| {
                let concepts = &mut group.concepts.iter();
                concepts.any(|concept| class.has_name(concept))
            });
            classes.extend(kinds.map(|class| &*class.name));
        }
        let scored = |word: &String| self.concepts.exact(word).is_some();
        NounMeaning {
            classes: classes.into_iter().map(str::to_owned).collect(),
            concept: self.concepts.column(&noun).is_some()
                || group.is_some_and(|group| group.concepts.iter().any(scored)),
        }
    }

    /// Returns the name of the object class that a concept is a kind of: "person" for "man".
    pub(crate) fn class_of_concept(&self, concept: &str) -> Option<String> {
        let named = |class: &&ObjectClass| class.has_name(concept);
        let kind = |class: &&ObjectClass| {
            self.group(&class.name)
                .is_some_and(|group| group.concepts.iter().any(|kind| kind == concept))
        };
        let mut classes = self.classes.iter();
        let class = classes.find(named);
        let class = class.or_else(|| self.classes.iter().find(kind));
        class.map(|class| class.name.clone())
    }

    fn group(&self, noun: &str) -> Option<&ConceptGroup> {
        let named = self.yes_no?.named.as_ref()?;
        let mut kinds = named.kinds.iter();
        kinds.find(|group| group.words.iter().any(|word| word == noun))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::concept_vocabulary::Concept;

    fn vocabulary() -> (Vec<ObjectClass>, ConceptVocabulary, YesNoRule) {
        let classes = ["person\thuman", "car\tautomobile", "bus", "traffic light"];
        let classes = classes.map(|line| ObjectClass::parse(line).unwrap());
        let concept = |word: &str| Concept {
            word: word.to_owned(),
            mean: 0.0,
            deviation: 1.0,
        };
        let concepts = ["man", "woman", "car", "bus", "tree"].map(concept);
        let rule = r#"
            scale = 1.0
            shift = 0.0
            [named]
            scale = 1.0
            weight = 1.0
            shift = 0.0
            [[named.kinds]]
            words = ["person", "people"]
            concepts = ["man", "woman"]
            [[named.kinds]]
            words = ["man"]
            concepts = ["man"]
            [[named.kinds]]
            words = ["vehicle"]
            concepts = ["car", "bus", "van"]
        "#;
        let rule = toml::from_str(rule).unwrap();
        (classes.to_vec(), ConceptVocabulary::new(&concepts), rule)
    }

    #[test]
    fn a_noun_means_its_class_the_classes_of_its_kinds_a_concept_or_nothing() {
        let (classes, concepts, rule) = vocabulary();
        let nouns = NounVocabulary {
            classes: &classes,
            concepts: &concepts,
            yes_no: Some(&rule),
        };
        let meaning = |noun: &str| {
            let meaning = nouns.meaning(noun);
            (meaning.classes.join(", "), meaning.concept)
        };
        assert_eq!(meaning("People"), ("person".to_owned(), true));
        assert_eq!(meaning("humans"), ("person".to_owned(), false));
        assert_eq!(meaning("automobiles"), ("car".to_owned(), false));
        assert_eq!(
            meaning("traffic lights"),
            ("traffic light".to_owned(), false)
        );
        assert_eq!(meaning("vehicles"), ("bus, car".to_owned(), true));
        assert_eq!(meaning("men"), (String::new(), true));
        assert_eq!(meaning("trees"), (String::new(), true));
        assert_eq!(meaning("unicorns"), (String::new(), false));
        let class = |concept: &str| nouns.class_of_concept(concept);
        assert_eq!(class("woman").as_deref(), Some("person"));
        assert_eq!(class("car").as_deref(), Some("car"));
        assert_eq!(class("tree"), None);
    }
}
