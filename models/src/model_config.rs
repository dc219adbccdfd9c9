//! The configuration of a published model, read from its own JSON files.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::ModelError;

/// A JSON file of a model, whose members are read by path.
#[derive(Clone, Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    root: Value,
}

impl ConfigFile {
    /// Creates a file from its text.
    #[cfg(test)]
    pub(crate) fn from_text(text: &str) -> Self {
        Self {
            path: "config.json".into(),
            root: serde_json::from_str(text).unwrap(),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read or is not JSON.
    pub(crate) fn read(path: &Path) -> Result<Self, ModelError> {
        let text = std::fs::read_to_string(path).map_err(|source| ModelError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        let root = serde_json::from_str(&text).map_err(|error| ModelError::DataFile {
            path: path.to_owned(),
            problem: format!("it is not JSON: {error}"),
        })?;
        Ok(Self {
            path: path.to_owned(),
            root,
        })
    }

    /// Returns the path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the member at a JSON pointer such as `/text_config/hidden_size`, unless it is missing or null.
    pub(crate) fn find(&self, pointer: &str) -> Option<&Value> {
        self.root.pointer(pointer).filter(|value| !value.is_null())
    }

    /// Returns the number at a pointer, which must be whole and at least 1.
    ///
    /// # Errors
    /// If there is no such number.
    pub(crate) fn size(&self, pointer: &str) -> Result<usize, ModelError> {
        let found = self.find(pointer).and_then(Value::as_u64);
        let size = found.filter(|size| (1..=1 << 32).contains(size));
        size.map(|size| size as usize)
            .ok_or_else(|| self.wrong(pointer, "a whole number, at least 1"))
    }

    /// Returns the number at a pointer, or `default` if there is none.
    ///
    /// # Errors
    /// If another value is there.
    pub(crate) fn number_or(&self, pointer: &str, default: f64) -> Result<f64, ModelError> {
        match self.find(pointer) {
            None => Ok(default),
            Some(value) => value
                .as_f64()
                .ok_or_else(|| self.wrong(pointer, "a number")),
        }
    }

    /// Returns the truth value at a pointer, or `default` if there is none.
    ///
    /// # Errors
    /// If another value is there.
    pub(crate) fn flag_or(&self, pointer: &str, default: bool) -> Result<bool, ModelError> {
        match self.find(pointer) {
            None => Ok(default),
            Some(value) => value
                .as_bool()
                .ok_or_else(|| self.wrong(pointer, "true or false")),
        }
    }

    /// Returns the three numbers at a pointer, or three times `default` if there are none.
    ///
    /// # Errors
    /// If another value is there.
    pub(crate) fn channels_or(&self, pointer: &str, default: f64) -> Result<[f64; 3], ModelError> {
        let Some(value) = self.find(pointer) else {
            return Ok([default; 3]);
        };
        let numbers: Option<Vec<f64>> = value
            .as_array()
            .map(|list| list.iter().filter_map(Value::as_f64).collect());
        numbers
            .and_then(|numbers| numbers.try_into().ok())
            .ok_or_else(|| self.wrong(pointer, "three numbers"))
    }

    /// Returns the text at a pointer.
    ///
    /// # Errors
    /// If there is no text.
    pub(crate) fn text(&self, pointer: &str) -> Result<&str, ModelError> {
        self.find(pointer)
            .and_then(Value::as_str)
            .ok_or_else(|| self.wrong(pointer, "a text"))
    }

    /// Returns the token ids at a pointer: one number or a list of them; none if there is neither.
    ///
    /// # Errors
    /// If another value is there.
    pub(crate) fn token_ids(&self, pointer: &str) -> Result<Vec<u32>, ModelError> {
        let Some(value) = self.find(pointer) else {
            return Ok(Vec::new());
        };
        let one = std::slice::from_ref(value);
        let list = value.as_array().map_or(one, Vec::as_slice);
        let id = |value: &Value| u32::try_from(value.as_u64()?).ok();
        let ids: Option<Vec<u32>> = list.iter().map(id).collect();
        ids.ok_or_else(|| self.wrong(pointer, "a token id or a list of them"))
    }

    /// Returns the error of a member that is missing or has another value than expected.
    pub(crate) fn wrong(&self, pointer: &str, expected: &str) -> ModelError {
        let found = match self.root.pointer(pointer) {
            None => "nothing".to_owned(),
            Some(value) => value.to_string().chars().take(80).collect(),
        };
        ModelError::DataFile {
            path: self.path.clone(),
            problem: format!("{pointer} must be {expected}, found {found}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_members_by_path() {
        let config = ConfigFile::from_text(
            r#"{"a": {"n": 3, "m": [0.5, 1, 2]}, "eos": [2, 7], "one": 5, "none": null, "t": "x"}"#,
        );
        assert_eq!(config.size("/a/n").unwrap(), 3);
        assert_eq!(config.channels_or("/a/m", 0.0).unwrap(), [0.5, 1.0, 2.0]);
        assert_eq!(config.channels_or("/a/q", 0.5).unwrap(), [0.5; 3]);
        assert_eq!(config.token_ids("/eos").unwrap(), [2, 7]);
        assert_eq!(config.token_ids("/one").unwrap(), [5]);
        assert!(config.token_ids("/none").unwrap().is_empty());
        assert_eq!(config.text("/t").unwrap(), "x");
        assert!(config.flag_or("/none", true).unwrap());
        assert!(config.flag_or("/one", true).is_err());
    }

    #[test]
    fn a_wrong_member_is_named_with_what_was_expected() {
        let config = ConfigFile::from_text(r#"{"n": -1}"#);
        let error = config.size("/n").unwrap_err().to_string();
        assert!(
            error.contains("/n must be a whole number, at least 1, found -1"),
            "{error}"
        );
        let error = config.text("/q").unwrap_err().to_string();
        assert!(error.contains("found nothing"), "{error}");
        assert!(config.token_ids("/n").is_err());
    }
}
