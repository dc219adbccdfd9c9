//! Beginnings of prompts with their keys and values, so that no beginning is computed twice.
//!
//! A tree over tokens: a node holds some tokens in a row, its children what came after them in different prompts. What
//! the caption adapter has touched is another tree. When the budget is used up, the ends that were not needed for the
//! longest time go first; constant prompts stay.

use std::ops::Range;

/// The trees and their bounds.
#[derive(Debug)]
pub(crate) struct PrefixTree {
    width: usize,
    budget: usize,
    roots: [Vec<Node>; 2],
    held: usize,
    clock: u64,
}

#[derive(Debug)]
struct Node {
    tokens: Vec<u32>,
    kv: Vec<f32>,
    children: Vec<Node>,
    used: u64,
    constant: bool,
}

/// The longest beginning of a prompt that was there.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Found {
    /// How many tokens.
    pub(crate) tokens: usize,
    /// How many of them belong to a constant prompt.
    pub(crate) constant: usize,
    /// Their keys and values.
    pub(crate) kv: Vec<f32>,
}

impl PrefixTree {
    /// For tokens of `width` numbers; holds at most `budget` bytes, unless constant prompts alone take more.
    pub(crate) fn new(width: usize, budget: usize) -> Self {
        Self {
            width,
            budget: budget / size_of::<f32>() / width,
            roots: [Vec::new(), Vec::new()],
            held: 0,
            clock: 0,
        }
    }

    /// Bytes of keys and values held.
    pub(crate) fn bytes(&self) -> usize {
        self.held * self.width * size_of::<f32>()
    }

    /// The longest beginning of a prompt that is known.
    pub(crate) fn longest(&mut self, adapter: bool, tokens: &[u32]) -> Found {
        self.clock += 1;
        let mut found = Found::default();
        let mut nodes = &mut self.roots[usize::from(adapter)];
        while let Some(node) = nodes
            .iter_mut()
            .find(|node| common(&node.tokens, &tokens[found.tokens..]) > 0)
        {
            let shared = common(&node.tokens, &tokens[found.tokens..]);
            node.used = self.clock;
            found.kv.extend_from_slice(&node.kv[..shared * self.width]);
            found.tokens += shared;
            if node.constant {
                found.constant = found.tokens;
            }
            if shared < node.tokens.len() {
                break;
            }
            nodes = &mut node.children;
        }
        found
    }

    /// Keeps a prompt; `kv` gives the keys and values of some of its tokens. A constant prompt stays for ever.
    pub(crate) fn insert(
        &mut self,
        adapter: bool,
        tokens: &[u32],
        constant: bool,
        kv: impl FnOnce(Range<usize>) -> Vec<f32>,
    ) {
        self.clock += 1;
        let (clock, width) = (self.clock, self.width);
        let mut nodes = &mut self.roots[usize::from(adapter)];
        let mut at = 0;
        while at < tokens.len() {
            let Some(place) = nodes
                .iter()
                .position(|node| common(&node.tokens, &tokens[at..]) > 0)
            else {
                break;
            };
            let node = &mut nodes[place];
            let shared = common(&node.tokens, &tokens[at..]);
            if shared < node.tokens.len() {
                node.split(shared, width);
            }
            node.used = clock;
            node.constant |= constant;
            at += shared;
            nodes = &mut node.children;
        }
        if at < tokens.len() {
            nodes.push(Node {
                tokens: tokens[at..].to_vec(),
                kv: kv(at..tokens.len()),
                children: Vec::new(),
                used: clock,
                constant,
            });
            self.held += tokens.len() - at;
        }
        while self.held > self.budget {
            let oldest = self.roots.iter().filter_map(|nodes| oldest(nodes)).min();
            let Some(used) = oldest else { break };
            self.held -= self
                .roots
                .iter_mut()
                .map(|nodes| forget(nodes, used))
                .sum::<usize>();
        }
    }
}

impl Node {
    /// Makes the tokens from `at` on a child.
    fn split(&mut self, at: usize, width: usize) {
        let rest = Self {
            tokens: self.tokens.split_off(at),
            kv: self.kv.split_off(at * width),
            children: std::mem::take(&mut self.children),
            used: self.used,
            constant: self.constant,
        };
        self.children.push(rest);
    }
}

fn common(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// When the end that was not needed for the longest time was last needed.
fn oldest(nodes: &[Node]) -> Option<u64> {
    let ends = nodes
        .iter()
        .filter_map(|node| match node.children.is_empty() {
            true => (!node.constant).then_some(node.used),
            false => oldest(&node.children),
        });
    ends.min()
}

/// Drops the ends last needed at `used`; says how many tokens they held.
fn forget(nodes: &mut Vec<Node>, used: u64) -> usize {
    let mut freed = 0;
    nodes.retain_mut(|node| {
        if node.children.is_empty() && !node.constant && node.used == used {
            freed += node.tokens.len();
            return false;
        }
        freed += forget(&mut node.children, used);
        true
    });
    freed
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree whose token's number is the token itself, for so many tokens.
    fn tree(tokens: usize) -> PrefixTree {
        PrefixTree::new(1, tokens * size_of::<f32>())
    }

    fn keep(tree: &mut PrefixTree, tokens: &[u32], constant: bool) {
        tree.insert(false, tokens, constant, |range| {
            tokens[range].iter().map(|t| *t as f32).collect()
        });
    }

    fn found(tree: &mut PrefixTree, tokens: &[u32]) -> (usize, usize) {
        let found = tree.longest(false, tokens);
        let numbers: Vec<f32> = tokens[..found.tokens].iter().map(|t| *t as f32).collect();
        assert_eq!(found.kv, numbers);
        (found.tokens, found.constant)
    }

    #[test]
    fn finds_the_longest_common_beginning() {
        let mut tree = tree(99);
        keep(&mut tree, &[1, 2, 3, 4], false);
        keep(&mut tree, &[1, 2, 5], false);
        assert_eq!(found(&mut tree, &[1, 2, 3, 9]), (3, 0));
        assert_eq!(found(&mut tree, &[1, 2, 5, 6]), (3, 0));
        assert_eq!(found(&mut tree, &[7]), (0, 0));
        assert_eq!(tree.bytes(), 5 * size_of::<f32>());
        assert_eq!(tree.longest(true, &[1, 2]).tokens, 0);
    }

    #[test]
    fn forgets_what_was_not_needed_for_the_longest_time_but_no_constant_prompt() {
        let mut tree = tree(8);
        keep(&mut tree, &[1, 2], true);
        keep(&mut tree, &[1, 2, 3, 4, 5], false);
        keep(&mut tree, &[1, 2, 6, 7, 8], false);
        assert_eq!(found(&mut tree, &[1, 2, 3, 4, 5]), (5, 2));
        keep(&mut tree, &[9, 9], false);
        assert_eq!(found(&mut tree, &[1, 2, 6, 7, 8]), (2, 2));
        assert_eq!(found(&mut tree, &[1, 2, 3, 4, 5]), (5, 2));
        assert_eq!(found(&mut tree, &[9, 9]), (2, 0));
    }

    #[test]
    fn a_prompt_larger_than_the_budget_leaves_nothing_behind() {
        let mut tree = tree(4);
        keep(&mut tree, &[1, 2, 3, 4, 5], false);
        assert_eq!(tree.bytes(), 0);
    }
}
