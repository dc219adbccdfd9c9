//! Prefill: running a request's prompt in chunks, starting from its longest cached prefix.

use super::{panic_boundary::run, request::Request};
use crate::{
    Decoder, Fault, GeneratedTexts, InputToken, KvCache, Prompt,
    decoder::prefix_cache::{PrefixCache, PrefixHit},
};

/// Prompt tokens run at once. An urgent request waits at most for one chunk, which takes as long as a step of twelve texts.
/// A token takes 2.5 ms in chunks of 16, 2.15 in chunks of 32, 2.0 in chunks of 64 (default pack, two cores).
const CHUNK: usize = 32;

/// A request whose prompt is being run.
pub(super) struct Prefill {
    pub(super) request: Request,
    progress: Option<Progress>,
}

/// The part of the prompt that is in the cache.
struct Progress {
    kv: KvCache,
    reused: usize,
    pinned: usize,
}

impl Prefill {
    pub(super) fn new(request: Request) -> Self {
        Self {
            request,
            progress: None,
        }
    }

    /// Returns the bytes of keys and values held.
    pub(super) fn bytes(&self) -> usize {
        self.progress
            .as_ref()
            .map_or(0, |progress| progress.kv.bytes())
    }

    /// Runs the next chunk, after looking up the longest prefix in `prefixes` the first time. Returns the logits of the
    /// first new token once the prompt is complete.
    pub(super) fn run_chunk(
        &mut self,
        decoder: &mut dyn Decoder,
        mut prefixes: Option<&mut PrefixCache>,
    ) -> Result<Option<Vec<f32>>, Fault> {
        let (tokens, prompt) = (&self.request.tokens, &self.request.job.prompt);
        let progress = self.progress.get_or_insert_with(|| {
            let hit = prefixes.as_mut().map(|prefixes| {
                let keys = prefix_keys(reusable(tokens));
                prefixes.longest(prompt.adapter(), &keys)
            });
            Progress::new(decoder, hit.unwrap_or_default(), tokens.len())
        });
        let kv = &mut progress.kv;
        let stop = snapshot(decoder, tokens).filter(|stop| *stop > kv.lengths()[0]);
        let logits = run_chunk(decoder, prompt, &tokens[..stop.unwrap_or(tokens.len())], kv)?;
        let done = kv.lengths()[0];
        if let (Some(stop), Some(prefixes)) = (stop, prefixes)
            && stop == done
        {
            prefixes.insert(prompt.adapter(), &prefix_keys(&tokens[..done]), false, kv);
        }
        Ok((done == tokens.len()).then_some(logits))
    }

    /// Returns the request, its keys and values, and the cost of its prompt, once the prompt is complete.
    pub(super) fn finish(self) -> (Request, KvCache, GeneratedTexts) {
        let Progress { kv, reused, pinned } = self.progress.expect("a complete prompt was run");
        let cost = GeneratedTexts {
            candidates: Vec::new(),
            prefilled: self.request.tokens.len() - reused - pinned,
            reused,
            generated: 0,
        };
        (self.request, kv, cost)
    }
}

impl Progress {
    /// Starts a prompt of `tokens` tokens with its longest cached prefix.
    fn new(decoder: &dyn Decoder, hit: PrefixHit, tokens: usize) -> Self {
        let mut kv = KvCache::from_tokens(decoder.shape(), &hit.kv, tokens);
        if !hit.state.is_empty() {
            kv.state_mut(0).copy_from_slice(&hit.state);
        }
        Self {
            kv,
            reused: hit.tokens - hit.pinned,
            pinned: hit.pinned,
        }
    }
}

/// Returns the length of the prefix that shows a prompt's images, if its decoder has a state: a prefix can only be reused where its
/// state was kept, and prompts about the same images differ after it.
fn snapshot(decoder: &dyn Decoder, tokens: &[InputToken]) -> Option<usize> {
    if decoder.shape().state == 0 {
        return None;
    }
    let last = tokens.iter().rposition(|token| token.text().is_none());
    last.map(|last| last + 1)
}

/// Returns the keys by which the prefixes of a prompt are cached.
pub(super) fn prefix_keys(tokens: &[InputToken]) -> Vec<u64> {
    tokens.iter().map(InputToken::key).collect()
}

/// Returns the part of a prompt that may come from the cache. The decoder computes two or more tokens differently from one,
/// so at least two are left to run.
fn reusable(tokens: &[InputToken]) -> &[InputToken] {
    &tokens[..tokens.len().saturating_sub(2)]
}

/// Runs the next tokens of a prompt; never a single one, unless there is only one.
pub(super) fn run_chunk(
    decoder: &mut dyn Decoder,
    prompt: &Prompt,
    tokens: &[InputToken],
    kv: &mut KvCache,
) -> Result<Vec<f32>, Fault> {
    let rest = &tokens[kv.lengths()[0]..];
    let count = if rest.len() == CHUNK + 1 {
        CHUNK - 1
    } else {
        rest.len().min(CHUNK)
    };
    run(decoder, &rest[..count], &[prompt.adapter()], kv)
}
