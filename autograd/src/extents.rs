//! A shape in few bytes: a tape holds two or three for each entry.

/// Extents, inline if they are few and none is huge.
#[derive(Clone, Debug)]
pub(crate) enum Extents {
    Short { rank: u8, extents: [u32; INLINE] },
    Long(Box<[usize]>),
}

const INLINE: usize = 5;

impl Extents {
    pub(crate) fn new(shape: &[usize]) -> Self {
        let mut extents = [0; INLINE];
        if shape.len() > INLINE {
            return Self::Long(shape.into());
        }
        for (place, &extent) in extents.iter_mut().zip(shape) {
            match u32::try_from(extent) {
                Ok(extent) => *place = extent,
                Err(_) => return Self::Long(shape.into()),
            }
        }
        let rank = shape.len() as u8;
        Self::Short { rank, extents }
    }

    /// Calls `f` on the shape.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&[usize]) -> R) -> R {
        match self {
            Self::Short { rank, extents } => {
                f(&extents.map(|extent| extent as usize)[..usize::from(*rank)])
            }
            Self::Long(shape) => f(shape),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Extents;

    #[test]
    fn every_shape_comes_back() {
        let shapes: [&[usize]; 6] = [
            &[],
            &[0],
            &[3, 1, 4, 1, 5],
            &[2, 1, 2, 1, 2, 1],
            &[u32::MAX as usize],
            &[1, u32::MAX as usize + 1],
        ];
        for shape in shapes {
            Extents::new(shape).with(|found| assert_eq!(found, shape));
        }
    }
}
