//! [`Augment`]: random shifts and flips of images.

use super::random::{Purpose, stream};

/// Random changes to every image, different in each epoch.
///
/// They depend on the seed, the epoch and the index of the image only, not on its batch or the threads.
/// The default changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Augment {
    /// The largest shift in pixels, in each direction; all shifts are equally likely.
    pub shift: usize,
    /// Whether to flip an image left to right with probability ½.
    pub flip: bool,
}

/// The change of one image in one epoch.
pub(crate) struct RandomChange {
    down: isize,
    right: isize,
    flipped: bool,
}

impl RandomChange {
    pub(crate) fn new(augment: Augment, seed: u64, epoch: u64, row: usize) -> Self {
        if augment == Augment::default() {
            return Self {
                down: 0,
                right: 0,
                flipped: false,
            };
        }
        let mut random = stream(Purpose::Augment, seed, epoch, row as u64);
        let mut offset = || random.below(2 * augment.shift + 1) as isize - augment.shift as isize;
        let (down, right) = (offset(), offset());
        Self {
            down,
            right,
            flipped: augment.flip && random.below(2) == 1,
        }
    }

    /// Appends a plane, flipped and then shifted, with `values[byte]` for each byte; pixels from outside the
    /// image are black.
    pub(crate) fn append<T: Copy>(
        &self,
        plane: &[u8],
        width: usize,
        values: &[T; 256],
        out: &mut Vec<T>,
    ) {
        if self.down == 0 && self.right == 0 && !self.flipped {
            out.extend(plane.iter().map(|&byte| values[usize::from(byte)]));
            return;
        }
        let height = plane.len() / width;
        for y in 0..height {
            let source = y.checked_add_signed(-self.down).filter(|&y| y < height);
            let row = source.map(|y| &plane[y * width..(y + 1) * width]);
            for x in 0..width {
                let source = x.checked_add_signed(-self.right).filter(|&x| x < width);
                let byte = match (row, source) {
                    (Some(row), Some(x)) if self.flipped => row[width - 1 - x],
                    (Some(row), Some(x)) => row[x],
                    _ => 0,
                };
                out.push(values[usize::from(byte)]);
            }
        }
    }
}
