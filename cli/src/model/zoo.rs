//! The networks that `--model` knows by name.

use wengert::nn::models::{
    CifarResNet, CifarResNetOptions, DigitsCnn, DigitsOptions, LeNet, LeNetOptions,
    VisionTransformer, VitOptions, torchvision,
};
use wengert::nn::{Layer, Sequential};
use wengert::prelude::*;

use super::cnn::Cnn;
use super::{Problem, panic_message};

/// A network with a name.
#[derive(Debug, PartialEq, Eq)]
pub struct Zoo {
    pub name: &'static str,
    /// One line for `--help`.
    pub about: &'static str,
    /// The images and classes that it is published for.
    pub usual: Problem,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Cnn,
    Digits,
    LeNet,
    ResNet20,
    Torchvision(&'static str),
    VitSmall,
    VitB16,
}

const fn zoo(
    name: &'static str,
    kind: Kind,
    image: [usize; 3],
    classes: usize,
    about: &'static str,
) -> Zoo {
    Zoo {
        name,
        about,
        usual: Problem { image, classes },
        kind,
    }
}

/// All of them.
pub static ZOO: [Zoo; 17] = [
    zoo(
        "cnn",
        Kind::Cnn,
        [1, 28, 28],
        10,
        "two convolutions and two dense layers, for small images",
    ),
    zoo(
        "digits",
        Kind::Digits,
        [1, 8, 8],
        10,
        "1,898 parameters, for the digits of 8×8 pixels only",
    ),
    zoo(
        "lenet",
        Kind::LeNet,
        [1, 28, 28],
        10,
        "LeNet-5 with relu (LeCun et al. 1998)",
    ),
    zoo(
        "resnet20",
        Kind::ResNet20,
        [3, 32, 32],
        10,
        "residual, for small images (He et al. 2016, section 4.2)",
    ),
    zoo(
        "resnet18",
        Kind::Torchvision("resnet18"),
        [3, 224, 224],
        1000,
        "residual, for colour images (He et al. 2016)",
    ),
    zoo(
        "resnet34",
        Kind::Torchvision("resnet34"),
        [3, 224, 224],
        1000,
        "as resnet18, with 34 layers",
    ),
    zoo(
        "resnet50",
        Kind::Torchvision("resnet50"),
        [3, 224, 224],
        1000,
        "as resnet18, with 50 layers in bottleneck blocks",
    ),
    zoo(
        "vgg11",
        Kind::Torchvision("vgg11_bn"),
        [3, 224, 224],
        1000,
        "stacks of 3×3 convolutions with batch norm (Simonyan & Zisserman 2015)",
    ),
    zoo(
        "vgg16",
        Kind::Torchvision("vgg16_bn"),
        [3, 224, 224],
        1000,
        "as vgg11, with 16 layers",
    ),
    zoo(
        "mobilenet-v2",
        Kind::Torchvision("mobilenet_v2"),
        [3, 224, 224],
        1000,
        "depthwise convolutions (Sandler et al. 2018)",
    ),
    zoo(
        "densenet121",
        Kind::Torchvision("densenet121"),
        [3, 224, 224],
        1000,
        "each layer reads all layers before it (Huang et al. 2017)",
    ),
    zoo(
        "squeezenet1-0",
        Kind::Torchvision("squeezenet1_0"),
        [3, 224, 224],
        1000,
        "1.2 million parameters (Iandola et al. 2016)",
    ),
    zoo(
        "squeezenet1-1",
        Kind::Torchvision("squeezenet1_1"),
        [3, 224, 224],
        1000,
        "as squeezenet1-0, with 2.4 times fewer multiply-adds",
    ),
    zoo(
        "shufflenet-v2",
        Kind::Torchvision("shufflenet_v2_x1_0"),
        [3, 224, 224],
        1000,
        "two branches with interleaved channels (Ma et al. 2018)",
    ),
    zoo(
        "efficientnet-b0",
        Kind::Torchvision("efficientnet_b0"),
        [3, 224, 224],
        1000,
        "inverted residuals with channel gates (Tan & Le 2019)",
    ),
    zoo(
        "vit-small",
        Kind::VitSmall,
        [3, 32, 32],
        10,
        "a transformer on patches of 4×4 pixels, for small square images",
    ),
    zoo(
        "vit-b16",
        Kind::VitB16,
        [3, 224, 224],
        1000,
        "a transformer on patches of 16×16 pixels (Dosovitskiy et al. 2021)",
    ),
];

/// A network of one layer; without a name, its paths are those that the layer has alone.
fn whole<T: Real>(layer: impl Layer<T> + 'static) -> Sequential<T> {
    Sequential::new().push_named("", layer)
}

impl Zoo {
    /// The network, for any number type.
    pub fn build<T: Real>(
        &self,
        problem: Problem,
        rng: &mut ChaCha8Rng,
    ) -> Result<Sequential<T>, String> {
        self.check(problem)?;
        let Problem { image, classes } = problem;
        let build = || match self.kind {
            Kind::Cnn => whole(Cnn::new(image, classes, rng)),
            Kind::Digits => whole(DigitsCnn::new(&DigitsOptions::default(), rng)),
            Kind::LeNet => {
                let options = LeNetOptions {
                    channels: image[0],
                    size: image[1],
                    classes,
                    ..LeNetOptions::default()
                };
                whole(LeNet::new(&options, rng))
            }
            Kind::ResNet20 => {
                let options = CifarResNetOptions {
                    channels: image[0],
                    classes,
                    ..CifarResNetOptions::default()
                };
                whole(CifarResNet::new(&options, rng))
            }
            Kind::Torchvision(name) => {
                torchvision(name, classes, rng).expect("a name of torchvision's models")
            }
            Kind::VitSmall | Kind::VitB16 => {
                let sizes = if self.kind == Kind::VitSmall {
                    VitOptions::small()
                } else {
                    VitOptions::b_16()
                };
                let options = VitOptions {
                    image: image[1],
                    classes,
                    ..sizes
                };
                whole(VisionTransformer::new(&options, rng))
            }
        };
        panic_message(build).map_err(|message| format!("{}: {message}", self.name))
    }

