//! Folders of images: one directory per class, PNG or JPEG files in it.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use image::imageops::FilterType;
use image::{DynamicImage, ImageError, ImageReader};
use wengert_tensor::{parallel, require};

use super::dataset::Dataset;
use super::error::{DataError, Problem};
use super::image_files::ImageFiles;
use super::images::ImageSet;
use super::split::Split;

/// How [`ImageSet::folder`] reads images.
#[derive(Clone, Debug, PartialEq)]
pub struct FolderOptions {
    /// The height and width to which every image is resized, without regard to its proportions, by linear
    /// interpolation over the area of a pixel.
    pub size: [usize; 2],
    /// Grey or coloured.
    pub color: ImageColor,
    /// What to do with a file that is not a usable image.
    pub unusable: UnusableFiles,
    /// The share of each class that [`Split::folder`] puts into the test set if the folder has no `train` and
    /// `test` directories.
    pub test_share: f64,
    /// The seed of that choice.
    pub seed: u64,
}

impl Default for FolderOptions {
    /// 64×64 pixels, coloured, an unusable file is an error, a fifth for testing, chosen by seed 0.
    fn default() -> Self {
        Self {
            size: [64, 64],
            color: ImageColor::Rgb,
            unusable: UnusableFiles::Error,
            test_share: 0.2,
            seed: 0,
        }
    }
}

/// The channels of an image; files of the other kind are converted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImageColor {
    /// One channel: brightness.
    Grey,
    /// Three channels: red, green, blue.
    #[default]
    Rgb,
}

impl ImageColor {
    /// The number of channels.
    #[must_use]
    pub const fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Rgb => 3,
        }
    }
}

/// What to do with a file that is damaged or no image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnusableFiles {
    /// It is an error.
    #[default]
    Error,
    /// It is left out and reported.
    Skip,
}

impl ImageSet {
    /// The images of a folder that has one directory per class, and the files that were left out.
    ///
    /// Classes are the directories in the order of their names (as bytes), images the files in the order of theirs.
    /// The kind of a file is known by its contents. Files beside the class directories, and names that begin with
    /// a dot, are ignored.
    ///
    /// # Errors
    /// If the folder or a file cannot be read, there are fewer than two classes, a class has no image, or, by
    /// default, a file in a class directory is damaged or not a PNG or JPEG image.
    ///
    /// # Panics
    /// If an extent of the size is 0.
    #[track_caller]
    pub fn folder(
        directory: impl AsRef<Path>,
        options: &FolderOptions,
    ) -> Result<(Self, Vec<DataError>), DataError> {
        check_size(options.size);
        read_classes(&class_directories(directory.as_ref())?, options)
    }
}

impl ImageFiles {
    /// As [`ImageSet::folder`], with images that are decoded when they are asked for. Opening reads the kind and the
    /// extents of each, so a file that is damaged further on is an error when it is read.
    ///
    /// # Errors
    /// As [`ImageSet::folder`].
    ///
    /// # Panics
    /// If an extent of the size is 0, or unusable files are to be left out, which needs all images to be decoded.
    #[track_caller]
    pub fn folder(directory: impl AsRef<Path>, options: &FolderOptions) -> Result<Self, DataError> {
        check_size(options.size);
        require!(
            options.unusable == UnusableFiles::Error,
            "ImageFiles::folder: unusable = Skip: the files are not decoded here; use `ImageSet::folder`"
        );
        let classes = class_directories(directory.as_ref())?;
        let (mut files, mut labels) = (Vec::new(), Vec::new());
        for (class, path) in files_of(&classes)? {
            check_header(&path)?;
            labels.push(class as i64);
            files.push(ImageFile {
                path,
                color: options.color,
            });
        }
        let names = classes.iter().map(|class| name_of(class)).collect();
        let [height, width] = options.size;
        let size = [options.color.channels(), height, width];
        Ok(Self::of_images(files, size, labels, names))
    }
}

/// An image that is decoded when it is asked for.
#[derive(Debug)]
pub(crate) struct ImageFile {
    path: PathBuf,
    color: ImageColor,
}

