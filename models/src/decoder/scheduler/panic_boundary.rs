//! Calls of the decoder whose errors and panics become faults.

use std::ops::Range;

use crate::{Decoder, Fault, InputToken, KvCache, catch_panic};

/// Returns the tokens of a text, none of whose parts `foreign` is a control token.
pub(super) fn encode(
    decoder: &mut dyn Decoder,
    text: &str,
    foreign: &[Range<usize>],
) -> Result<Vec<u32>, Fault> {
    catch_panic(|| Ok(decoder.encode(text, foreign)?))
}

/// Returns the text of tokens.
pub(super) fn decode(decoder: &mut dyn Decoder, tokens: &[u32]) -> Result<String, Fault> {
    catch_panic(|| Ok(decoder.decode(tokens)?))
}

/// Runs the next tokens of each row.
pub(super) fn run(
    decoder: &mut dyn Decoder,
    tokens: &[InputToken],
    adapter: &[bool],
    kv: &mut KvCache,
) -> Result<Vec<f32>, Fault> {
    catch_panic(|| Ok(decoder.run(tokens, adapter, kv)?))
}
