//! Parses one node or sink: its name, its kind and its inputs.

use toml::de::{DeTable, DeValue};

use crate::{
    kind_schema::{self, KindSchema},
    pipeline_file::{InputSpec, Item},
    suggestion::{did_you_mean, quoted},
};

use super::parse_context::{Key, ParseContext, Value, describe};

impl<'t> ParseContext<'t> {
    /// Parses a node or a sink. If its kind cannot be parsed, the error holds the item with its name and inputs.
    pub(super) fn node_or_sink<K: Clone>(
        &mut self,
        section: &str,
        name: &Key<'t>,
        mut body: DeTable<'t>,
        kinds: &[KindSchema<K>],
    ) -> Result<Item<K>, Item<()>> {
        let owner = format!("{section} {:?}", name.get_ref());
        self.check_name(&owner, name);
        let mut item = self.item_without_kind(name, &body);
        let kind = body.remove("kind");
        if let Some(inputs) = self.inputs(&owner, &item, body.remove("inputs")) {
            item.inputs = inputs;
            item.inputs_valid = true;
        }
        let Some(schema) = self.kind(&owner, &item, kind, kinds) else {
            return Err(item);
        };
        let before = self.problems.len();
        let kind = self.settings(&owner, item.line, body, schema);
        Ok(item.with_kind(kind, self.problems.len() == before))
    }

    fn item_without_kind(&self, name: &Key<'t>, body: &DeTable<'t>) -> Item<()> {
        Item {
            name: name.to_string(),
            kind: (),
            inputs: Vec::new(),
            line: self.line(name.span()),
            key_lines: self.key_lines(body),
            inputs_valid: false,
            settings_valid: false,
        }
    }

    fn kind<'k, K>(
        &mut self,
        owner: &str,
        item: &Item<()>,
        kind: Option<Value<'t>>,
        kinds: &'k [KindSchema<K>],
    ) -> Option<&'k KindSchema<K>> {
        let known = kinds.iter().map(|schema| schema.name);
        let Some(kind) = kind else {
            let hint = format!("available kinds: {}", quoted(known));
            self.report(item.line, format!("{owner} has no kind"), hint);
            return None;
        };
        let line = item.line_of("kind");
        let Some(kind_name) = kind.get_ref().as_str() else {
            let found = describe(kind.get_ref());
            let hint = format!("available kinds: {}", quoted(known));
            self.report(
                line,
                format!("kind of {owner} is {found}, expected text in quotes"),
                hint,
            );
            return None;
        };
        let schema = kinds.iter().find(|schema| schema.name == kind_name);
        if schema.is_none() {
            let hint = other_section(kind_name).unwrap_or_else(|| did_you_mean(kind_name, known));
            self.report(
                line,
                format!("{owner} has the unknown kind {kind_name:?}"),
                hint,
            );
        }
        schema
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
            let found = describe(value.get_ref());
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
                    let found = describe(name.get_ref());
                    let message = format!("inputs of {owner} has {found}, expected a name");
                    self.report(line, message, hint);
                }
            }
        }
        (self.problems.len() == before).then_some(inputs)
    }
}

/// Returns a hint if the kind exists in another section.
fn other_section(kind: &str) -> Option<String> {
    let section = if kind_schema::node_kinds()
        .iter()
        .any(|schema| schema.name == kind)
    {
        "node"
    } else if kind_schema::sink_kinds()
        .iter()
        .any(|schema| schema.name == kind)
    {
        "sink"
    } else {
        return None;
    };
    Some(format!(
        "{kind:?} is a kind of {section}: write [{section}.NAME]"
    ))
}
