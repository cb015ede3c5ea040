//! The data sets by name.

use std::borrow::Cow;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};

use wengert::data::{
    DataError, Dataset, FolderOptions, ImageFiles, ImageSet, Normalize, Problem, Split,
    UnusableFiles,
};
use wengert::distributed::Communicator;
use wengert::train::TrainError;

use crate::outcome::UsageError;
use crate::run::Images;
use crate::settings::{DatasetName, Settings};

/// The side of images of a folder, in pixels.
pub const SIZE: u64 = 32;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The images that a network is trained on, and those that it is tested on.
pub struct Source {
    pub train: LabelledImages,
    pub test: LabelledImages,
    /// `test`, or `validation` if the test images are a part of the training images.
    pub test_name: &'static str,
}

/// Labelled images, in memory or in their files.
pub enum LabelledImages {
    InMemory(ImageSet),
    InFiles(ImageFiles),
}

impl LabelledImages {
    pub fn set(&self) -> &dyn Dataset {
        match self {
            Self::InMemory(set) => set,
            Self::InFiles(files) => files,
        }
    }

    pub fn len(&self) -> usize {
        self.set().len()
    }

    /// `[images, channels, height, width]`
    fn shape(&self) -> [usize; 4] {
        match self {
            Self::InMemory(set) => set.shape(),
            Self::InFiles(files) => files.shape(),
        }
    }

    fn white(&self) -> u8 {
        match self {
            Self::InMemory(set) => set.white(),
            Self::InFiles(files) => files.white(),
        }
    }

    fn select(&self, images: impl Iterator<Item = usize>) -> Self {
        match self {
            Self::InMemory(set) => Self::InMemory(set.select(images)),
            Self::InFiles(files) => Self::InFiles(files.select(images)),
        }
    }

    /// All images, in memory.
    pub fn load(&self) -> Result<Cow<'_, ImageSet>, DataError> {
        match self {
            Self::InMemory(set) => Ok(Cow::Borrowed(set)),
            Self::InFiles(files) => Ok(Cow::Owned(files.load()?)),
        }
    }

    /// The first images, at most `count`, in memory.
    pub fn first(&self, count: usize) -> Result<ImageSet, DataError> {
        let images = 0..count.min(self.len());
        match self {
            Self::InMemory(set) => Ok(set.select(images)),
            Self::InFiles(files) => files.select(images).load(),
        }
    }
}

impl DatasetName {
    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::FashionMnist => "fashion-mnist",
            Self::Mnist => "mnist",
            Self::Cifar10 => "cifar10",
            Self::Cifar100 => "cifar100",
            Self::Folder => "folder",
        }
    }

    /// Where the files are if nothing else is said; only Debian's package has a usual place.
    fn usual_directory(self) -> Option<&'static str> {
        (self == Self::FashionMnist).then_some("/usr/share/datasets/fashion-mnist")
    }

    fn read(self, directory: &Path, settings: &Settings) -> Result<Split, Error> {
        Ok(match self {
            Self::Digits => Split::digits(),
            Self::FashionMnist => Split::fashion_mnist(directory)?,
            Self::Mnist => Split::mnist(directory)?,
            Self::Cifar10 => Split::cifar10(directory)?,
            Self::Cifar100 => Split::cifar100(directory)?,
            Self::Folder => {
                let (split, skipped) = Split::folder(directory, &folder_options(settings))
                    .map_err(|error| with_remedy(&error))?;
                report_skipped(&skipped);
                split
            }
        })
    }

    /// Opens the files of the images; `None` if they must be read as a whole.
    fn open(
        self,
        directory: &Path,
        settings: &Settings,
    ) -> Result<Option<Split<ImageFiles>>, Error> {
        Ok(Some(match self {
            // They are a part of the program.
            Self::Digits => return Ok(None),
            // All must be decoded to find out which are unusable.
            Self::Folder if settings.skip_unusable => return Ok(None),
            Self::FashionMnist => Split::open_fashion_mnist(directory)?,
            Self::Mnist => Split::open_mnist(directory)?,
            Self::Cifar10 => Split::open_cifar10(directory)?,
            Self::Cifar100 => Split::open_cifar100(directory)?,
            Self::Folder => Split::open_folder(directory, &folder_options(settings))
                .map_err(|error| with_remedy(&error))?,
        }))
    }
}

fn folder_options(settings: &Settings) -> FolderOptions {
    FolderOptions {
        size: [settings.size.unwrap_or(SIZE) as usize; 2],
        seed: settings.seed.unwrap_or(0),
        unusable: if settings.skip_unusable {
            UnusableFiles::Skip
        } else {
            UnusableFiles::Error
        },
        ..FolderOptions::default()
    }
}