    /// An error if the network cannot be made for these images, with one that can.
    fn check(&self, problem: Problem) -> Result<(), String> {
        let name = self.name;
        let Problem {
            image: [channels, height, width],
            classes,
        } = problem;
        let is_fixed = self.kind == Kind::Digits;
        if is_fixed && problem != self.usual {
            return Err(format!(
                "{name} is for 1×8×8 pixels in 10 classes, and these images have {channels}×{height}×{width} \
                 in {classes}; choose --model cnn"
            ));
        }
        if self.usual.image[0] == 3 && self.kind != Kind::ResNet20 && channels != 3 {
            return Err(format!(
                "{name} needs colour images, and these have {channels} channel; choose --model cnn, lenet or \
                 resnet20"
            ));
        }
        let is_square_only = matches!(self.kind, Kind::LeNet | Kind::VitSmall | Kind::VitB16);
        if is_square_only && height != width {
            return Err(format!(
                "{name} needs square images, and these have {height}×{width} pixels; choose --model cnn"
            ));
        }
        let least = match self.kind {
            Kind::Cnn => 4,
            Kind::LeNet => 12,
            Kind::Torchvision("vgg11_bn" | "vgg16_bn" | "densenet121") => 32,
            Kind::Torchvision("squeezenet1_0") => 21,
            Kind::Torchvision("squeezenet1_1") => 17,
            _ => 1,
        };
        if height.min(width) < least {
            return Err(format!(
                "{name} needs images of at least {least}×{least} pixels, and these have {height}×{width}"
            ));
        }
        Ok(())
    }
}
