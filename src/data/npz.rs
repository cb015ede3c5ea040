//! The `.npz` format of `NumPy`: a ZIP archive of `.npy` arrays by name.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};

use wengert_nn::file;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use super::npy::{Npy, NpyProblem};

/// Arrays by name, as `numpy.savez` and `numpy.savez_compressed` write them.
///
/// ```
/// use wengert::data::{Npy, Npz};
/// use wengert::tensor::Tensor;
///
/// let path = std::env::temp_dir().join("wengert_example.npz");
/// let mut arrays = Npz::new();
/// arrays.insert("x", Tensor::from_vec(vec![1.0_f32, 2.5], [2]));
/// arrays.save(&path)?;
/// assert_eq!(Npz::load(&path)?.get("x"), arrays.get("x"));
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), wengert::data::NpzError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Npz {
    arrays: Vec<(String, Npy)>,
}

/// A `.npz` file that cannot be used: its name, the array if it is one's fault, and the problem.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {problem}", file.display(), array.as_ref().map_or_else(String::new, |array| format!(", array {array:?}")))]
pub struct NpzError {
    /// The file.
    pub file: PathBuf,
    /// The array whose contents are wrong.
    pub array: Option<String>,
    /// What is wrong.
    pub problem: NpzProblem,
}

/// What is wrong with a `.npz` file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NpzProblem {
    /// The operating system reports an error.
    #[error("cannot be read or written: {0}")]
    Io(std::io::Error),
    /// Not a ZIP archive, or a damaged one.
    #[error("is not a .npz file, or is damaged ({0}); write it with numpy.savez")]
    Archive(String),
    /// A member that is not a `.npy` file.
    #[error("has the member {0:?}, which is not a .npy array")]
    Member(String),
    /// A member that cannot be used.
    #[error("{0}")]
    Array(NpyProblem),
}

impl Npz {
    /// No arrays.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The array of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Npy> {
        let found = self.arrays.iter().find(|(other, _)| other == name);
        found.map(|(_, array)| array)
    }

    /// Puts an array under a name, in the place of one that had it or else at the end.
    pub fn insert(&mut self, name: impl Into<String>, array: impl Into<Npy>) {
        let (name, array) = (name.into(), array.into());
        match self.arrays.iter_mut().find(|(other, _)| *other == name) {
            Some((_, place)) => *place = array,
            None => self.arrays.push((name, array)),
        }
    }

    /// Every array with its name, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Npy)> {
        self.arrays
            .iter()
            .map(|(name, array)| (name.as_str(), array))
    }

    /// The number of arrays.
    #[must_use]
    pub fn len(&self) -> usize {
        self.arrays.len()
    }

    /// Whether there are no arrays.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.arrays.is_empty()
    }

    /// Reads a file, compressed or not.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or has a member that is not an array of numbers or bools.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, NpzError> {
        let path = path.as_ref();
        let result = File::open(path).map_err(|error| (None, NpzProblem::Io(error)));
        let result = result.and_then(|file| read(BufReader::new(file)));
        result.map_err(|(array, problem)| NpzError {
            file: path.to_owned(),
            array,
            problem,
        })
    }

    /// Writes a compressed file atomically, see [`wengert_nn::file::write`].
    ///
    /// # Errors
    /// If it cannot be written; an existing file is then unchanged.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), NpzError> {
        let path = path.as_ref();
        let failed = |problem| NpzError {
            file: path.to_owned(),
            array: None,
            problem,
        };
        let bytes = self.encode().map_err(|error| failed(archive(error)))?;
        file::write(path, &bytes).map_err(|error| failed(NpzProblem::Io(error)))
    }

    fn encode(&self) -> Result<Vec<u8>, ZipError> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, array) in &self.arrays {
            // The default date is a constant, so that the same arrays give the same bytes.
            writer.start_file(format!("{name}.npy"), SimpleFileOptions::default())?;
            writer.write_all(&array.to_bytes())?;
        }
        Ok(writer.finish()?.into_inner())
    }
}

type Failure = (Option<String>, NpzProblem);

fn read(reader: impl Read + Seek) -> Result<Npz, Failure> {
    let whole = |error| (None, archive(error));
    let mut members = ZipArchive::new(reader).map_err(whole)?;
    let mut arrays = Npz::new();
    for index in 0..members.len() {
        let mut member = members.by_index(index).map_err(whole)?;
        let file_name = member.name().map_err(whole)?.into_owned();
        let Some(name) = file_name.strip_suffix(".npy") else {
            return Err((None, NpzProblem::Member(file_name)));
        };
        // Grows with what is there, whatever the archive says of the size; its checksum is compared at the end.
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).map_err(|error| {
            (
                Some(name.to_owned()),
                NpzProblem::Archive(error.to_string()),
            )
        })?;
        let array = Npy::parse(&bytes);
        let array = array.map_err(|problem| (Some(name.to_owned()), NpzProblem::Array(problem)))?;
        arrays.insert(name, array);
    }
    Ok(arrays)
}

fn archive(error: ZipError) -> NpzProblem {
    match error {
        ZipError::Io(error) => NpzProblem::Io(error),
        error => NpzProblem::Archive(error.to_string()),
    }
}
