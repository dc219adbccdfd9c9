//! The token embedding of a published decoder: tokens in, the decoder's input out, with the embeddings of images in their places.

use std::path::Path;

use crate::{
    InputToken, ModelError,
    runtime::session::{ElementType, OnnxModule, SessionOptions, TensorSpec, TensorValue},
};

/// The name of the module's output.
const EMBEDDINGS: &str = "inputs_embeds";

/// A token embedding as an ONNX module: one i64 input `[b, s]`, `input_ids`, in; `inputs_embeds` f32 `[b, s, h]` out.
pub(crate) struct TokenEmbedding {
    module: OnnxModule,
    input: String,
    width: usize,
}

impl TokenEmbedding {
    /// Loads the module at `path`, whose embeddings have `width` numbers.
    ///
    /// # Errors
    /// If the file cannot be loaded or is another module.
    pub(crate) fn load(
        path: &Path,
        width: usize,
        options: SessionOptions,
    ) -> Result<Self, ModelError> {
        let module = OnnxModule::load_any(path, options)?;
        let inputs = module.inputs();
        let name = inputs.first().map_or("input_ids", TensorSpec::name);
        let input = TensorSpec::new(name, ElementType::I64, &[-1, -1]);
        let output = TensorSpec::new(EMBEDDINGS, ElementType::F32, &[-1, -1, width as i64]);
        module.check(path, &[input], &[output])?;
        Ok(Self {
            input: name.to_owned(),
            module,
            width,
        })
    }

    /// Returns the embeddings of the tokens of all rows, `[rows, tokens of a row, width]`.
    ///
    /// # Errors
    /// If the module fails, or an image's embeddings have another width.
    pub(crate) fn embed(
        &mut self,
        tokens: &[InputToken],
        rows: usize,
    ) -> Result<Vec<f32>, ModelError> {
        // The embedding of token 0 stands where an image's will.
        let ids = tokens
            .iter()
            .map(|token| i64::from(token.text().unwrap_or(0)));
        let ids = TensorValue::new(&[rows, tokens.len() / rows], ids.collect())?;
        let mut outputs = self.module.run(vec![(&*self.input, ids)], rows)?;
        let mut embedded = outputs.take(EMBEDDINGS)?.to_f32()?;
        if embedded.len() != tokens.len() * self.width {
            return Err(ModelError::EmbeddingWidth {
                expected: self.width,
                found: embedded.len() / tokens.len().max(1),
            });
        }
        for (token, to) in tokens.iter().zip(embedded.chunks_exact_mut(self.width)) {
            if let InputToken::Image { embeddings, row } = token {
                if embeddings.width() != self.width {
                    return Err(ModelError::EmbeddingWidth {
                        expected: self.width,
                        found: embeddings.width(),
                    });
                }
                to.copy_from_slice(embeddings.row(*row));
            }
        }
        Ok(embedded)
    }
}
