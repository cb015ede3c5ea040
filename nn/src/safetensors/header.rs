//! The header of a safetensors file: a strict reader of the little JSON that it may contain.
//!
//! A general reader would build a tree many times the size of a hostile header, keep the last of
//! duplicate names, and could not say which tensor is wrong. This one holds nothing but what it
//! returns, and knows one shape of document:
//! `{"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, …}`, with text to text
//! under `"__metadata__"`.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use wengert_tensor::{MAX_RANK, element_count};

use super::error::{FormatError, TensorProblem};
use super::{DataType, METADATA, is_name};

/// More than any model has; a bound on the memory that a header can make us use.
const MOST_TENSORS: usize = 100_000;

/// One tensor as the header describes it.
#[derive(Clone, Debug)]
pub(super) struct TensorInfo {
    pub(super) name: String,
    pub(super) data_type: DataType,
    pub(super) shape: Vec<usize>,
    /// The range of its bytes in the data after the header.
    pub(super) bytes: Range<usize>,
}

/// What a header says.
#[derive(Clone, Debug, Default)]
pub(super) struct Header {
    /// In the order of the text.
    pub(super) entries: Vec<TensorInfo>,
    pub(super) metadata: BTreeMap<String, String>,
}

impl Header {
    /// Reads a header, of which `data` bytes follow.
    pub(super) fn parse(text: &str, data: usize) -> Result<Self, FormatError> {
        let mut reader = Reader { text, at: 0 };
        if !text.starts_with('{') {
            return Err(reader.expected("{"));
        }
        let mut header = Self::default();
        let mut names = HashSet::new();
        reader.object(|reader, name| {
            let wrong = |problem| FormatError::Tensor {
                name: name.clone(),
                problem,
            };
            if !is_name(&name) && name != METADATA {
                return Err(FormatError::Name { length: name.len() });
            }
            if !names.insert(name.clone()) {
                return Err(wrong(TensorProblem::Duplicate));
            }
            if name == METADATA {
                return reader.object(|reader, key| {
                    let value = reader.string()?;
                    match header.metadata.insert(key, value) {
                        None => Ok(()),
                        Some(_) => Err(reader.expected("a new key")),
                    }
                });
            }
            if header.entries.len() == MOST_TENSORS {
                return Err(FormatError::Count { most: MOST_TENSORS });
            }
            let entry = reader.entry(&name)?;
            entry.check().map_err(wrong)?;
            header.entries.push(entry);
            Ok(())
        })?;
        reader.space();
        if reader.at < text.len() {
            return Err(reader.expected("nothing more"));
        }
        header.check_cover(data)?;
        Ok(header)
    }

    /// The tensors' bytes lie one after the other, and are all there is.
    fn check_cover(&self, data: usize) -> Result<(), FormatError> {
        let mut order: Vec<_> = self.entries.iter().collect();
        order.sort_by_key(|entry| (entry.bytes.start, entry.bytes.end));
        let mut covered = 0;
        for entry in order {
            let (begin, end) = (entry.bytes.start, entry.bytes.end);
            if begin != covered || end > data {
                let problem = TensorProblem::Place {
                    begin,
                    end,
                    covered,
                    data,
                };
                return Err(FormatError::Tensor {
                    name: entry.name.clone(),
                    problem,
                });
            }
            covered = end;
        }
        if covered < data {
            return Err(FormatError::Trailing { covered, data });
        }
        Ok(())
    }
}

impl TensorInfo {
    fn check(&self) -> Result<(), TensorProblem> {
        if self.shape.len() > MAX_RANK {
            return Err(TensorProblem::Rank {
                rank: self.shape.len(),
            });
        }
        let overflow = || TensorProblem::Overflow {
            shape: self.shape.clone(),
        };
        let elements = element_count(&self.shape).ok_or_else(overflow)?;
        if !self.data_type.fills_bytes(elements) {
            let bits = self.data_type.bits();
            return Err(TensorProblem::Partial { elements, bits });
        }
        let needed = self.data_type.bytes(elements).ok_or_else(overflow)?;
        let Range { start, end } = self.bytes;
        if end.checked_sub(start) != Some(needed) {
            let shape = self.shape.clone();
            return Err(TensorProblem::Size {
                shape,
                needed,
                begin: start,
                end,
            });
        }
        Ok(())
    }
}

