//! The `.npy` format of `NumPy`: one array, with its type and shape.

use std::path::{Path, PathBuf};

use wengert_nn::file;
use wengert_tensor::{Element, Tensor, element_count};

/// An array from a `.npy` file, in the type that suits the file's.
#[derive(Clone, Debug, PartialEq)]
pub enum Npy {
    /// `float32`
    F32(Tensor<f32>),
    /// `float64`
    F64(Tensor<f64>),
    /// Whole numbers of any size but `uint8` and `uint64`.
    I64(Tensor<i64>),
    /// `uint8`
    U8(Tensor<u8>),
    /// `bool`
    Bool(Tensor<bool>),
}

/// Why a file is no array that can be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", file.display())]
pub struct NpyError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong.
    pub problem: NpyProblem,
}

/// What is wrong with a `.npy` file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NpyProblem {
    /// The system refuses.
    #[error("cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
    /// Another format.
    #[error("is not a .npy file; write it with numpy.save")]
    Magic,
    /// Written by a later `NumPy`.
    #[error("has version {0}.{1} of the format; versions 1, 2 and 3 can be read")]
    Version(u8, u8),
    /// The file ends in its header, or the header is no description of an array.
    #[error("has a damaged header: {0}; write it again with numpy.save")]
    Header(&'static str),
    /// No type that we have.
    #[error("has elements of type {0:?}; convert it with .astype to a float, an integer or bool")]
    Type(String),
    /// More axes than a tensor has.
    #[error("has {0} axes; a tensor has {MOST_AXES} at most")]
    Axes(usize),
    /// Too large to be true.
    #[error("claims the shape {0:?}, which has more elements than memory has bytes")]
    Size(Vec<usize>),
    /// Cut short, or something behind it.
    #[error("has {found} bytes of elements, and its shape needs {needed}; the file is damaged")]
    Length {
        /// What the shape needs.
        needed: usize,
        /// What there is.
        found: usize,
    },
    /// A byte that is neither true nor false.
    #[error("has {0} for a bool")]
    Bool(u8),
}

const MAGIC: &[u8] = b"\x93NUMPY";
const MOST_AXES: usize = 8;

impl Npy {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read or is no array of numbers.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, NpyError> {
        let path = path.as_ref();
        let bytes = file::read(path).map_err(NpyProblem::from);
        bytes
            .and_then(|bytes| Self::parse(&bytes))
            .map_err(|problem| NpyError {
                file: path.to_owned(),
                problem,
            })
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// If they are no array of numbers.
    pub fn parse(bytes: &[u8]) -> Result<Self, NpyProblem> {
        let (header, data) = split(bytes)?;
        let header = Header::parse(header)?;
        let count = element_count(&header.shape);
        let (big, kind) = match header.descr.as_bytes() {
            [b'<' | b'|' | b'=', ..] => (false, &header.descr[1..]),
            [b'>', ..] => (true, &header.descr[1..]),
            _ => (false, header.descr.as_str()),
        };
        let unknown = || NpyProblem::Type(header.descr.clone());
        let size: usize = match kind {
            "?" => 1,
            _ => kind
                .get(1..)
                .and_then(|size| size.parse().ok())
                .ok_or_else(unknown)?,
        };
        if header.shape.len() > MOST_AXES {
            return Err(NpyProblem::Axes(header.shape.len()));
        }
        let needed = count.and_then(|count| count.checked_mul(size));
        let needed = needed.filter(|&needed| isize::try_from(needed).is_ok());
        let Some(needed) = needed else {
            return Err(NpyProblem::Size(header.shape));
        };
        if needed != data.len() {
            let found = data.len();
            return Err(NpyProblem::Length { needed, found });
        }
        macro_rules! numbers {
            ($number:ty) => {
                data.as_chunks().0.iter().map(|&bytes| {
                    if big {
                        <$number>::from_be_bytes(bytes)
                    } else {
                        <$number>::from_le_bytes(bytes)
                    }
                })
            };
        }
        macro_rules! whole {
            ($number:ty) => {
                Self::I64(header.tensor(numbers!($number).map(i64::from).collect()))
            };
        }
        Ok(match kind {
            "f4" => Self::F32(header.tensor(numbers!(f32).collect())),
            "f8" => Self::F64(header.tensor(numbers!(f64).collect())),
            "i1" => whole!(i8),
            "i2" => whole!(i16),
            "i4" => whole!(i32),
            "i8" => whole!(i64),
            "u2" => whole!(u16),
            "u4" => whole!(u32),
            "u1" => Self::U8(header.tensor(data.to_vec())),
            "b1" | "?" => {
                if let Some(&byte) = data.iter().find(|&&byte| byte > 1) {
                    return Err(NpyProblem::Bool(byte));
                }
                Self::Bool(header.tensor(data.iter().map(|&byte| byte == 1).collect()))
            }
            _ => return Err(unknown()),
        })
    }

