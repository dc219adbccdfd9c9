//! Reads one node or sink: its name, its kind and its inputs.

use toml::de::{DeTable, DeValue};

use crate::{
    kinds::{self, Form},
    near::{did_you_mean, quoted},
    spec::{InputSpec, Item},
};

use super::reader::{Name, Reader, Value, found};

impl<'t> Reader<'t> {
    /// A node or a sink; one without a readable kind keeps its name and inputs.
    pub(super) fn item<K: Clone>(
        &mut self,
        section: &str,
        name: &Name<'t>,
        mut body: DeTable<'t>,
        forms: &[Form<K>],
    ) -> Result<Item<K>, Item<()>> {
        let owner = format!("{section} {:?}", name.get_ref());
        self.name(&owner, name);
        let mut item = self.opening(name, &body);
        let kind = body.remove("kind");
        if let Some(inputs) = self.inputs(&owner, &item, body.remove("inputs")) {
            item.inputs = inputs;
            item.inputs_sound = true;
        }
        let Some(form) = self.form(&owner, &item, kind, forms) else {
            return Err(item);
        };
        let before = self.problems.len();
        let kind = self.settings(&owner, item.line, body, form);
        Ok(item.of_kind(kind, self.problems.len() == before))
    }

    /// The item before anything but its name and the places of its keys is known.
    fn opening(&self, name: &Name<'t>, body: &DeTable<'t>) -> Item<()> {
        let keys = body.iter();
        let lines = keys.map(|(key, _)| (key.to_string(), self.line(key.span())));
        Item {
            name: name.to_string(),
            kind: (),
            inputs: Vec::new(),
            line: self.line(name.span()),
            lines: lines.collect(),
            inputs_sound: false,
            settings_sound: false,
        }
    }

    fn form<'f, K>(
        &mut self,
        owner: &str,
        item: &Item<()>,
        kind: Option<Value<'t>>,
        forms: &'f [Form<K>],
    ) -> Option<&'f Form<K>> {
        let known = forms.iter().map(|form| form.name);
        let Some(kind) = kind else {
            let hint = format!("known kinds: {}", quoted(known));
            self.report(item.line, format!("{owner} has no kind"), hint);
            return None;
        };
        let line = item.line_of("kind");
        let Some(word) = kind.get_ref().as_str() else {
            let found = found(kind.get_ref());
            let hint = format!("known kinds: {}", quoted(known));
            self.report(line, format!("kind of {owner} is {found}"), hint);
            return None;
        };
        let form = forms.iter().find(|form| form.name == word);
        if form.is_none() {
            let hint = elsewhere(word).unwrap_or_else(|| did_you_mean(word, known));
            self.report(line, format!("{owner} has the unknown kind {word:?}"), hint);
        }
        form
    }

    fn inputs(
        &mut self,
        owner: &str,
        item: &Item<()>,
        value: Option<Value<'t>>,
    ) -> Option<Vec<InputSpec>> {
        let hint = "write inputs = [\"NAME\"] with the names of sources or nodes";
        let Some(value) = value else {
            self.report(item.line, format!("{owner} has no inputs"), hint);
            return None;
        };
        let DeValue::Array(names) = value.get_ref() else {
            let found = found(value.get_ref());
            let message = format!("inputs of {owner} is {found}, expected a list of names");
            self.report(item.line_of("inputs"), message, hint);
            return None;
        };
        let before = self.problems.len();
        let mut inputs = Vec::new();
        for name in names.iter() {
            let line = self.line(name.span());
            match name.get_ref().as_str() {
                Some(name) => inputs.push(InputSpec {
                    name: name.to_owned(),
                    line,
                }),
                None => {
                    let found = found(name.get_ref());
                    let message = format!("inputs of {owner} has {found}, expected a name");
                    self.report(line, message, hint);
                }
            }
        }
        (self.problems.len() == before).then_some(inputs)
    }
}

/// A hint for a kind that exists, but in another section.
fn elsewhere(word: &str) -> Option<String> {
    let section = if kinds::nodes().iter().any(|form| form.name == word) {
        "node"
    } else if kinds::sinks().iter().any(|form| form.name == word) {
        "sink"
    } else {
        return None;
    };
    Some(format!(
        "{word:?} is a kind of {section}: write [{section}.NAME]"
    ))
}
