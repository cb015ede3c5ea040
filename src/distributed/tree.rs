//! The fixed binary tree along which numbers of shards are added.
//!
//! A node is a range of shards. The left child of a node of `n` shards has the largest power of two below `n`. So the
//! order of all additions depends on the number of shards alone, whoever computes which of them.

use std::ops::Range;

/// Where the right child of a node of at least two shards starts.
pub(crate) fn middle(node: &Range<usize>) -> usize {
    node.start + node.len().div_ceil(2).next_power_of_two()
}

/// The largest nodes of the tree over `count` shards that lie in a range, in order.
pub(crate) fn nodes_within(count: usize, range: &Range<usize>) -> Vec<Range<usize>> {
    fn collect(node: Range<usize>, range: &Range<usize>, found: &mut Vec<Range<usize>>) {
        if node.start >= range.end || node.end <= range.start {
            return;
        }
        if range.start <= node.start && node.end <= range.end {
            found.push(node);
            return;
        }
        let middle = middle(&node);
        collect(node.start..middle, range, found);
        collect(middle..node.end, range, found);
    }
    let mut found = Vec::new();
    collect(0..count, range, &mut found);
    found
}

/// Whether the tree over `count` shards has this node.
fn is_node(count: usize, range: &Range<usize>) -> bool {
    nodes_within(count, range) == std::slice::from_ref(range)
}

/// Sums of nodes that lie side by side. Two children become their parent as soon as both are there.
#[derive(Clone, Debug)]
pub(crate) struct PartialSums<S> {
    count: usize,
    /// `None` is the sum of shards without examples.
    sums: Vec<(Range<usize>, Option<S>)>,
}

impl<S> PartialSums<S> {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            count,
            sums: Vec::new(),
        }
    }

    /// Adds a node to the right of the others; `add(left, right)` adds two sums.
    pub(crate) fn push(
        &mut self,
        mut node: Range<usize>,
        mut sum: Option<S>,
        mut add: impl FnMut(S, S) -> S,
    ) {
        while let Some((left, _)) = self.sums.last()
            && is_node(self.count, &(left.start..node.end))
        {
            let (left, left_sum) = self.sums.pop().expect("found in the condition");
            node.start = left.start;
            sum = match (left_sum, sum) {
                (Some(left), Some(right)) => Some(add(left, right)),
                (left, right) => left.or(right),
            };
        }
        self.sums.push((node, sum));
    }

    /// Takes the sums out that a node to their right would be added to, from right to left.
    pub(crate) fn take_partners(&mut self, node: &Range<usize>) -> Vec<S> {
        let mut partners = Vec::new();
        let mut joined = node.clone();
        while let Some((left, _)) = self.sums.last()
            && is_node(self.count, &(left.start..joined.end))
        {
            joined.start = left.start;
            partners.extend(self.sums.pop().and_then(|(_, sum)| sum));
        }
        partners
    }

    /// The sums of the nodes so far, in order.
    pub(crate) fn sums(&self) -> impl Iterator<Item = Option<&S>> {
        self.sums.iter().map(|(_, sum)| sum.as_ref())
    }

    /// The sums of the largest nodes, in order.
    pub(crate) fn into_sums(self) -> Vec<Option<S>> {
        self.sums.into_iter().map(|(_, sum)| sum).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order of additions as a text.
    fn order(count: usize, ranges: &[Range<usize>]) -> String {
        let add = |a: String, b: String| format!("({a}+{b})");
        let mut total = PartialSums::new(count);
        for range in ranges {
            let mut part = PartialSums::new(count);
            for leaf in range.clone() {
                part.push(leaf..leaf + 1, Some(leaf.to_string()), add);
            }
            let nodes = nodes_within(count, range);
            let sums = part.into_sums();
            assert_eq!(nodes.len(), sums.len());
            for (node, sum) in nodes.into_iter().zip(sums) {
                total.push(node, sum, add);
            }
        }
        let sums: Vec<_> = total.into_sums().into_iter().flatten().collect();
        assert_eq!(sums.len(), usize::from(count > 0));
        sums.concat()
    }

    #[test]
    fn the_order_of_additions_does_not_depend_on_who_has_which_shards() {
        for count in 1..=17 {
            let whole = order(count, std::slice::from_ref(&(0..count)));
            for processes in 1..=count {
                let start = |process: usize| process * count / processes;
                let ranges: Vec<_> = (0..processes).map(|p| start(p)..start(p + 1)).collect();
                assert_eq!(order(count, &ranges), whole, "{count} over {processes}");
            }
        }
        assert_eq!(
            order(6, std::slice::from_ref(&(0..6))),
            "(((0+1)+(2+3))+(4+5))"
        );
    }

    #[test]
    fn missing_shards_leave_the_order_of_the_others() {
        let mut sums = PartialSums::new(8);
        for leaf in 0..8 {
            let sum = (leaf < 3).then(|| leaf.to_string());
            sums.push(leaf..leaf + 1, sum, |a, b| format!("({a}+{b})"));
        }
        assert_eq!(sums.into_sums(), [Some("((0+1)+2)".to_owned())]);
    }
}
