//! [`ImageFiles`]: labelled images of one size, read from their files when they are asked for.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wengert_tensor::{Tensor, fail::fail, require};

use super::dataset::{Dataset, Example};
use super::error::DataError;
#[cfg(feature = "images")]
use super::folder::ImageFile;
use super::images::{ImageSet, fingerprint};
use super::row_file::RowFile;

/// Labelled images of one size, whose pixels stay in their files.
///
/// The labels are in memory; an image is read when it is asked for. So a process that trains on a part of each batch
/// reads that part only, and needs memory for no more. [`Split::open_mnist`](super::Split::open_mnist) and its
/// siblings open files; [`load`](Self::load) makes an [`ImageSet`], which has the same samples.
///
/// ```no_run
/// use wengert::data::{Loader, LoaderOptions, Split};
///
/// let data = Split::open_cifar10("cifar-10-batches-bin")?;
/// let loader = Loader::new(&data.train, LoaderOptions::default());
/// let first = data.train.image(0)?;
/// assert_eq!(first.len(), 3 * 32 * 32);
/// assert_eq!(data.train.bytes_read(), 3 * 32 * 32);
/// # Ok::<(), wengert::data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ImageFiles {
    files: Arc<Files>,
    /// The images of the files, by their numbers there.
    rows: Vec<usize>,
    labels: Vec<i64>,
    classes: Vec<String>,
    /// `[channels, height, width]`
    size: [usize; 3],
}

/// Where the pixels are.
#[derive(Debug)]
struct Files {
    kind: Kind,
    read: AtomicU64,
}

#[derive(Debug)]
enum Kind {
    /// Files of rows, one after the other; the pixels of a row begin at `skip`.
    Rows { files: Vec<RowFile>, skip: usize },
    /// A file for each image.
    #[cfg(feature = "images")]
    Images(Vec<ImageFile>),
}

impl ImageFiles {
    /// The images of files of rows, whose pixels begin after the first `skip` bytes of a row.
    pub(crate) fn of_rows(
        files: Vec<RowFile>,
        skip: usize,
        size: [usize; 3],
        labels: Vec<i64>,
        classes: &[&str],
    ) -> Self {
        let classes = classes.iter().map(|&name| name.to_owned()).collect();
        Self::new(Kind::Rows { files, skip }, size, labels, classes)
    }

    /// Images in a file each.
    #[cfg(feature = "images")]
    pub(crate) fn of_images(
        files: Vec<ImageFile>,
        size: [usize; 3],
        labels: Vec<i64>,
        classes: Vec<String>,
    ) -> Self {
        Self::new(Kind::Images(files), size, labels, classes)
    }

    fn new(kind: Kind, size: [usize; 3], labels: Vec<i64>, classes: Vec<String>) -> Self {
        Self {
            files: Arc::new(Files {
                kind,
                read: AtomicU64::new(0),
            }),
            rows: (0..labels.len()).collect(),
            labels,
            classes,
            size,
        }
    }

    /// The number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether the set has no images.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// `[images, channels, height, width]`
    #[must_use]
    pub fn shape(&self) -> [usize; 4] {
        let [channels, height, width] = self.size;
        [self.len(), channels, height, width]
    }

    /// The class of each image.
    #[must_use]
    pub fn labels(&self) -> &[i64] {
        &self.labels
    }

    /// The names of the classes.
    #[must_use]
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The brightest pixel value, which a [`Loader`](super::Loader) scales to 1.
    #[must_use]
    pub const fn white(&self) -> u8 {
        u8::MAX
    }

    /// The bytes of images that were read so far, by this set and by those that share its files.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.files.read.load(Ordering::Relaxed)
    }

    /// The pixels of one image: `[channels, height, width]`, row-major.
    ///
    /// # Errors
    /// If its file cannot be read, or was changed since it was opened.
    ///
    /// # Panics
    /// If there is no such image.
    #[track_caller]
    pub fn image(&self, index: usize) -> Result<Vec<u8>, DataError> {
        require!(
            index < self.len(),
            "image: index {index}: the set has {} images",
            self.len()
        );
        self.files.read(self.rows[index], self.size)
    }

    /// The images with these indices, in this order, without reading them; an index may occur more than once.
    ///
    /// # Panics
    /// If there is no such image.
    #[must_use]
    #[track_caller]
    pub fn select(&self, images: impl IntoIterator<Item = usize>) -> Self {
        let (mut rows, mut labels) = (Vec::new(), Vec::new());
        for index in images {
            require!(
                index < self.len(),
                "select: index {index}: the set has {} images",
                self.len()
            );
            rows.push(self.rows[index]);
            labels.push(self.labels[index]);
        }
        Self {
            files: Arc::clone(&self.files),
            rows,
            labels,
            classes: self.classes.clone(),
            size: self.size,
        }
    }

    /// Reads all images into memory.
    ///
    /// # Errors
    /// As [`image`](Self::image).
    pub fn load(&self) -> Result<ImageSet, DataError> {
        let mut pixels = Vec::with_capacity(self.len() * self.size.iter().product::<usize>());
        for &row in &self.rows {
            pixels.extend(self.files.read(row, self.size)?);
        }
        let classes: Vec<&str> = self.classes.iter().map(String::as_str).collect();
        let labels = self.labels.clone();
        Ok(ImageSet::new(
            pixels,
            self.shape(),
            labels,
            &classes,
            self.white(),
        ))
    }
}

impl Files {
    fn read(&self, row: usize, size: [usize; 3]) -> Result<Vec<u8>, DataError> {
        let (pixels, read) = match &self.kind {
            Kind::Rows { files, skip } => {
                let mut pixels = vec![0; size.iter().product()];
                let (mut file, mut row) = (0, row);
                while row >= files[file].count() {
                    row -= files[file].count();
                    file += 1;
                }
                files[file].read(row, *skip, &mut pixels)?;
                let read = pixels.len() as u64;
                (pixels, read)
            }
            #[cfg(feature = "images")]
            Kind::Images(files) => files[row].read(size)?,
        };
        self.read.fetch_add(read, Ordering::Relaxed);
        Ok(pixels)
    }
}

impl Dataset for ImageFiles {
    fn len(&self) -> usize {
        self.len()
    }

    /// As [`try_example`](Dataset::try_example).
    ///
    /// # Panics
    /// If the image cannot be read.
    fn example(&self, index: usize) -> Example {
        match self.try_example(index) {
            Ok(example) => example,
            Err(error) => fail(format_args!("{error}")),
        }
    }

    /// The pixels as numbers from 0 to 255, `[channels, height, width]`.
    fn try_example(&self, index: usize) -> Result<Example, DataError> {
        let pixels = self.image(index)?.into_iter().map(f64::from).collect();
        let input = Tensor::from_vec(pixels, self.size);
        Ok(Example::new(input, Tensor::scalar(self.labels[index])))
    }

    fn class_names(&self) -> &[String] {
        &self.classes
    }

    fn class(&self, index: usize) -> Option<i64> {
        self.labels.get(index).copied()
    }

    /// That of an [`ImageSet`] with the same samples. It reads a few of them.
    fn fingerprint(&self) -> Result<u64, DataError> {
        fingerprint(self.shape(), self.white(), &self.labels, |index| {
            self.image(index).map(Cow::from)
        })
    }

    fn scale(&self) -> f64 {
        1.0 / f64::from(self.white())
    }
}
