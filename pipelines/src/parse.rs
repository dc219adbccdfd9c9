//! From the text of one file to what it says: the shape only, and all problems of shape.
//!
//! Nodes and sinks are decoded one by one and key by key, so that each problem has its line, and a wrong key
//! neither hides the next one nor takes its node out of the graph.

use std::{ops::Range, path::Path};

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use crate::{
    kinds::{self, Form},
    near::{did_you_mean, quoted},
    problem::{Problem, Problems},
    spec::{InputSpec, Item, PipelineFile, SourceSpec},
};

type Name<'t> = Spanned<DeString<'t>>;
type Value<'t> = Spanned<DeValue<'t>>;

const TOP_KEYS: [&str; 5] = ["name", "pack", "source", "node", "sink"];

/// Reads the shape of a pipeline file; `path` is only named in problems.
///
/// # Errors
/// All problems of shape: TOML syntax, unknown, missing and doubled keys, wrong types, unknown kinds.
pub fn parse(path: &Path, text: &str) -> Result<PipelineFile, Problems> {
    let (file, problems) = parse_all(path, text);
    Problems::none_in(problems).map(|()| file)
}

/// Reads as much as can be read, for a check of the rest.
pub(crate) fn parse_all(path: &Path, text: &str) -> (PipelineFile, Vec<Problem>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut file = empty(path);
    file.whole = errors.is_empty();
    let mut reader = Reader::new(path, text);
    if file.whole {
        reader.file(&mut file, table.into_inner());
    } else {
        reader.syntax(&errors);
    }
    (file, reader.problems)
}

fn empty(path: &Path) -> PipelineFile {
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    PipelineFile {
        path: path.to_owned(),
        name: stem.to_string_lossy().into_owned(),
        pack: "mini".to_owned(),
        sources: Vec::new(),
        nodes: Vec::new(),
        sinks: Vec::new(),
        pack_line: 1,
        unread_nodes: Vec::new(),
        unread_sinks: Vec::new(),
        whole: true,
    }
}

