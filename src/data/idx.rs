//! The IDX format of MNIST: a header and a big-endian array.

use std::path::Path;

use wengert_tensor::{Number, Tensor, element_count, require};

use super::error::{DataError, MAX_RANK, Problem};
use super::row_file::RowFile;
use super::source::Source;

/// An array from an IDX file: `0, 0, type, rank`, the extents as big-endian `u32`, the elements
/// row-major and big-endian (Y. LeCun, C. Cortes, C. Burges: The MNIST database, 1998).
///
/// ```
/// use wengert::data::{Idx, IdxValues};
///
/// let bytes = [0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 3, 7, 8, 9];
/// let idx = Idx::parse("example", &bytes)?;
/// assert_eq!(idx.shape(), [1, 3]);
/// assert_eq!(idx.values(), &IdxValues::U8(vec![7, 8, 9]));
/// # Ok::<(), wengert::data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Idx {
    shape: Vec<usize>,
    values: IdxValues,
}

macro_rules! element_types {
    ($($(#[$doc:meta])* $name:ident($t:ident) = $code:literal),*) => {
        /// The elements of an [`Idx`], in the element type of the file.
        #[derive(Clone, Debug, PartialEq)]
        pub enum IdxValues {
            $($(#[$doc])* $name(Vec<$t>)),*
        }

        impl IdxValues {
            fn decode(code: u8, bytes: &[u8]) -> Option<Self> {
                Some(match code {
                    $($code => Self::$name(
                        bytes
                            .as_chunks::<{ size_of::<$t>() }>()
                            .0
                            .iter()
                            .map(|&chunk| $t::from_be_bytes(chunk))
                            .collect(),
                    ),)*
                    _ => return None,
                })
            }

            fn encode(&self) -> (u8, Vec<u8>) {
                match self {
                    $(Self::$name(values) => {
                        ($code, values.iter().flat_map(|value| value.to_be_bytes()).collect())
                    })*
                }
            }

            /// The number of elements.
            #[must_use]
            pub fn len(&self) -> usize {
                match self {
                    $(Self::$name(values) => values.len()),*
                }
            }

            /// The name of the element type.
            #[must_use]
            pub fn type_name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => stringify!($t)),*
                }
            }

            /// Every element as `f64`, exactly.
            #[must_use]
            pub fn to_f64(&self) -> Vec<f64> {
                match self {
                    $(Self::$name(values) => values.iter().map(|&value| f64::from(value)).collect()),*
                }
            }
        }

        fn width(code: u8) -> Option<usize> {
            match code {
                $($code => Some(size_of::<$t>()),)*
                _ => None,
            }
        }
    };
}

element_types!(
    /// Unsigned bytes, type 0x08.
    U8(u8) = 0x08,
    /// Signed bytes, type 0x09.
    I8(i8) = 0x09,
    /// 16-bit integers, type 0x0b.
    I16(i16) = 0x0b,
    /// 32-bit integers, type 0x0c.
    I32(i32) = 0x0c,
    /// Single floats, type 0x0d.
    F32(f32) = 0x0d,
    /// Double floats, type 0x0e.
    F64(f64) = 0x0e
);

impl IdxValues {
    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Idx {
    /// An array from a shape and its elements.
    ///
    /// # Panics
    /// If the rank is not 1 to 8, an extent exceeds `u32`, or the number of elements is not the product of
    /// the shape.
    #[must_use]
    #[track_caller]
    pub fn new(shape: &[usize], values: IdxValues) -> Self {
        let fits = !shape.is_empty()
            && shape.len() <= usize::from(MAX_RANK)
            && shape.iter().all(|&extent| u32::try_from(extent).is_ok());
        require!(
            fits,
            "Idx: shape {shape:?}: an IDX file has rank 1 to {MAX_RANK} and extents below 2³²"
        );
        require!(
            element_count(shape) == Some(values.len()),
            "Idx: shape {shape:?}: {} elements are given, which is not the product of the shape",
            values.len()
        );
        Self {
            shape: shape.to_vec(),
            values,
        }
    }

    /// Reads a file, plain or gzip-compressed; the contents decide which, not the name.
    ///
    /// Memory is allocated for the bytes that the file has, never for what its header claims.
    ///
    /// # Errors
    /// If the file cannot be read, is cut short or damaged, is not an IDX file, or has bytes after its end.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, DataError> {
        Self::decode(Source::open(path.as_ref())?)
    }

    /// Reads from memory, plain or gzip-compressed; messages use `name` as the file.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, DataError> {
        Self::decode(Source::memory(name, bytes)?)
    }

    fn decode(mut source: Source<'_>) -> Result<Self, DataError> {
        let Header {
            code,
            shape,
            start,
            bytes,
        } = Header::read(&mut source)?;
        let bytes = source.rest(start, bytes)?;
        // Images are bytes, which need no conversion and no copy.
        let values = if code == BYTES {
            IdxValues::U8(bytes)
        } else {
            IdxValues::decode(code, &bytes).expect("the element type has a width, so it is known")
        };
        Ok(Self { shape, values })
    }

    /// The plain IDX file, the inverse of [`parse`](Self::parse).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let (code, body) = self.values.encode();
        let mut bytes = vec![0, 0, code, self.shape.len() as u8];
        for &extent in &self.shape {
            bytes.extend((extent as u32).to_be_bytes());
        }
        bytes.extend(body);
        bytes
    }

    /// The shape.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements, row-major.
    #[must_use]
    pub fn values(&self) -> &IdxValues {
        &self.values
    }

    /// The elements in another number type; integers truncate floats and saturate.
    #[must_use]
    pub fn to_tensor<T: Number>(&self) -> Tensor<T> {
        let values = self.values.to_f64().into_iter().map(T::of).collect();
        Tensor::from_vec(values, &self.shape)
    }

    /// The bytes and the shape of an array; an error unless it is `u8` of rank `RANK`.
    pub(crate) fn into_bytes<const RANK: usize>(
        self,
        file: &Path,
        expected: &'static str,
    ) -> Result<(Vec<u8>, [usize; RANK]), DataError> {
        let found = self.values.type_name();
        match (
            self.values,
            <[usize; RANK]>::try_from(self.shape.as_slice()),
        ) {
            (IdxValues::U8(bytes), Ok(shape)) => Ok((bytes, shape)),
            _ => Err(Problem::WrongContents {
                found,
                shape: self.shape,
                expected,
            }
            .of(file)),
        }
    }
}

