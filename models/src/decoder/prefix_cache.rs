//! A cache of prompt prefixes with their keys and values, so that no prefix is computed twice.
//!
//! It is a radix tree over the keys of tokens ([`InputToken::key`](crate::InputToken)), so equal images share their prefix as
//! equal texts do: a node holds a run of tokens, its children the runs that followed in different prompts.
//! Tokens computed with the caption adapter have a tree of their own. When the budget is exceeded, the least recently used
//! leaves are evicted; pinned prefixes stay.

use crate::{KvCache, KvShape};

/// A radix tree of prefixes for each state of the adapter, with a common budget.
#[derive(Debug)]
pub(crate) struct PrefixCache {
    /// Numbers of a token.
    width: usize,
    /// True if a prefix can only be continued from a state that was kept.
    stateful: bool,
    /// Numbers that may be held.
    budget: usize,
    roots: [Vec<Node>; 2],
    /// Numbers that are held.
    held: usize,
    clock: u64,
}

#[derive(Debug)]
struct Node {
    tokens: Vec<u64>,
    kv: Vec<f32>,
    /// The decoder's state after these tokens; empty if it was not kept.
    state: Vec<f32>,
    children: Vec<Node>,
    last_used: u64,
    pinned: bool,
}

/// The longest cached prefix of a prompt.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct PrefixHit {
    /// Its length in tokens.
    pub(crate) tokens: usize,
    /// The number of those that belong to a pinned prefix.
    pub(crate) pinned: usize,
    /// Their keys and values.
    pub(crate) kv: Vec<f32>,
    /// The decoder's state after them; empty if it has none.
    pub(crate) state: Vec<f32>,
}

impl PrefixCache {
    /// Creates a cache for a decoder of this shape that holds at most `budget` bytes, unless pinned prefixes alone take
    /// more.
    pub(crate) fn new(shape: KvShape, budget: usize) -> Self {
        Self {
            width: shape.width(),
            stateful: shape.state > 0,
            budget: budget / size_of::<f32>(),
            roots: [Vec::new(), Vec::new()],
            held: 0,
            clock: 0,
        }
    }

    /// Returns the bytes held.
    pub(crate) fn bytes(&self) -> usize {
        self.held * size_of::<f32>()
    }

    /// Returns the longest cached prefix of a prompt.
    pub(crate) fn longest(&mut self, adapter: bool, tokens: &[u64]) -> PrefixHit {
        self.clock += 1;
        let (mut hit, mut usable) = (PrefixHit::default(), PrefixHit::default());
        let mut nodes = &mut self.roots[usize::from(adapter)];
        while let Some(node) = nodes
            .iter_mut()
            .find(|node| common(&node.tokens, &tokens[hit.tokens..]) > 0)
        {
            let shared = common(&node.tokens, &tokens[hit.tokens..]);
            let whole = shared == node.tokens.len();
            node.last_used = self.clock;
            hit.kv.extend_from_slice(&node.kv[..shared * self.width]);
            hit.tokens += shared;
            if node.pinned {
                hit.pinned = hit.tokens;
            }
            if self.stateful && whole && !node.state.is_empty() {
                usable.tokens = hit.tokens;
                usable.pinned = hit.pinned;
                usable.state.clone_from(&node.state);
            }
            if !whole {
                break;
            }
            nodes = &mut node.children;
        }
        if self.stateful {
            hit.kv.truncate(usable.tokens * self.width);
            usable.kv = hit.kv;
            return usable;
        }
        hit
    }

    /// Caches a prompt whose tokens are the first of the first row of `kv`, which ends with them if the decoder has a state. A pinned
    /// prompt is never evicted.
    pub(crate) fn insert(&mut self, adapter: bool, tokens: &[u64], pinned: bool, kv: &KvCache) {
        self.clock += 1;
        let (clock, width) = (self.clock, self.width);
        let mut nodes = &mut self.roots[usize::from(adapter)];
        let mut at = 0;
        while at < tokens.len() {
            let Some(index) = nodes
                .iter()
                .position(|node| common(&node.tokens, &tokens[at..]) > 0)
            else {
                break;
            };
            let node = &mut nodes[index];
            let shared = common(&node.tokens, &tokens[at..]);
            if shared < node.tokens.len() {
                node.split(shared, width);
            }
            node.last_used = clock;
            node.pinned |= pinned;
            at += shared;
            if at == tokens.len() && node.state.is_empty() {
                node.state = kv.state(0).to_vec();
                self.held += node.state.len();
            }
            nodes = &mut node.children;
        }
        if at < tokens.len() {
            let node = Node {
                tokens: tokens[at..].to_vec(),
                kv: kv.tokens(0, at..tokens.len()),
                state: kv.state(0).to_vec(),
                children: Vec::new(),
                last_used: clock,
                pinned,
            };
            self.held += node.numbers();
            nodes.push(node);
        }
        self.evict();
    }

    /// Evicts the least recently used leaves until the budget is met or only pinned prefixes are left.
    fn evict(&mut self) {
        while self.held > self.budget {
            let oldest = self.roots.iter().filter_map(|nodes| oldest(nodes)).min();
            let Some(last_used) = oldest else { break };
            self.held -= self
                .roots
                .iter_mut()
                .map(|nodes| remove(nodes, last_used))
                .sum::<usize>();
        }
    }
}