struct Reader<'t> {
    path: &'t Path,
    text: &'t str,
    problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    fn new(path: &'t Path, text: &'t str) -> Self {
        let problems = Vec::new();
        Self { path, text, problems }
    }

    fn line(&self, span: Range<usize>) -> usize {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    fn report(&mut self, line: usize, message: String, hint: impl Into<String>) {
        let problem = Problem::new(self.path, line, message);
        self.problems.push(problem.hint(hint));
    }

    /// What TOML itself refuses, one problem a line: what follows on the same line is confusion.
    fn syntax(&mut self, errors: &[toml::de::Error]) {
        for error in errors {
            let line = self.line(error.span().unwrap_or_default());
            if self.problems.iter().all(|problem| problem.line != line) {
                let message = format!("not TOML: {}", error.message());
                self.report(line, message, "texts stand in quotes, lists in [ ], one key a line");
            }
        }
    }

    fn file(&mut self, file: &mut PipelineFile, table: DeTable<'t>) {
        let (nodes, sinks) = (kinds::nodes(), kinds::sinks());
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "name" => file.name = self.word("the file", &key, &value).unwrap_or_default(),
                "pack" => {
                    file.pack_line = self.line(key.span());
                    file.pack = self.word("the file", &key, &value).unwrap_or_default();
                }
                "source" => {
                    for (name, body) in self.section(&key, value) {
                        file.sources.push(self.source(&name, body));
                    }
                }
                "node" => {
                    for (name, body) in self.section(&key, value) {
                        match self.item("node", &name, body, &nodes) {
                            Ok(node) => file.nodes.push(node),
                            Err(unread) => file.unread_nodes.push(unread),
                        }
                    }
                }
                "sink" => {
                    for (name, body) in self.section(&key, value) {
                        match self.item("sink", &name, body, &sinks) {
                            Ok(sink) => file.sinks.push(sink),
                            Err(unread) => file.unread_sinks.push(unread),
                        }
                    }
                }
                _ => self.unknown_key("the file", &key, &TOP_KEYS),
            }
        }
        in_order_of_the_file(file);
    }

    /// The tables `[key.NAME]`.
    fn section(&mut self, key: &Name<'t>, value: Value<'t>) -> Vec<(Name<'t>, DeTable<'t>)> {
        let hint = format!("write [{key}.NAME] with a name of your choice, and its keys below");
        let line = self.line(key.span());
        let DeValue::Table(table) = value.into_inner() else {
            self.report(line, format!("{:?} is no table of names", key.get_ref()), hint);
            return Vec::new();
        };
        let mut bodies = Vec::new();
        for (name, body) in table {
            let line = self.line(name.span());
            match body.into_inner() {
                DeValue::Table(body) => bodies.push((name, body)),
                _ => self.report(line, format!("\"{key}.{name}\" is no table"), &hint),
            }
        }
        bodies
    }

    fn source(&mut self, name: &Name<'t>, body: DeTable<'t>) -> SourceSpec {
        let owner = format!("source {:?}", name.get_ref());
        self.name(&owner, name);
        let mut source = SourceSpec {
            name: name.to_string(),
            uri: None,
            line: self.line(name.span()),
            overridden: false,
            sound: true,
        };
        for (key, value) in body {
            if key.get_ref() == "uri" {
                source.line = self.line(key.span());
                source.uri = self.word(&owner, &key, &value);
                source.sound = source.uri.is_some();
            } else {
                self.unknown_key(&owner, &key, &["uri"]);
            }
        }
        source
    }

    /// A node or a sink; one without a readable kind keeps its name and inputs.
    fn item<K: Clone>(
        &mut self,
        section: &str,
        name: &Name<'t>,
        mut body: DeTable<'t>,
        forms: &[Form<K>],
    ) -> Result<Item<K>, Item<()>> {
        let owner = format!("{section} {:?}", name.get_ref());
        self.name(&owner, name);
        let keys = body.iter().map(|(key, _)| (key.to_string(), self.line(key.span())));
        let mut item = Item {
            name: name.to_string(),
            kind: (),
            inputs: Vec::new(),
            line: self.line(name.span()),
            lines: keys.collect(),
            inputs_sound: false,
            settings_sound: false,
        };
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
        Ok(Item {
            name: item.name,
            kind,
            inputs: item.inputs,
            line: item.line,
            lines: item.lines,
            inputs_sound: item.inputs_sound,
            settings_sound: self.problems.len() == before,
        })
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
                Some(name) => inputs.push(InputSpec { name: name.to_owned(), line }),
                None => {
                    let found = found(name.get_ref());
                    let message = format!("inputs of {owner} has {found}, expected a name");
                    self.report(line, message, hint);
                }
            }
        }
        (self.problems.len() == before).then_some(inputs)
    }

    /// Reads the settings; a key that is refused is reported and left at its default.
    fn settings<K: Clone>(
        &mut self,
        owner: &str,
        line: usize,
        mut body: DeTable<'t>,
        form: &Form<K>,
    ) -> K {
        let before = self.problems.len();
        self.strangers(owner, &mut body, form);
        self.missing(owner, line, &body, form);
        loop {
            let error = match (form.decode)(body.clone()) {
                Ok(kind) => return kind,
                Err(error) => error,
            };
            let place = error.span().unwrap_or_default();
            let refused = body.iter().find(|(_, value)| covers(&value.span(), &place));
            let Some((key, value)) = refused.map(|(key, value)| (key.clone(), value.clone())) else {
                if self.problems.len() == before {
                    let hint = format!("see: atom docs {}", form.name);
                    self.report(line, format!("{owner}: {}", error.message()), hint);
                }
                return form.blank.clone();
            };
            self.wrong_type(owner, &key, &value, form);
            body.remove(key.get_ref().as_ref());
        }
    }

    /// Takes out and reports the keys that this kind does not know.
    fn strangers<K>(&mut self, owner: &str, body: &mut DeTable<'t>, form: &Form<K>) {
        let mut known = vec!["kind", "inputs"];
        known.extend(form.keys.iter().map(|key| key.name.as_str()));
        let unknown: Vec<Name<'t>> = body
            .keys()
            .filter(|key| !known.contains(&key.get_ref().as_ref()))
            .cloned()
            .collect();
        for key in unknown {
            self.unknown_key(&format!("{owner} ({})", form.name), &key, &known);
            body.remove(key.get_ref().as_ref());
        }
    }

    fn missing<K>(&mut self, owner: &str, line: usize, body: &DeTable<'t>, form: &Form<K>) {
        for key in form.keys.iter().filter(|key| key.required) {
            if !body.contains_key(key.name.as_str()) {
                let example = form.example.lines().find(|line| line.starts_with(&key.name));
                let hint = format!("for example: {}", example.unwrap_or(&key.expects));
                let message = format!("{owner} ({}) needs the key {:?}", form.name, key.name);
                self.report(line, message, hint);
            }
        }
    }

    fn wrong_type<K>(&mut self, owner: &str, key: &Name<'t>, value: &Value<'t>, form: &Form<K>) {
        let expected = form.keys.iter().find(|other| other.name == key.get_ref().as_ref());
        let expected = expected.map_or("another value", |key| key.expects.as_str());
        let found = found(value.get_ref());
        let message = format!("{key} of {owner} is {found}, expected {expected}");
        let hint = format!("see: atom docs {}", form.name);
        self.report(self.line(key.span()), message, hint);
    }

    fn unknown_key(&mut self, owner: &str, key: &Name<'t>, known: &[&str]) {
        let message = format!("{owner} has no key {:?}", key.get_ref());
        let hint = did_you_mean(key.get_ref(), known.iter().copied());
        self.report(self.line(key.span()), message, hint);
    }

    /// A text that is not empty.
    fn word(&mut self, owner: &str, key: &Name<'t>, value: &Value<'t>) -> Option<String> {
        match value.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => return Some(text.to_owned()),
            _ => {
                let found = found(value.get_ref());
                let message = format!("{key} of {owner} is {found}, expected text in quotes");
                self.report(self.line(key.span()), message, format!("write {key} = \"...\""));
            }
        }
        None
    }

    fn name(&mut self, owner: &str, name: &Name<'t>) {
        let good = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
        if name.get_ref().is_empty() || !name.get_ref().chars().all(good) {
            let hint = "use letters, digits, _ and -";
            self.report(self.line(name.span()), format!("{owner} has a name that cannot be used"), hint);
        }
    }
}

/// The value in words.
fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text {text:?}"),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(date) => format!("the date {date}"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
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
    Some(format!("{word:?} is a kind of {section}: write [{section}.NAME]"))
}

fn covers(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    !inner.is_empty() && outer.start <= inner.start && inner.end <= outer.end
}

fn in_order_of_the_file(file: &mut PipelineFile) {
    file.sources.sort_by_key(|source| source.line);
    file.nodes.sort_by_key(|node| node.line);
    file.sinks.sort_by_key(|sink| sink.line);
}

#[cfg(test)]
mod tests;