impl ImageFile {
    /// The pixels, `[channels, height, width]`, and the bytes of the file.
    pub(crate) fn read(&self, [_, height, width]: [usize; 3]) -> Result<(Vec<u8>, u64), DataError> {
        let pixels = read_image(&self.path, [height, width], self.color)?;
        let length = fs::metadata(&self.path).map_or(0, |metadata| metadata.len());
        Ok((pixels, length))
    }
}

impl Split {
    /// Training and test images of a folder, and the files that were left out.
    ///
    /// If the folder has the directories `train` and `test` (or `val`, or `validation`), each with one directory
    /// per class, these are the sets. Otherwise the folder has one directory per class, and
    /// [`test_share`](FolderOptions::test_share) of each class is put into the test set.
    ///
    /// # Errors
    /// As [`ImageSet::folder`], and if the classes of the two directories differ.
    ///
    /// # Panics
    /// If an extent of the size is 0, or the share is not between 0 and 1.
    #[track_caller]
    pub fn folder(
        directory: impl AsRef<Path>,
        options: &FolderOptions,
    ) -> Result<(Self, Vec<DataError>), DataError> {
        let directory = directory.as_ref();
        let Some([train, test]) = parts(directory) else {
            let (all, skipped) = ImageSet::folder(directory, options)?;
            return Ok((all.split(options.test_share, options.seed), skipped));
        };
        let (train_set, mut skipped) = ImageSet::folder(&train, options)?;
        let (test_set, more) = ImageSet::folder(test, options)?;
        skipped.extend(more);
        Ok((same_classes(directory, train_set, test_set)?, skipped))
    }
}

impl Split<ImageFiles> {
    /// As [`Split::folder`], with images that are decoded when they are asked for; see [`ImageFiles::folder`].
    ///
    /// # Errors
    /// As [`Split::folder`].
    ///
    /// # Panics
    /// As [`Split::folder`] and [`ImageFiles::folder`].
    #[track_caller]
    pub fn open_folder(
        directory: impl AsRef<Path>,
        options: &FolderOptions,
    ) -> Result<Self, DataError> {
        let directory = directory.as_ref();
        let Some([train, test]) = parts(directory) else {
            let all = ImageFiles::folder(directory, options)?;
            return Ok(all.split(options.test_share, options.seed));
        };
        let train = ImageFiles::folder(train, options)?;
        let test = ImageFiles::folder(test, options)?;
        same_classes(directory, train, test)
    }
}

/// The directories of training and test images, if there are both.
fn parts(directory: &Path) -> Option<[PathBuf; 2]> {
    let train = directory.join("train");
    let tests = ["test", "val", "validation"].map(|name| directory.join(name));
    let test = tests.into_iter().find(|test| test.is_dir())?;
    train.is_dir().then_some([train, test])
}

fn same_classes<S: Dataset>(directory: &Path, train: S, test: S) -> Result<Split<S>, DataError> {
    if train.class_names() != test.class_names() {
        return Err(Problem::Classes {
            train: train.class_names().to_vec(),
            test: test.class_names().to_vec(),
        }
        .of(directory));
    }
    Ok(Split { train, test })
}

/// The pixels of one image file, `[channels, height, width]`, row-major, resized.
///
/// # Errors
/// If the file cannot be read, is damaged, or is not a PNG or JPEG image.
///
/// # Panics
/// If an extent of the size is 0.
#[track_caller]
pub fn read_image(
    path: impl AsRef<Path>,
    size: [usize; 2],
    color: ImageColor,
) -> Result<Vec<u8>, DataError> {
    check_size(size);
    let path = path.as_ref();
    let [height, width] = size.map(|extent| extent as u32);
    let image = decode(path)?;
    // Grey before resizing, so that one channel is resized.
    Ok(match color {
        ImageColor::Grey => resize(DynamicImage::from(image.into_luma8()), height, width)
            .into_luma8()
            .into_raw(),
        ImageColor::Rgb => {
            let pixels = resize(DynamicImage::from(image.into_rgb8()), height, width).into_rgb8();
            let pixels = pixels.into_raw();
            (0..3)
                .flat_map(|channel| pixels.iter().skip(channel).step_by(3).copied())
                .collect()
        }
    })
}