impl Node {
    /// Returns the numbers that the node itself holds.
    fn numbers(&self) -> usize {
        self.kv.len() + self.state.len()
    }

    /// Moves the tokens from `at` on into a child, with the state after them.
    fn split(&mut self, at: usize, width: usize) {
        let rest = Self {
            tokens: self.tokens.split_off(at),
            kv: self.kv.split_off(at * width),
            state: std::mem::take(&mut self.state),
            children: std::mem::take(&mut self.children),
            last_used: self.last_used,
            pinned: self.pinned,
        };
        self.children.push(rest);
    }
}

/// Returns the length of the longest common prefix.
fn common(a: &[u64], b: &[u64]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Returns the last use of the least recently used leaf that is not pinned.
fn oldest(nodes: &[Node]) -> Option<u64> {
    let leaves = nodes
        .iter()
        .filter_map(|node| match node.children.is_empty() {
            true => (!node.pinned).then_some(node.last_used),
            false => oldest(&node.children),
        });
    leaves.min()
}

/// Removes the leaves last used at `last_used` and returns the number of their numbers.
fn remove(nodes: &mut Vec<Node>, last_used: u64) -> usize {
    let mut freed = 0;
    nodes.retain_mut(|node| {
        if node.children.is_empty() && !node.pinned && node.last_used == last_used {
            freed += node.numbers();
            return false;
        }
        freed += remove(&mut node.children, last_used);
        true
    });
    freed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A decoder whose keys and values are a number a token, and whose state is one.
    fn shape(stateful: bool) -> KvShape {
        KvShape {
            parts: 1,
            heads: 1,
            dim: 1,
            in_runtime: false,
            state: usize::from(stateful),
        }
    }

    /// Returns a cache for `tokens` tokens, each with itself as its only number.
    fn cache(tokens: usize) -> PrefixCache {
        PrefixCache::new(shape(false), tokens * size_of::<f32>())
    }

    /// Inserts a prompt; its state, if the decoder has one, is its length.
    fn insert(cache: &mut PrefixCache, tokens: &[u64], pinned: bool) {
        let numbers: Vec<f32> = tokens.iter().map(|token| *token as f32).collect();
        let mut kv = KvCache::from_tokens(shape(cache.stateful), &numbers, 0);
        kv.state_mut(0).fill(tokens.len() as f32);
        cache.insert(false, tokens, pinned, &kv);
    }

    fn found(cache: &mut PrefixCache, tokens: &[u64]) -> (usize, usize) {
        let found = cache.longest(false, tokens);
        let numbers: Vec<f32> = tokens[..found.tokens].iter().map(|t| *t as f32).collect();
        assert_eq!(found.kv, numbers);
        let state: &[f32] = match cache.stateful && found.tokens > 0 {
            true => &[found.tokens as f32],
            false => &[],
        };
        assert_eq!(found.state, state);
        (found.tokens, found.pinned)
    }

    #[test]
    fn a_prefix_of_a_decoder_with_a_state_is_found_only_where_the_state_was_kept() {
        let mut cache = PrefixCache::new(shape(true), 99 * size_of::<f32>());
        insert(&mut cache, &[1, 2, 3, 4], false);
        assert_eq!(found(&mut cache, &[1, 2, 3, 9]), (0, 0));
        insert(&mut cache, &[1, 2], false);
        assert_eq!(found(&mut cache, &[1, 2, 3, 9]), (2, 0));
        assert_eq!(found(&mut cache, &[1, 2, 3, 4, 5]), (4, 0));
        insert(&mut cache, &[1, 2, 3, 4, 5], false);
        assert_eq!(found(&mut cache, &[1, 2, 3, 4, 5]), (5, 0));
        assert_eq!(cache.bytes(), (5 + 3) * size_of::<f32>());
    }

    #[test]
    fn finds_the_longest_common_prefix() {
        let mut cache = cache(99);
        insert(&mut cache, &[1, 2, 3, 4], false);
        insert(&mut cache, &[1, 2, 5], false);
        assert_eq!(found(&mut cache, &[1, 2, 3, 9]), (3, 0));
        assert_eq!(found(&mut cache, &[1, 2, 5, 6]), (3, 0));
        assert_eq!(found(&mut cache, &[7]), (0, 0));
        assert_eq!(cache.bytes(), 5 * size_of::<f32>());
        assert_eq!(cache.longest(true, &[1, 2]).tokens, 0);
    }

    #[test]
    fn evicts_the_least_recently_used_prompt_but_no_pinned_one() {
        let mut cache = cache(8);
        insert(&mut cache, &[1, 2], true);
        insert(&mut cache, &[1, 2, 3, 4, 5], false);
        insert(&mut cache, &[1, 2, 6, 7, 8], false);
        assert_eq!(found(&mut cache, &[1, 2, 3, 4, 5]), (5, 2));
        insert(&mut cache, &[9, 9], false);
        assert_eq!(found(&mut cache, &[1, 2, 6, 7, 8]), (2, 2));
        assert_eq!(found(&mut cache, &[1, 2, 3, 4, 5]), (5, 2));
        assert_eq!(found(&mut cache, &[9, 9]), (2, 0));
    }

    #[test]
    fn a_prompt_larger_than_the_budget_is_not_kept() {
        let mut cache = cache(4);
        insert(&mut cache, &[1, 2, 3, 4, 5], false);
        assert_eq!(cache.bytes(), 0);
    }
}
