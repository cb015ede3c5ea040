//! [`Augment`]: small random changes that leave a picture's meaning.

use super::random::{Purpose, stream};

/// Random changes to every image, drawn anew in each epoch.
///
/// The draws depend on seed, epoch and the image's number only, not on its batch or the threads.
/// The default changes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Augment {
    /// Moves the image by up to so many pixels up or down and left or right, each way as likely.
    pub shift: usize,
    /// Mirrors every other image, left to right.
    pub flip: bool,
}

/// What was drawn for one image in one epoch.
pub(crate) struct Draw {
    down: isize,
    right: isize,
    mirrored: bool,
}

impl Draw {
    pub(crate) fn new(augment: Augment, seed: u64, epoch: u64, row: usize) -> Self {
        if augment == Augment::default() {
            return Self {
                down: 0,
                right: 0,
                mirrored: false,
            };
        }
        let mut draws = stream(Purpose::Augment, seed, epoch, row as u64);
        let mut offset = || draws.below(2 * augment.shift + 1) as isize - augment.shift as isize;
        let (down, right) = (offset(), offset());
        Self {
            down,
            right,
            mirrored: augment.flip && draws.below(2) == 1,
        }
    }

    /// Appends a plane, mirrored and then moved, each byte as its value; black where nothing was.
    pub(crate) fn append<T: Copy>(
        &self,
        plane: &[u8],
        width: usize,
        values: &[T; 256],
        out: &mut Vec<T>,
    ) {
        if self.down == 0 && self.right == 0 && !self.mirrored {
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
                    (Some(row), Some(x)) if self.mirrored => row[width - 1 - x],
                    (Some(row), Some(x)) => row[x],
                    _ => 0,
                };
                out.push(values[usize::from(byte)]);
            }
        }
    }
}
