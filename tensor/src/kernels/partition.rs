//! Partitions of a range into blocks of nearly equal size.

/// First index and length of the fewest blocks of at most `most` indices that cover `0..count`, their
/// lengths as equal as can be.
pub(crate) fn balanced(count: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let blocks = count.div_ceil(most);
    (0..blocks).map(move |block| {
        let start = block * count / blocks;
        (start, (block + 1) * count / blocks - start)
    })
}
