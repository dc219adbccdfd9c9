//! The form in which a dual encoder takes texts: their length, their padding, and their cleaning before they become tokens.
//!
//! CLIP stops at its end token, so padding means nothing to it. SigLIP was trained on texts of exactly one length and reads
//! the padding as well. SigLIP2 is published as SigLIP; only its tokenizer differs, which pads with another token. The padding
//! is therefore read from `tokenizer_config.json`: the `pad_token_id` of `config.json` is often a default that belongs to
//! another tokenizer.
//!
//! Source: the processors and tokenizers of `models/clip`, `models/siglip` and `models/siglip2` of transformers 5.24.

use std::path::Path;

use serde_json::Value;

use crate::{ModelError, model_config::ConfigFile};

/// The cleaning of a text before it becomes tokens. Files of tokenizers often do the same; done twice it changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextCleaning {
    /// Nothing; the tokenizer does all.
    None,
    /// Lower case, as SigLIP2 was trained. Its published tokenizer does not do it.
    LowerCase,
    /// Lower case, no ASCII punctuation, single spaces, as SigLIP was trained.
    Words,
}

impl TextCleaning {
    pub(crate) fn clean(self, text: &str) -> String {
        // One letter at a time, as tokenizers do: the lower case of a letter never depends on its neighbours.
        let lower = text.chars().flat_map(char::to_lowercase);
        match self {
            Self::None => text.to_owned(),
            Self::LowerCase => lower.collect(),
            Self::Words => {
                let letters: String = lower.filter(|c| !c.is_ascii_punctuation()).collect();
                let words: Vec<&str> = letters.split_whitespace().collect();
                words.join(" ")
            }
        }
    }
}

/// The form in which a dual encoder takes texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TextRules {
    /// Maximum number of tokens.
    pub(crate) limit: usize,
    /// True if shorter texts are padded to `limit` tokens and the model reads the padding.
    pub(crate) reads_padding: bool,
    /// The token with which texts are padded; `None` if the tokenizer's configuration names none.
    pub(crate) padding: Option<String>,
    pub(crate) cleaning: TextCleaning,
}

impl TextRules {
    /// Reads the rules from the model's configuration and that of its tokenizer.
    ///
    /// # Errors
    /// If a file cannot be read, lacks a value, or the architecture is not supported.
    pub(crate) fn read(config: &Path, tokenizer: &Path) -> Result<Self, ModelError> {
        let (model, tokens) = (ConfigFile::read(config)?, ConfigFile::read(tokenizer)?);
        let (usual_limit, reads_padding) = match model.text("/model_type")? {
            "clip" => (77, false),
            "siglip" | "siglip2" => (64, true),
            other => {
                return Err(ModelError::Architecture {
                    path: config.to_owned(),
                    found: other.to_owned(),
                    supported: "clip, siglip and siglip2",
                });
            }
        };
        let padding = padding(&tokens);
        if reads_padding && padding.is_none() {
            return Err(tokens.wrong("/pad_token", "the token with which texts are padded"));
        }
        Ok(Self {
            limit: limit(&model, usual_limit)?,
            reads_padding,
            padding,
            cleaning: cleaning(&tokens, reads_padding),
        })
    }
}

/// Reads the maximum number of tokens, which configurations omit if it is the usual one.
fn limit(model: &ConfigFile, usual: usize) -> Result<usize, ModelError> {
    const POINTER: &str = "/text_config/max_position_embeddings";
    match model.find(POINTER) {
        None => Ok(usual),
        Some(_) => match model.size(POINTER)? {
            limit @ ..=4096 => Ok(limit),
            _ => Err(model.wrong(POINTER, "at most 4096")),
        },
    }
}

/// Reads the token for padding, which is a text or an object with its text.
fn padding(tokens: &ConfigFile) -> Option<String> {
    let token = tokens.find("/pad_token/content");
    let token = token.or_else(|| tokens.find("/pad_token"))?;
    token.as_str().map(str::to_owned)
}

/// Chooses the cleaning by the tokenizer's class, in which SigLIP and SigLIP2 differ.
fn cleaning(tokens: &ConfigFile, siglip: bool) -> TextCleaning {
    let class = tokens.find("/tokenizer_class").and_then(Value::as_str);
    match class {
        _ if !siglip => TextCleaning::None,
        Some("SiglipTokenizer" | "SiglipTokenizerFast") => TextCleaning::Words,
        _ => TextCleaning::LowerCase,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn rules(config: &str, tokenizer: &str) -> Result<TextRules, ModelError> {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("config.json"), config).unwrap();
        fs::write(path("tokenizer_config.json"), tokenizer).unwrap();
        TextRules::read(&path("config.json"), &path("tokenizer_config.json"))
    }

    #[test]
    fn usual_values_need_not_be_written() {
        let siglip = rules(
            r#"{"model_type": "siglip", "text_config": {"pad_token_id": 1}}"#,
            r#"{"pad_token": {"content": "<pad>"}, "tokenizer_class": "GemmaTokenizer"}"#,
        );
        let expected = TextRules {
            limit: 64,
            reads_padding: true,
            padding: Some("<pad>".to_owned()),
            cleaning: TextCleaning::LowerCase,
        };
        assert_eq!(siglip.unwrap(), expected);
        let clip = rules(r#"{"model_type": "clip"}"#, "{}").unwrap();
        assert_eq!((clip.limit, clip.cleaning), (77, TextCleaning::None));
        let short = r#"{"model_type": "siglip", "text_config": {"max_position_embeddings": 16}}"#;
        let short = rules(
            short,
            r#"{"pad_token": "</s>", "tokenizer_class": "SiglipTokenizer"}"#,
        );
        let short = short.unwrap();
        assert_eq!((short.limit, short.cleaning), (16, TextCleaning::Words));
    }

    #[test]
    fn a_model_that_is_not_supported_is_refused() {
        let error = rules(r#"{"model_type": "blip"}"#, "{}").unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("\"blip\" is not supported; supported are clip"),
            "{error}"
        );
        let error = rules(r#"{"model_type": "siglip"}"#, "{}").unwrap_err();
        assert!(
            error.to_string().contains("/pad_token must be the token"),
            "{error}"
        );
    }

    #[test]
    fn cleaning_twice_changes_nothing() {
        let text = "  A Person's\tRED\n(bicycle) — Ünder ";
        let words = TextCleaning::Words.clean(text);
        assert_eq!(words, "a persons red bicycle — ünder");
        assert_eq!(TextCleaning::Words.clean(&words), words);
        assert_eq!(TextCleaning::LowerCase.clean("It's A. "), "it's a. ");
        assert_eq!(TextCleaning::None.clean(text), text);
    }
}
