//! The text encoder of a dual encoder: a text in, its vector in the space of the image encoder's vectors out.

use std::path::Path;

use crate::{
    ModelError, TextEncoder,
    dual::{
        embedding_module::{EmbeddingModule, EncoderKind, find},
        text_rules::TextRules,
    },
    runtime::session::{ElementType, SessionOptions, TensorSpec, TensorValue},
    text::tokenizer::Tokenizer,
};

const KIND: EncoderKind = EncoderKind {
    name: "text",
    outputs: ["text_embeds", "pooler_output"],
};
const IDS: &str = "input_ids";
const MASK: &str = "attention_mask";

/// The files of a text encoder.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DualTextFiles<'a> {
    /// The module.
    pub(crate) model: &'a Path,
    /// The tokenizer, `tokenizer.json`.
    pub(crate) tokenizer: &'a Path,
    /// The tokenizer's configuration, `tokenizer_config.json`.
    pub(crate) tokenizer_config: &'a Path,
    /// The model's configuration, `config.json`.
    pub(crate) config: &'a Path,
}

/// A text encoder as an ONNX module: `input_ids` and, if the file has it, `attention_mask`, i64 or i32 `[b, t]`, in;
/// `text_embeds` or `pooler_output` f32 `[b, D]` out.
pub(crate) struct DualTextEncoder {
    module: EmbeddingModule,
    tokenizer: Tokenizer,
    rules: TextRules,
    /// The token that fills each text up to the limit, if texts have a fixed length.
    padding: Option<u32>,
    /// Types of the input of token ids and of the mask.
    ids: ElementType,
    mask: Option<ElementType>,
}

impl DualTextEncoder {
    /// Loads the module and its tokenizer.
    ///
    /// # Errors
    /// If a file cannot be loaded or they do not belong together.
    pub(crate) fn load(files: DualTextFiles, options: SessionOptions) -> Result<Self, ModelError> {
        let mut rules = TextRules::read(files.config, files.tokenizer_config)?;
        let tokenizer = Tokenizer::load(files.tokenizer, None)?.without_padding()?;
        let (mut ids, mut mask, mut length) = (ElementType::I64, None, None);
        let inputs = |found: &[TensorSpec]| {
            ids = find(found, IDS).map_or(ids, whole_numbers);
            mask = find(found, MASK).map(whole_numbers);
            length = find(found, IDS).and_then(|spec| spec.size(1));
            let input = |name, element| TensorSpec::new(name, element, &[-1, -1]);
            let mask = mask.map(|element| input(MASK, element));
            [input(IDS, ids)].into_iter().chain(mask).collect()
        };
        let module = EmbeddingModule::load(files.model, &KIND, inputs, options)?;
        rules.limit = length.unwrap_or(rules.limit);
        let padding = match &rules.padding {
            Some(token) if rules.reads_padding || length.is_some() => Some(tokenizer.id(token)?),
            None if length.is_some() => return Err(no_padding(files.tokenizer_config)),
            _ => None,
        };
        Ok(Self {
            module,
            tokenizer,
            rules,
            padding,
            ids,
            mask,
        })
    }

    /// Returns the token ids of a text, cut before its end token and padded, and their number without the padding.
    pub(super) fn token_ids(&self, text: &str) -> Result<(Vec<u32>, usize), ModelError> {
        let text = self.rules.cleaning.clean(text);
        let mut ids = self.tokenizer.encode_sentence(&text, self.rules.limit)?;
        let length = ids.len();
        if let Some(padding) = self.padding {
            ids.resize(self.rules.limit, padding);
        }
        Ok((ids, length))
    }

    /// Creates an input of one text's numbers.
    fn input(&self, numbers: &[u32], element: ElementType) -> Result<TensorValue, ModelError> {
        let rows = self.module.rows();
        let shape = [rows, numbers.len()];
        let numbers = numbers.repeat(rows);
        match element {
            ElementType::I32 => {
                TensorValue::new(&shape, numbers.iter().map(|n| *n as i32).collect())
            }
            _ => TensorValue::new(&shape, numbers.into_iter().map(i64::from).collect()),
        }
    }
}

impl TextEncoder for DualTextEncoder {
    fn embed(&mut self, text: &str) -> Result<Vec<f32>, ModelError> {
        let (ids, length) = self.token_ids(text)?;
        let mut inputs = vec![(IDS, self.input(&ids, self.ids)?)];
        if let Some(element) = self.mask {
            let seen = |position: usize| self.rules.reads_padding || position < length;
            let mask: Vec<u32> = (0..ids.len()).map(|n| u32::from(seen(n))).collect();
            inputs.push((MASK, self.input(&mask, element)?));
        }
        self.module.run(inputs)
    }
}

/// Returns the type of an input of whole numbers; another type than the two that files have becomes an error of the check.
fn whole_numbers(spec: &TensorSpec) -> ElementType {
    match spec.element() {
        ElementType::I32 => ElementType::I32,
        _ => ElementType::I64,
    }
}

fn no_padding(path: &Path) -> ModelError {
    ModelError::DataFile {
        path: path.to_owned(),
        problem: "/pad_token must be a token, because the module takes texts of a fixed length"
            .to_owned(),
    }
}