/// Text being read.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn expected(&self, expected: &'static str) -> FormatError {
        FormatError::Syntax {
            at: self.at,
            expected,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Reads a byte if it comes next, after any white space.
    fn take(&mut self, byte: u8) -> bool {
        self.space();
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn require(&mut self, byte: u8, name: &'static str) -> Result<(), FormatError> {
        if self.take(byte) {
            Ok(())
        } else {
            Err(self.expected(name))
        }
    }

    /// `{"key": value, …}`, each value read by a function.
    fn object(
        &mut self,
        mut value: impl FnMut(&mut Self, String) -> Result<(), FormatError>,
    ) -> Result<(), FormatError> {
        self.require(b'{', "{")?;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.require(b':', ":")?;
            value(self, key)?;
            if !self.take(b',') {
                return self.require(b'}', ", or }");
            }
        }
    }

    /// `{"dtype": …, "shape": …, "data_offsets": …}` in any order, each once.
    fn entry(&mut self, name: &str) -> Result<TensorInfo, FormatError> {
        let (mut data_type, mut shape, mut offsets) = (None, None, None);
        self.object(|reader, key| {
            let again = match key.as_str() {
                "dtype" => data_type.replace(reader.string()?).is_some(),
                "shape" => shape.replace(reader.numbers()?).is_some(),
                "data_offsets" => offsets.replace(reader.numbers()?).is_some(),
                _ => return Err(reader.expected("dtype, shape or data_offsets")),
            };
            if again {
                Err(reader.expected("each field once"))
            } else {
                Ok(())
            }
        })?;
        let wrong = |problem| FormatError::Tensor {
            name: name.to_owned(),
            problem,
        };
        let missing = |field| wrong(TensorProblem::Missing { field });
        let data_type = data_type.ok_or_else(|| missing("dtype"))?;
        let data_type = DataType::named(&data_type).ok_or_else(|| {
            wrong(TensorProblem::Type {
                name: shortened(&data_type),
            })
        })?;
        let shape = shape.ok_or_else(|| missing("shape"))?;
        let offsets = offsets.ok_or_else(|| missing("data_offsets"))?;
        let [begin, end] = offsets[..] else {
            return Err(wrong(TensorProblem::Offsets {
                count: offsets.len(),
            }));
        };
        Ok(TensorInfo {
            name: name.to_owned(),
            data_type,
            shape,
            bytes: begin..end,
        })
    }

    /// `[1, 2, …]`, not more than could be a shape.
    fn numbers(&mut self) -> Result<Vec<usize>, FormatError> {
        self.require(b'[', "[")?;
        let mut numbers = Vec::new();
        if self.take(b']') {
            return Ok(numbers);
        }
        loop {
            numbers.push(self.number()?);
            if !self.take(b',') {
                self.require(b']', ", or ]")?;
                return Ok(numbers);
            }
            if numbers.len() > MAX_RANK {
                return Err(self.expected("no more extents than a tensor may have"));
            }
        }
    }

    /// A whole number without sign, fraction or exponent.
    fn number(&mut self) -> Result<usize, FormatError> {
        const WHOLE: &str = "a whole number";
        self.space();
        let start = self.at;
        let digits = self.text[start..]
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count();
        let digits = &self.text[start..start + digits];
        let number = digits.parse().map_err(|_| self.expected(WHOLE))?;
        if digits.len() > 1 && digits.starts_with('0') {
            return Err(self.expected(WHOLE));
        }
        self.at += digits.len();
        if matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return Err(self.expected(WHOLE));
        }
        Ok(number)
    }

    /// `"text"` with JSON's escapes.
    fn string(&mut self) -> Result<String, FormatError> {
        self.require(b'"', "\"")?;
        let mut text = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest
                .find(|c: char| matches!(c, '"' | '\\') || c < ' ')
                .ok_or_else(|| self.expected("\""))?;
            text.push_str(&rest[..plain]);
            self.at += plain + 1;
            match rest.as_bytes()[plain] {
                b'"' => return Ok(text),
                b'\\' => text.push(self.escaped()?),
                _ => return Err(self.expected("no control character")),
            }
        }
    }

    /// Reads the rest of an escape sequence, after the backslash, and returns its character.
    fn escaped(&mut self) -> Result<char, FormatError> {
        let byte = self.peek().ok_or_else(|| self.expected("an escape"))?;
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hexadecimal()?;
                let pair =
                    matches!(first, 0xd800..0xdc00) && self.text[self.at..].starts_with("\\u");
                let code = if pair {
                    self.at += 2;
                    let second = self.hexadecimal()?;
                    let low = second.checked_sub(0xdc00).filter(|&low| low < 0x400);
                    let low = low.ok_or_else(|| self.expected("the second half of a pair"))?;
                    0x10000 + ((first - 0xd800) << 10) + low
                } else {
                    first
                };
                char::from_u32(code).ok_or_else(|| self.expected("a character"))?
            }
            _ => return Err(self.expected("an escape")),
        })
    }

    /// Four hexadecimal digits.
    fn hexadecimal(&mut self) -> Result<u32, FormatError> {
        let digits = self.text.as_bytes().get(self.at..self.at + 4);
        let digits = digits.ok_or_else(|| self.expected("four digits"))?;
        let mut code = 0;
        for &digit in digits {
            let digit = char::from(digit).to_digit(16);
            code = code * 16 + digit.ok_or_else(|| self.expected("four digits"))?;
        }
        self.at += 4;
        Ok(code)
    }
}

/// The first 32 characters, so that an error message does not print a long text from a file.
fn shortened(text: &str) -> String {
    text.chars().take(32).collect()
}