    /// The bytes of a file of version 1, little-endian and row-major.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::F32(x) => encode("<f4", x, |x| x.to_le_bytes().to_vec()),
            Self::F64(x) => encode("<f8", x, |x| x.to_le_bytes().to_vec()),
            Self::I64(x) => encode("<i8", x, |x| x.to_le_bytes().to_vec()),
            Self::U8(x) => encode("|u1", x, |x| vec![x]),
            Self::Bool(x) => encode("|b1", x, |x| vec![u8::from(x)]),
        }
    }

    /// Writes a file; a reader finds the old one or the new one, whole.
    ///
    /// ```
    /// use wengert::data::Npy;
    /// use wengert::tensor::Tensor;
    ///
    /// let path = std::env::temp_dir().join("wengert_example.npy");
    /// let x: Tensor = Tensor::from_vec(vec![1.0, 2.5], [2, 1]);
    /// Npy::from(x.clone()).save(&path)?;
    /// assert_eq!(Npy::load(&path)?, Npy::F32(x));
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), wengert::data::NpyError>(())
    /// ```
    ///
    /// # Errors
    /// If it cannot be written; an old file is then as it was.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), NpyError> {
        let path = path.as_ref();
        file::write(path, &self.to_bytes()).map_err(|error| NpyError {
            file: path.to_owned(),
            problem: error.into(),
        })
    }

    /// The extents.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::F32(x) => x.shape(),
            Self::F64(x) => x.shape(),
            Self::I64(x) => x.shape(),
            Self::U8(x) => x.shape(),
            Self::Bool(x) => x.shape(),
        }
    }
}

macro_rules! from {
    ($($variant:ident($number:ty))*) => {$(
        impl From<Tensor<$number>> for Npy {
            fn from(x: Tensor<$number>) -> Self {
                Self::$variant(x)
            }
        }
    )*};
}

from! { F32(f32) F64(f64) I64(i64) U8(u8) Bool(bool) }

/// The header's text and the elements.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), NpyProblem> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(NpyProblem::Magic)?;
    let cut = NpyProblem::Header("the file ends there");
    let (length, rest) = match *rest {
        [1, _, a, b, ref rest @ ..] => (usize::from(u16::from_le_bytes([a, b])), rest),
        [2 | 3, _, a, b, c, d, ref rest @ ..] => (u32::from_le_bytes([a, b, c, d]) as usize, rest),
        [1..=3, ..] => return Err(cut),
        [major, minor, ..] => return Err(NpyProblem::Version(major, minor)),
        _ => return Err(cut),
    };
    let (header, data) = rest.split_at_checked(length).ok_or(cut)?;
    let header = std::str::from_utf8(header).map_err(|_| NpyProblem::Header("it is no text"))?;
    Ok((header, data))
}

