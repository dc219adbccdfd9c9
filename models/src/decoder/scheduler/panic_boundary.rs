//! Calls of the decoder whose errors and panics become faults.

use crate::{Decoder, Fault, KvCache, catch_panic};

/// Returns the tokens of a text.
pub(super) fn encode(decoder: &mut dyn Decoder, text: &str) -> Result<Vec<u32>, Fault> {
    catch_panic(|| Ok(decoder.encode(text)?))
}

/// Returns the text of tokens.
pub(super) fn decode(decoder: &mut dyn Decoder, tokens: &[u32]) -> Result<String, Fault> {
    catch_panic(|| Ok(decoder.decode(tokens)?))
}

/// Runs the next tokens of each row.
pub(super) fn run(
    decoder: &mut dyn Decoder,
    ids: &[u32],
    adapter: &[bool],
    kv: &mut KvCache,
) -> Result<Vec<f32>, Fault> {
    catch_panic(|| Ok(decoder.run(ids, adapter, kv)?))
}