fn resize(image: DynamicImage, height: u32, width: u32) -> DynamicImage {
    if (image.height(), image.width()) == (height, width) {
        return image;
    }
    image.resize_exact(width, height, FilterType::Triangle)
}

#[track_caller]
fn check_size(size: [usize; 2]) {
    require!(
        size.iter()
            .all(|&extent| extent > 0 && u32::try_from(extent).is_ok()),
        "read_image: size {size:?}: height and width must be at least 1"
    );
}

fn decode(path: &Path) -> Result<DynamicImage, DataError> {
    let decoded = open_image(path)?.decode();
    decoded.map_err(|error| unusable(error).of(path))
}

/// An error unless a file begins as an image does.
fn check_header(path: &Path) -> Result<(), DataError> {
    let extents = open_image(path)?.into_dimensions();
    extents.map(drop).map_err(|error| unusable(error).of(path))
}

fn open_image(path: &Path) -> Result<ImageReader<BufReader<File>>, DataError> {
    let failed = |error: io::Error| Problem::Io(error).of(path);
    // Checked before opening: opening a FIFO would wait for a writer.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(Problem::NotAFile.of(path));
    }
    // Not `ImageReader::open`, which trusts the extension of the name.
    let file = BufReader::new(File::open(path).map_err(failed)?);
    let reader = ImageReader::new(file).with_guessed_format();
    let reader = reader.map_err(failed)?;
    if reader.format().is_none() {
        return Err(Problem::NotAnImage.of(path));
    }
    Ok(reader)
}

fn unusable(error: ImageError) -> Problem {
    match error {
        ImageError::Unsupported(_) => Problem::NotAnImage,
        error => Problem::DamagedImage(error.to_string()),
    }
}

/// The files of each class, with its number.
fn files_of(classes: &[PathBuf]) -> Result<Vec<(usize, PathBuf)>, DataError> {
    let mut files = Vec::new();
    for (class, directory) in classes.iter().enumerate() {
        let members = entries(directory)?;
        if members.is_empty() {
            return Err(Problem::EmptyClass.of(directory));
        }
        files.extend(members.into_iter().map(|file| (class, file)));
    }
    Ok(files)
}

fn read_classes(
    classes: &[PathBuf],
    options: &FolderOptions,
) -> Result<(ImageSet, Vec<DataError>), DataError> {
    let files = files_of(classes)?;
    // Decoding takes far longer than giving a file to a thread.
    let decoded = parallel::map_chunks(files.len(), usize::MAX, |index| {
        read_image(&files[index].1, options.size, options.color)
    });
    let (mut pixels, mut labels, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    let mut counts = vec![0; classes.len()];
    for ((class, _), image) in files.iter().zip(decoded) {
        match image {
            Ok(image) => {
                pixels.extend(image);
                labels.push(*class as i64);
                counts[*class] += 1;
            }
            Err(error) if options.unusable == UnusableFiles::Skip => skipped.push(error),
            Err(error) => return Err(error),
        }
    }
    if let Some(class) = counts.iter().position(|&count| count == 0) {
        return Err(Problem::EmptyClass.of(&classes[class]));
    }
    let names: Vec<String> = classes.iter().map(|class| name_of(class)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let [height, width] = options.size;
    let shape = [labels.len(), options.color.channels(), height, width];
    Ok((
        ImageSet::new(pixels, shape, labels, &names, u8::MAX),
        skipped,
    ))
}

/// The class directories, at least two.
fn class_directories(directory: &Path) -> Result<Vec<PathBuf>, DataError> {
    if !directory.is_dir() {
        let text = "there is no such directory; give one that has a directory of images per class";
        return Err(Problem::Missing(text.to_owned()).of(directory));
    }
    let mut classes = entries(directory)?;
    classes.retain(|path| path.is_dir());
    if classes.is_empty() {
        return Err(Problem::NoClasses.of(directory));
    }
    if let [only] = &classes[..] {
        return Err(Problem::OneClass(name_of(only)).of(directory));
    }
    Ok(classes)
}

/// What a directory holds, without hidden names, in the order of the names.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, DataError> {
    let failed = |error| Problem::Io(error).of(directory);
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn name_of(directory: &Path) -> String {
    let name = directory.file_name().unwrap_or(directory.as_os_str());
    name.to_string_lossy().into_owned()
}
