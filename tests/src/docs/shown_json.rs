//! Compares a JSON example with real JSON: every key of the example is real, and its value has a real type.
//!
//! An example may leave out keys. The keys of some objects are names, which differ; their values are compared by type.

use serde_json::{Map, Value};

/// Objects whose keys are names from the data.
const KEYED_BY_NAME: [&str; 10] = [
    "sources",
    "problems",
    "complete_through_ms",
    "modules",
    "requests",
    "tokens",
    "failures",
    "frames_dropped",
    "reasons",
    "stages",
];

/// Parses a text that consists of JSON values.
///
/// # Errors
/// The text holds anything else.
pub fn values(text: &str) -> Result<Vec<Value>, serde_json::Error> {
    serde_json::Deserializer::from_str(text)
        .into_iter()
        .collect()
}

/// Returns what an example shows that none of the real values has.
pub fn differences(shown: &Value, real: &[Value]) -> Vec<String> {
    let all = real.iter().map(|value| {
        let mut found = Vec::new();
        compare("", shown, value, &mut found);
        found
    });
    all.min_by_key(Vec::len)
        .unwrap_or_else(|| vec!["nothing printed JSON".into()])
}

fn compare(path: &str, shown: &Value, real: &Value, found: &mut Vec<String>) {
    match (shown, real) {
        (Value::Object(shown), Value::Object(real)) => compare_objects(path, shown, real, found),
        (Value::Array(shown), Value::Array(real)) => {
            for value in shown {
                if let Some(fewest) = fewest_differences(path, value, real) {
                    found.extend(fewest);
                } else {
                    found.push(format!("{path}: the real list is empty"));
                }
            }
        }
        _ if kind(shown) == kind(real) => {}
        _ => found.push(format!("{path}: {} is really {}", kind(shown), kind(real))),
    }
}

fn compare_objects(
    path: &str,
    shown: &Map<String, Value>,
    real: &Map<String, Value>,
    found: &mut Vec<String>,
) {
    let by_name = KEYED_BY_NAME.iter().any(|name| path.ends_with(name));
    for (key, value) in shown {
        let path = format!("{path}.{key}");
        match real.get(key) {
            Some(real) => compare(&path, value, real, found),
            None if by_name => {
                let others: Vec<Value> = real.values().cloned().collect();
                found.extend(fewest_differences(&path, value, &others).unwrap_or_default());
            }
            None => found.push(format!("{path}: there is no such key")),
        }
    }
}

fn fewest_differences(path: &str, shown: &Value, real: &[Value]) -> Option<Vec<String>> {
    let all = real.iter().map(|value| {
        let mut found = Vec::new();
        compare(path, shown, value, &mut found);
        found
    });
    all.min_by_key(Vec::len)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_and_types_must_be_real() {
        let real = [json!({"kind": "y", "hits": [{"at": 1, "text": "a"}], "sources": {"a": 1}})];
        let none: [&str; 0] = [];
        let shown = json!({"kind": "z", "hits": [{"at": 5}], "sources": {"door": 7}});
        assert_eq!(differences(&shown, &real), none);
        let shown = json!({"kind": 1, "hits": [{"when": 5}]});
        assert_eq!(
            differences(&shown, &real),
            [
                ".hits.when: there is no such key",
                ".kind: a number is really a string"
            ]
        );
        assert_eq!(differences(&shown, &[]), ["nothing printed JSON"]);
    }
}
