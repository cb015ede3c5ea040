//! The `.npy` format of `NumPy`: one array with its element type and shape.
//!
//! The crate `npyz` (0.9.1) was tried in place of this reader. It panics on a header whose shape multiplies to more
//! than 2⁶⁴, such as `(4294967296, 4294967296, 4)`, accepts a shape of `(0, 2⁶³)`, asks for the memory that the header
//! claims before it reads it (4 GB for a file of 12 bytes), and brings more than a dozen crates, a parser
//! generator among them.

use std::path::{Path, PathBuf};

use wengert_nn::file;
use wengert_tensor::{Element, Tensor, element_count};

/// An array of a `.npy` file.
#[derive(Clone, Debug, PartialEq)]
pub enum Npy {
    /// `float32`; `float16` is converted to it.
    F32(Tensor<f32>),
    /// `float64`
    F64(Tensor<f64>),
    /// `int64`; all other integers but `uint8` are converted to it.
    I64(Tensor<i64>),
    /// `uint8`
    U8(Tensor<u8>),
    /// `bool`
    Bool(Tensor<bool>),
}

/// A `.npy` file that cannot be used: its name and the problem.
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
    /// The operating system reports an error.
    #[error("cannot be read or written: {0}")]
    Io(#[from] std::io::Error),
    /// The first bytes are not those of a `.npy` file.
    #[error("is not a .npy file; write it with numpy.save")]
    Magic,
    /// A version of the format that this reader does not know.
    #[error("has version {0}.{1} of the format; versions 1, 2 and 3 can be read")]
    Version(u8, u8),
    /// The header is cut short, or does not describe an array.
    #[error("has a damaged header: {0}; write the file again with numpy.save")]
    Header(&'static str),
    /// A valid element type that no tensor can hold, such as text or complex numbers.
    #[error(
        "has elements of the unsupported type {0}; convert the array with .astype to a float, an integer \
         or bool"
    )]
    Type(String),
    /// An integer that `i64` cannot hold.
    #[error("has the element {0}, and the largest integer that can be read is 2⁶³ − 1")]
    Integer(u64),
    /// More axes than a tensor can have.
    #[error("has {0} axes, and a tensor has at most {MAX_AXES}")]
    Axes(usize),
    /// More bytes than memory can address.
    #[error("has the shape {0:?}, which is more than memory can address; the header is damaged")]
    Size(Vec<usize>),
    /// The elements are cut short, or more bytes follow.
    #[error("has {found} bytes of elements, but its shape needs {needed}; the file is damaged")]
    Length {
        /// The number of bytes that the shape needs.
        needed: usize,
        /// The number of bytes in the file.
        found: usize,
    },
    /// A byte of a bool array that is neither 0 nor 1.
    #[error("has the byte {0} as a bool, which must be 0 or 1; the file is damaged")]
    Bool(u8),
}

const MAGIC: &[u8] = b"\x93NUMPY";
const MAX_AXES: usize = 8;

