//! Completes a part of a pipeline file that a page shows, so that `atom check` can judge it.

use toml::{Table, Value};

/// The pipeline to which a part is added. A table of the part replaces the one of the same name.
const BASE: &str = r#"
pack = "mini"
[source.door]
uri = "door.mp4"
[node.frames]
kind = "sample"
inputs = ["door"]
[node.seen]
kind = "encode"
inputs = ["frames"]
[node.scenes]
kind = "segment"
inputs = ["seen"]
[node.captions]
kind = "caption"
inputs = ["scenes"]
[node.archive]
kind = "index"
inputs = ["scenes", "captions"]
store = "door.db"
"#;

/// Returns true if a text is a pipeline file by itself: it has sources and nodes.
pub fn is_whole(text: &str) -> bool {
    text.parse::<Table>()
        .is_ok_and(|table| table.contains_key("source") && table.contains_key("node"))
}

/// Returns the whole pipeline file of a part. Sources of the part replace those of the base.
///
/// # Errors
/// The part is no TOML, or has a key beside its tables.
pub fn completed(part: &str) -> Result<String, String> {
    let part: Table = part.parse().map_err(|e: toml::de::Error| e.to_string())?;
    let mut whole: Table = BASE.parse().expect("the base is valid");
    if let Some(Value::Table(sources)) = part.get("source") {
        let names = sources.keys().cloned().map(Value::String).collect();
        whole["node"]["frames"]["inputs"] = Value::Array(names);
        whole["source"] = Value::Table(Table::new());
    }
    for (key, value) in part {
        match (whole.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) => old.extend(new),
            (_, value) => drop(whole.insert(key, value)),
        }
    }
    Ok(whole.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_added_to_the_base() {
        let text = completed("[source.gate]\nuri = \"x.mp4\"\n[query.van]\ntext = \"a van\"\n")
            .expect("a part");
        let whole: Table = text.parse().expect("TOML");
        assert_eq!(whole["node"]["frames"]["inputs"][0].as_str(), Some("gate"));
        assert_eq!(whole["source"].as_table().map(Table::len), Some(1));
        assert_eq!(whole["query"]["van"]["text"].as_str(), Some("a van"));
        assert!(is_whole(&text) && !is_whole("[source.a]\n"));
        completed("a = ").expect_err("no TOML");
    }
}
