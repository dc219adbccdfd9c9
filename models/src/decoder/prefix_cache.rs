//! A cache of prompt prefixes with their keys and values, so that no prefix is computed twice.
//!
//! It is a radix tree over the keys of tokens ([`InputToken::key`](crate::InputToken)), so equal images share their prefix as
//! equal texts do: a node holds a run of tokens, its children the runs that followed in different prompts.
//! Tokens computed with the caption adapter have a tree of their own. When the budget is exceeded, the least recently used
//! leaves are evicted; pinned prefixes stay.

use std::ops::Range;

/// A radix tree of prefixes for each state of the adapter, with a common budget.
#[derive(Debug)]
pub(crate) struct PrefixCache {
    width: usize,
    budget: usize,
    roots: [Vec<Node>; 2],
    held: usize,
    clock: u64,
}

#[derive(Debug)]
struct Node {
    tokens: Vec<u64>,
    kv: Vec<f32>,
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
}

impl PrefixCache {
    /// Creates a cache for tokens of `width` numbers that holds at most `budget` bytes, unless pinned prefixes alone take
    /// more.
    pub(crate) fn new(width: usize, budget: usize) -> Self {
        Self {
            width,
            budget: budget / size_of::<f32>() / width,
            roots: [Vec::new(), Vec::new()],
            held: 0,
            clock: 0,
        }
    }

    /// Returns the bytes of keys and values held.
    pub(crate) fn bytes(&self) -> usize {
        self.held * self.width * size_of::<f32>()
    }

    /// Returns the longest cached prefix of a prompt.
    pub(crate) fn longest(&mut self, adapter: bool, tokens: &[u64]) -> PrefixHit {
        self.clock += 1;
        let mut hit = PrefixHit::default();
        let mut nodes = &mut self.roots[usize::from(adapter)];
        while let Some(node) = nodes
            .iter_mut()
            .find(|node| common(&node.tokens, &tokens[hit.tokens..]) > 0)
        {
            let shared = common(&node.tokens, &tokens[hit.tokens..]);
            node.last_used = self.clock;
            hit.kv.extend_from_slice(&node.kv[..shared * self.width]);
            hit.tokens += shared;
            if node.pinned {
                hit.pinned = hit.tokens;
            }
            if shared < node.tokens.len() {
                break;
            }
            nodes = &mut node.children;
        }
        hit
    }

    /// Caches a prompt; `kv` returns the keys and values of a range of its tokens. A pinned prompt is never evicted.
    pub(crate) fn insert(
        &mut self,
        adapter: bool,
        tokens: &[u64],
        pinned: bool,
        kv: impl FnOnce(Range<usize>) -> Vec<f32>,
    ) {
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
            nodes = &mut node.children;
        }
        if at < tokens.len() {
            nodes.push(Node {
                tokens: tokens[at..].to_vec(),
                kv: kv(at..tokens.len()),
                children: Vec::new(),
                last_used: clock,
                pinned,
            });
            self.held += tokens.len() - at;
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
    /// Moves the tokens from `at` on into a child.
    fn split(&mut self, at: usize, width: usize) {
        let rest = Self {
            tokens: self.tokens.split_off(at),
            kv: self.kv.split_off(at * width),
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

/// Removes the leaves last used at `last_used` and returns the number of their tokens.
fn remove(nodes: &mut Vec<Node>, last_used: u64) -> usize {
    let mut freed = 0;
    nodes.retain_mut(|node| {
        if node.children.is_empty() && !node.pinned && node.last_used == last_used {
            freed += node.tokens.len();
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

    /// Returns a cache for `tokens` tokens, each with itself as its only number.
    fn cache(tokens: usize) -> PrefixCache {
        PrefixCache::new(1, tokens * size_of::<f32>())
    }

    fn insert(cache: &mut PrefixCache, tokens: &[u64], pinned: bool) {
        cache.insert(false, tokens, pinned, |range| {
            tokens[range].iter().map(|t| *t as f32).collect()
        });
    }

    fn found(cache: &mut PrefixCache, tokens: &[u64]) -> (usize, usize) {
        let found = cache.longest(false, tokens);
        let numbers: Vec<f32> = tokens[..found.tokens].iter().map(|t| *t as f32).collect();
        assert_eq!(found.kv, numbers);
        (found.tokens, found.pinned)
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