impl Npy {
    /// Reads a file.
    ///
    /// # Errors
    /// If it cannot be read, or is not an array of numbers or bools.
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
    /// If they are not an array of numbers or bools.
    pub fn parse(bytes: &[u8]) -> Result<Self, NpyProblem> {
        let (header, data) = split(bytes)?;
        let header = Header::parse(header)?;
        let (big, kind) = match header.descr.as_bytes() {
            [b'<' | b'|' | b'=', ..] => (false, &header.descr[1..]),
            [b'>', ..] => (true, &header.descr[1..]),
            _ => (false, header.descr.as_str()),
        };
        // The type before the length: only supported types have a known size.
        let Some(size) = element_size(kind) else {
            return Err(NpyProblem::Type(header.descr));
        };
        if header.shape.len() > MAX_AXES {
            return Err(NpyProblem::Axes(header.shape.len()));
        }
        let needed = element_count(&header.shape).and_then(|count| count.checked_mul(size));
        let Some(needed) = needed else {
            return Err(NpyProblem::Size(header.shape));
        };
        let found = data.len();
        if needed != found {
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
        macro_rules! integers {
            ($number:ty) => {
                Self::I64(header.tensor(numbers!($number).map(i64::from).collect()))
            };
        }
        Ok(match kind {
            "f2" => Self::F32(header.tensor(numbers!(u16).map(f32_of_f16).collect())),
            "f4" => Self::F32(header.tensor(numbers!(f32).collect())),
            "f8" => Self::F64(header.tensor(numbers!(f64).collect())),
            "i1" => integers!(i8),
            "i2" => integers!(i16),
            "i4" => integers!(i32),
            "i8" => integers!(i64),
            "u2" => integers!(u16),
            "u4" => integers!(u32),
            "u8" => {
                let values: Vec<u64> = numbers!(u64).collect();
                if let Some(&value) = values.iter().find(|&&value| i64::try_from(value).is_err()) {
                    return Err(NpyProblem::Integer(value));
                }
                Self::I64(header.tensor(values.into_iter().map(|value| value as i64).collect()))
            }
            "u1" => Self::U8(header.tensor(data.to_vec())),
            "b1" | "?" => {
                if let Some(&byte) = data.iter().find(|&&byte| byte > 1) {
                    return Err(NpyProblem::Bool(byte));
                }
                Self::Bool(header.tensor(data.iter().map(|&byte| byte == 1).collect()))
            }
            _ => return Err(NpyProblem::Type(header.descr)),
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

    /// Writes a file atomically, see [`wengert_nn::file::write`].
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
    /// If it cannot be written; an existing file is then unchanged.
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

/// The bytes per element of a supported type, without its byte order.
fn element_size(kind: &str) -> Option<usize> {
    Some(match kind {
        "?" | "b1" | "i1" | "u1" => 1,
        "f2" | "i2" | "u2" => 2,
        "f4" | "i4" | "u4" => 4,
        "f8" | "i8" | "u8" => 8,
        _ => return None,
    })
}

/// The value of an IEEE 754 half-precision number, which is exact in `f32`.
fn f32_of_f16(bits: u16) -> f32 {
    let sign = if bits >> 15 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (
        i32::from(bits >> 10 & 0x1f),
        f32::from(bits & 0x3ff) / 1024.0,
    );
    sign * match exponent {
        0 => fraction * 2_f32.powi(-14),
        31 if fraction == 0.0 => f32::INFINITY,
        31 => f32::NAN,
        _ => (1.0 + fraction) * 2_f32.powi(exponent - 15),
    }
}

/// The header's text and the bytes of the elements.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), NpyProblem> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(NpyProblem::Magic)?;
    let cut = NpyProblem::Header("the file ends in it");
    let (length, rest) = match *rest {
        [1, _, a, b, ref rest @ ..] => (usize::from(u16::from_le_bytes([a, b])), rest),
        [2 | 3, _, a, b, c, d, ref rest @ ..] => (u32::from_le_bytes([a, b, c, d]) as usize, rest),
        [1..=3, ..] => return Err(cut),
        [major, minor, ..] => return Err(NpyProblem::Version(major, minor)),
        _ => return Err(cut),
    };
    let (header, data) = rest.split_at_checked(length).ok_or(cut)?;
    let header =
        std::str::from_utf8(header).map_err(|_| NpyProblem::Header("it is not UTF-8 text"))?;
    Ok((header, data))
}

fn encode<E: Element>(descr: &str, x: &Tensor<E>, bytes: impl Fn(E) -> Vec<u8>) -> Vec<u8> {
    let extents: Vec<_> = x.shape().iter().map(usize::to_string).collect();
    // Python writes a tuple of one element with a comma.
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
                    return Err(NpyProblem::Type("record (several fields)".to_owned()));
                }
                "descr" => descr = Some(text.string()?.to_owned()),
                "fortran_order" => fortran = Some(text.boolean()?),
                "shape" => shape = Some(text.extents()?),
                _ => return Err(damaged("it has an unknown entry")),
            }
            if !text.eat(',') {
                text.expect('}')?;
                break;
            }
        }
        if text.next().is_some() {
            return Err(damaged("text follows its closing brace"));
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

/// The part of a header that has not been parsed yet.
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
            Err(NpyProblem::Header("it is not a dictionary"))
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

    fn boolean(&mut self) -> Result<bool, NpyProblem> {
        self.next();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.0.strip_prefix(word) {
                self.0 = rest;
                return Ok(value);
            }
        }
        Err(NpyProblem::Header(
            "fortran_order is neither True nor False",
        ))
    }

    fn extents(&mut self) -> Result<Vec<usize>, NpyProblem> {
        let damaged = || NpyProblem::Header("the shape is not a tuple of integers, at least 0");
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
            // Python 2 wrote long integers with an L.
            self.0 = rest.strip_prefix('L').unwrap_or(rest);
            if !self.eat(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(extents)
    }
}
