//! Partitions of a range into blocks of nearly equal size.

/// Divides `0..count` into the fewest blocks of at most `most` indices, with lengths that differ by at most 1.
/// Yields the first index and the length of each.
pub(crate) fn balanced(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let blocks = count.div_ceil(most);
    (0..blocks).map(move |block| {
        let start = block * count / blocks;
        (start, (block + 1) * count / blocks - start)
    })
}
