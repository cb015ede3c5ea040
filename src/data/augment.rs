//! [`Augment`]: random changes of images, each a function of seed, epoch and index alone.

use rand_distr::{Beta, Distribution};
use wengert_tensor::{Tensor, require};

use super::dataset::Dataset;
use super::random::{Purpose, stream};

mod color;
mod geometry;

use geometry::Planes;

/// Random changes of every image, different in each epoch.
///
/// They depend on the seed, the epoch and the index of the image only, not on its batch or the threads, and no
/// change depends on whether another one is made. The default changes nothing. The changes are made in the order
/// of the fields, on scaled values and before normalisation, and to all channels alike; "black" is 0.
///
/// ```
/// use wengert::data::Augment;
///
/// let augment = Augment::default().flip().shift(2).rotation(10.0).cutout(3);
/// assert_eq!(augment, Augment { shift: 2, flip: true, rotation: 10.0, cutout: 3, ..Augment::default() });
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Augment {
    /// The largest share of the area that is cut off, from 0 to 1, excluding 1. A rectangle with a share of the
    /// area from `1 − crop` to 1 and sides stretched against each other by at most 4/3 is resized to the whole
    /// image by bilinear interpolation (C. Szegedy et al.: Going deeper with convolutions, 2015).
    pub crop: f64,
    /// The largest angle of rotation about the centre, in degrees; all angles of either sign are equally likely.
    /// Bilinear interpolation; black outside the image.
    pub rotation: f64,
    /// Whether to flip an image left to right with probability ½.
    pub flip: bool,
    /// The largest shift in pixels, in each direction; all shifts are equally likely, black moves in. This is
    /// what padding by `shift` pixels and cropping to the old size does (K. He et al., 2016).
    pub shift: usize,
    /// `y = f·x` with `f` uniform from `1 − brightness` to `1 + brightness`; values may exceed 1.
    pub brightness: f64,
    /// `y = m + f·(x − m)`, where `m` is the mean of the image and `f` uniform from `1 − contrast` to
    /// `1 + contrast`. The mean stays; values may leave 0–1.
    pub contrast: f64,
    /// `y = g + f·(x − g)`, where `g = 0.299 r + 0.587 g + 0.114 b` is the grey value of the pixel (ITU-R BT.601)
    /// and `f` uniform from `1 − saturation` to `1 + saturation`. The grey value stays. Images with three
    /// channels only.
    pub saturation: f64,
    /// The side in pixels of a square that becomes black; its centre is any pixel, so that a part of the square
    /// may lie outside (Terrance Devries, Graham Taylor: Improved regularization with Cutout, 2017).
    pub cutout: usize,
    /// The parameter `α` of mixup; 0 is none. `x = λ·x₁ + (1 − λ)·x₂` and the same of the targets, with `λ` drawn
    /// from the distribution `Beta(α, α)` and `x₂` any sample of the set, itself changed as above (H. Zhang et
    /// al.: mixup, 2018). Class numbers become probabilities, so use
    /// [`Targets::cross_entropy`](super::Targets::cross_entropy). Inputs need not be images.
    pub mixup: f64,
}

impl Augment {
    /// With [`crop`](Self::crop).
    #[must_use]
    pub const fn crop(self, crop: f64) -> Self {
        Self { crop, ..self }
    }

    /// With [`rotation`](Self::rotation).
    #[must_use]
    pub const fn rotation(self, degrees: f64) -> Self {
        Self {
            rotation: degrees,
            ..self
        }
    }

    /// With [`flip`](Self::flip).
    #[must_use]
    pub const fn flip(self) -> Self {
        Self { flip: true, ..self }
    }

    /// With [`shift`](Self::shift).
    #[must_use]
    pub const fn shift(self, pixels: usize) -> Self {
        Self {
            shift: pixels,
            ..self
        }
    }

    /// With [`brightness`](Self::brightness).
    #[must_use]
    pub const fn brightness(self, brightness: f64) -> Self {
        Self { brightness, ..self }
    }

    /// With [`contrast`](Self::contrast).
    #[must_use]
    pub const fn contrast(self, contrast: f64) -> Self {
        Self { contrast, ..self }
    }

    /// With [`saturation`](Self::saturation).
    #[must_use]
    pub const fn saturation(self, saturation: f64) -> Self {
        Self { saturation, ..self }
    }