/// The element type of bytes.
const BYTES: u8 = 0x08;

/// What stands before the elements.
struct Header {
    code: u8,
    shape: Vec<usize>,
    /// The bytes of the header.
    start: u64,
    /// The bytes of the elements.
    bytes: usize,
}

impl Header {
    fn read(source: &mut Source<'_>) -> Result<Self, DataError> {
        let magic = source.take(4)?;
        let (code, rank) = match magic[..] {
            [0, 0, code, rank] => (code, rank),
            [_, _, _, _] => return Err(source.error(Problem::NotIdx { found: magic })),
            _ => {
                return Err(source.error(Problem::Truncated {
                    needed: 4,
                    found: magic.len() as u64,
                }));
            }
        };
        let Some(width) = width(code) else {
            return Err(source.error(Problem::UnknownType(code)));
        };
        if rank == 0 || rank > MAX_RANK {
            return Err(source.error(Problem::Rank(rank)));
        }
        let start = 4 * u64::from(rank) + 4;
        let extents = source.take(4 * usize::from(rank))?;
        if extents.len() < 4 * usize::from(rank) {
            return Err(source.error(Problem::Truncated {
                needed: start,
                found: 4 + extents.len() as u64,
            }));
        }
        let shape: Vec<usize> = extents
            .as_chunks::<4>()
            .0
            .iter()
            .map(|&extent| u32::from_be_bytes(extent) as usize)
            .collect();
        let Some(bytes) = element_count(&shape).and_then(|n| n.checked_mul(width)) else {
            return Err(source.error(Problem::TooLarge(shape)));
        };
        Ok(Self {
            code,
            shape,
            start,
            bytes,
        })
    }
}

/// An array of bytes of rank `RANK`, whose rows are read when they are asked for: all with the same first index are one.
/// A compressed file is unpacked to a temporary one without a name.
pub(crate) fn open_rows<const RANK: usize>(
    path: &Path,
    expected: &'static str,
) -> Result<(RowFile, [usize; RANK]), DataError> {
    let mut source = Source::open(path)?;
    let header = Header::read(&mut source)?;
    let shape = match <[usize; RANK]>::try_from(header.shape.as_slice()) {
        Ok(shape) if header.code == BYTES => shape,
        _ => {
            let none = IdxValues::decode(header.code, &[]).expect("the header is read");
            return Err(Problem::WrongContents {
                found: none.type_name(),
                shape: header.shape,
                expected,
            }
            .of(path));
        }
    };
    let (count, row) = (shape[0], shape[1..].iter().product());
    let rows = if source.is_plain() {
        RowFile::open(path, header.start, row, count)?
    } else {
        let failed = |error| Problem::Unpack(error).of(path);
        let mut file = tempfile::tempfile().map_err(failed)?;
        source.unpack(header.start, header.bytes, &mut file)?;
        RowFile::of(path, file, 0, row, count)
    };
    Ok((rows, shape))
}