fn encode<E: Element>(descr: &str, x: &Tensor<E>, bytes: impl Fn(E) -> Vec<u8>) -> Vec<u8> {
    let extents: Vec<_> = x.shape().iter().map(usize::to_string).collect();
    // Of one extent, Python's tuple has a comma too.
    let comma = if extents.len() == 1 { "," } else { "" };
    let shape = extents.join(", ") + comma;
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}");
    // Elements start at a multiple of 64 bytes; the header ends in a line end.
    let fixed = MAGIC.len() + 4;
    let length = (fixed + header.len() + 1).next_multiple_of(64) - fixed;
    let mut file = [MAGIC, &[1, 0], &(length as u16).to_le_bytes()].concat();
    file.extend(format!("{header:width$}\n", width = length - 1).bytes());
    file.extend(x.iter().flat_map(bytes));
    file
}

/// What the header says: a Python dictionary of three entries.
struct Header {
    descr: String,
    fortran: bool,
    shape: Vec<usize>,
}

impl Header {
    fn parse(text: &str) -> Result<Self, NpyProblem> {
        let damaged = NpyProblem::Header;
        let mut text = Text(text);
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        text.expect('{')?;
        while !text.eat('}') {
            let key = text.string()?;
            text.expect(':')?;
            match key {
                "descr" if text.next() == Some('[') => {
                    return Err(NpyProblem::Type("a record".to_owned()));
                }
                "descr" => descr = Some(text.string()?.to_owned()),
                "fortran_order" => fortran = Some(text.truth()?),
                "shape" => shape = Some(text.extents()?),
                _ => return Err(damaged("it has an unknown entry")),
            }
            if !text.eat(',') {
                text.expect('}')?;
                break;
            }
        }
        if text.next().is_some() {
            return Err(damaged("something stands behind it"));
        }
        match (descr, fortran, shape) {
            (Some(descr), Some(fortran), Some(shape)) => Ok(Self {
                descr,
                fortran,
                shape,
            }),
            _ => Err(damaged("an entry is missing")),
        }
    }

    /// The elements in the file's order as a tensor.
    fn tensor<E: Element>(&self, elements: Vec<E>) -> Tensor<E> {
        if !self.fortran {
            return Tensor::from_vec(elements, &self.shape);
        }
        let reversed: Vec<_> = self.shape.iter().rev().copied().collect();
        let axes: Vec<_> = (0..reversed.len() as isize).rev().collect();
        Tensor::from_vec(elements, reversed).permute(axes)
    }
}

/// What is left of a header.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn next(&mut self) -> Option<char> {
        self.0 = self.0.trim_start();
        self.0.chars().next()
    }

    fn eat(&mut self, c: char) -> bool {
        let found = self.next() == Some(c);
        if found {
            self.0 = &self.0[c.len_utf8()..];
        }
        found
    }

    fn expect(&mut self, c: char) -> Result<(), NpyProblem> {
        if self.eat(c) {
            Ok(())
        } else {
            Err(NpyProblem::Header("it is no dictionary"))
        }
    }

    fn string(&mut self) -> Result<&'a str, NpyProblem> {
        let damaged = NpyProblem::Header("a quote is missing");
        let Some(quote @ ('\'' | '"')) = self.next() else {
            return Err(damaged);
        };
        let (string, rest) = self.0[1..].split_once(quote).ok_or(damaged)?;
        self.0 = rest;
        Ok(string)
    }

    fn truth(&mut self) -> Result<bool, NpyProblem> {
        self.next();
        for (word, truth) in [("True", true), ("False", false)] {
            if let Some(rest) = self.0.strip_prefix(word) {
                self.0 = rest;
                return Ok(truth);
            }
        }
        Err(NpyProblem::Header("the order is neither True nor False"))
    }

    fn extents(&mut self) -> Result<Vec<usize>, NpyProblem> {
        let damaged = || NpyProblem::Header("the shape is no tuple of extents");
        let mut extents = Vec::new();
        self.expect('(')?;
        while !self.eat(')') {
            self.next();
            let length = self
                .0
                .find(|c: char| !c.is_ascii_digit())
                .ok_or_else(damaged)?;
            let (digits, rest) = self.0.split_at(length);
            extents.push(digits.parse().map_err(|_| damaged())?);
            // Python 2 wrote whole numbers with an L.
            self.0 = rest.strip_prefix('L').unwrap_or(rest);
            if !self.eat(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(extents)
    }
}