    /// With [`cutout`](Self::cutout).
    #[must_use]
    pub const fn cutout(self, side: usize) -> Self {
        Self {
            cutout: side,
            ..self
        }
    }

    /// With [`mixup`](Self::mixup).
    #[must_use]
    pub const fn mixup(self, alpha: f64) -> Self {
        Self {
            mixup: alpha,
            ..self
        }
    }

    /// Whether nothing is changed.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        *self == Self::default()
    }

    /// Whether images are changed, apart from mixing them.
    fn changes_images(&self) -> bool {
        !self.mixup(0.0).is_identity()
    }

    /// Panics if an option is no valid number, or a set cannot be changed so.
    #[track_caller]
    pub(crate) fn check(&self, set: &dyn Dataset) {
        for (name, value, most) in [
            ("crop", self.crop, 1.0),
            ("rotation", self.rotation, f64::MAX),
            ("brightness", self.brightness, f64::MAX),
            ("contrast", self.contrast, f64::MAX),
            ("saturation", self.saturation, f64::MAX),
            ("mixup", self.mixup, f64::MAX),
        ] {
            require!(
                value >= 0.0 && value < most,
                "Augment: {name} = {value}: must be a number from 0 to {}",
                if most == 1.0 { "1, excluding 1" } else { "∞" }
            );
        }
        if self.is_identity() || set.is_empty() {
            return;
        }
        // Whoever trains on a sample that cannot be read gets the error.
        let Ok(example) = set.try_example(0) else {
            return;
        };
        let shape = example.input.shape();
        require!(
            !self.changes_images() || shape.len() == 3,
            "Augment: the inputs have the shape {shape:?}: only images [channels, height, width] can be changed; \
             `mixup` alone works for any shape"
        );
        require!(
            self.saturation == 0.0 || shape[0] == 3,
            "Augment: saturation = {}: the images have {} channels, and only three have a saturation",
            self.saturation,
            shape[0]
        );
        require!(
            self.mixup == 0.0 || example.target.class().is_none() || set.class_count() > 0,
            "Augment: mixup = {}: the set does not know its number of classes: implement `Dataset::class_count`",
            self.mixup
        );
    }

    /// Changes an image `[channels, height, width]` as the seed, the epoch and its index say.
    pub(crate) fn apply(&self, image: &mut Tensor<f64>, seed: u64, epoch: u64, row: usize) {
        if !self.changes_images() || image.is_empty() {
            return;
        }
        let random = |purpose| stream(purpose, seed, epoch, row as u64);
        let mut planes = Planes::of(image);
        if self.crop > 0.0 {
            planes.crop(self.crop, &mut random(Purpose::Crop));
        }
        if self.rotation > 0.0 {
            planes.rotate(random(Purpose::Rotate).between(-self.rotation, self.rotation));
        }
        self.shift_and_flip(&mut planes, &mut random(Purpose::Augment));
        let factor = |purpose, strength| random(purpose).between(1.0 - strength, 1.0 + strength);
        if self.brightness > 0.0 {
            color::brighten(planes.values, factor(Purpose::Brighten, self.brightness));
        }
        if self.contrast > 0.0 {
            color::stretch(planes.values, factor(Purpose::Stretch, self.contrast));
        }
        if self.saturation > 0.0 {
            color::saturate(planes.values, factor(Purpose::Saturate, self.saturation));
        }
        if self.cutout > 0 {
            planes.cut_out(self.cutout, &mut random(Purpose::CutOut));
        }
    }

    fn shift_and_flip(&self, planes: &mut Planes<'_>, random: &mut super::random::RandomStream) {
        // Beyond that an image is black in any case.
        let most = self.shift.min(isize::MAX as usize / 2);
        let mut offset = || random.below(2 * most + 1) as isize - most as isize;
        let (down, right) = (offset(), offset());
        if self.flip && random.below(2) == 1 {
            planes.flip();
        }
        if (down, right) != (0, 0) {
            planes.shift(down, right);
        }
    }

    /// The index of the sample that one is mixed with, and the share of the one.
    pub(crate) fn partner(&self, count: usize, seed: u64, epoch: u64, row: usize) -> (usize, f64) {
        let mut random = stream(Purpose::Mix, seed, epoch, row as u64);
        let partner = random.below(count);
        let beta = Beta::new(self.mixup, self.mixup).expect("the option was checked");
        (partner, beta.sample(random.generator()))
    }
}