/// The library's remedy for an unusable file is one of its options; the command has a flag for it.
pub fn with_remedy(error: &impl std::fmt::Display) -> String {
    error
        .to_string()
        .replace("`UnusableFiles::Skip`", "--skip-unusable")
}

/// Names the files that were left out, the first few of them.
fn report_skipped(skipped: &[DataError]) {
    const NAMED: usize = 5;
    let mut out = stderr().lock();
    // A closed standard error must not end the command.
    for DataError { file, problem } in skipped.iter().take(NAMED) {
        let reason = match problem {
            Problem::DamagedImage(_) => "a damaged image",
            _ => "not a PNG or JPEG image",
        };
        let _ = writeln!(out, "left out {}: {reason}", file.display());
    }
    if skipped.len() > NAMED {
        let _ = writeln!(out, "left out {} files altogether", skipped.len());
    }
}

/// The directory of the files: what `--data` says, or the usual place.
pub fn directory(settings: &Settings, dataset: DatasetName) -> Result<PathBuf, UsageError> {
    match (&settings.data, dataset) {
        (Some(_), DatasetName::Digits) => Err(UsageError(
            "digits are part of this program; leave out --data".to_owned(),
        )),
        (Some(directory), _) => Ok(directory.clone()),
        (None, DatasetName::Digits) => Ok(PathBuf::new()),
        (None, _) => dataset.usual_directory().map(PathBuf::from).ok_or_else(|| {
            let name = dataset.name();
            UsageError(format!(
                "{name} needs the directory of its files: --data DIR"
            ))
        }),
    }
}

impl Source {
    /// Reads the data set of these settings; with `validate`, a part of the training images is held out.
    pub fn read(settings: &Settings, dataset: DatasetName) -> Result<Self, Error> {
        let data = dataset.read(&directory(settings, dataset)?, settings)?;
        let (train, test) = (
            LabelledImages::InMemory(data.train),
            LabelledImages::InMemory(data.test),
        );
        Ok(Self::new(train, test, settings))
    }

    /// As [`read`](Self::read), with images that stay in their files until they are asked for, where that is possible.
    pub fn open(settings: &Settings, dataset: DatasetName) -> Result<Self, Error> {
        match dataset.open(&directory(settings, dataset)?, settings)? {
            None => Self::read(settings, dataset),
            Some(data) => {
                let (train, test) = (
                    LabelledImages::InFiles(data.train),
                    LabelledImages::InFiles(data.test),
                );
                Ok(Self::new(train, test, settings))
            }
        }
    }

    fn new(train: LabelledImages, test: LabelledImages, settings: &Settings) -> Self {
        if !settings.validate {
            return Self {
                train,
                test,
                test_name: "test",
            };
        }
        let rows = |held: bool| (0..train.len()).filter(move |row| (row % 5 == 4) == held);
        Self {
            test: train.select(rows(true)),
            train: train.select(rows(false)),
            test_name: "validation",
        }
    }

    /// What the run must know of the images later. Colours are normalised; grey images are from 0 to 1.
    ///
    /// * `others`: the processes that read a part of the images each
    pub fn images(&self, others: Option<&Communicator>) -> Result<Images, TrainError> {
        let [_, channels, height, width] = self.train.shape();
        let set = self.train.set();
        let normalize = if channels > 1 {
            Some(Normalize::of_shared(set, others)?)
        } else {
            None
        };
        let (mean, deviation) = normalize.map_or_else(Default::default, |n| (n.mean, n.deviation));
        Ok(Images {
            shape: [channels, height, width],
            white: self.train.white(),
            classes: set.class_names().to_vec(),
            training: self.train.len(),
            test: self.test.len(),
            mean,
            deviation,
        })
    }
}

impl Source {
    /// The data set of a run, which must still have the images that the run was made for.
    pub fn of_run(settings: &Settings, run: &crate::run::Run) -> Result<Self, Error> {
        let dataset = settings.dataset.ok_or_else(|| {
            format!(
                "{}: config.toml names no data set",
                run.directory().display()
            )
        })?;
        let source = Self::read(settings, dataset)?;
        let (found, expected) = (source.images(None)?, run.images());
        if found.shape != expected.shape || found.classes != expected.classes {
            return Err(format!(
                "the images have the shape {:?} in {} classes, those of {} had {:?} in {}; name their directory \
                 with --data",
                found.shape,
                found.classes.len(),
                run.directory().display(),
                expected.shape,
                expected.classes.len()
            )
            .into());
        }
        Ok(source)
    }
}
