//! The models of torchvision by their names there.

use rand::Rng;
use wengert_tensor::Real;

use super::{
    DenseNet, DenseNetOptions, EfficientNet, EfficientNetOptions, MobileNetOptions, MobileNetV2,
    ShuffleNetOptions, ShuffleNetV2, SqueezeNet, SqueezeNetVersion, Vgg, VggLayout, VggOptions,
    VisionTransformer, VitOptions, resnet18, resnet34, resnet50, resnet101, resnet152,
};
use crate::layers::Sequential;
use crate::module::Layer;

/// Defines [`torchvision`] and [`TORCHVISION`].
macro_rules! models {
    (|$classes:ident, $rng:ident| $($name:literal => $model:expr,)*) => {
        /// The names that [`torchvision`] knows.
        pub const TORCHVISION: &[&str] = &[$($name),*];

        /// The model that torchvision has under a name, with its default options but for the number of classes; `None`
        /// if [`TORCHVISION`] does not have the name.
        ///
        /// * input: `[batch, 3, height, width]`; for `vit_b_16` height and width are 224
        /// * output: `[batch, classes]`
        ///
        /// The paths of its parameters are those of torchvision.
        ///
        /// ```
        /// use wengert_nn::{models::torchvision, rng, summary};
        ///
        /// let model = torchvision::<f32>("squeezenet1_1", 10, &mut rng(0)).expect("a known name");
        /// assert_eq!(summary(&model, [1, 3, 64, 64]).output_shape, [1, 10]);
        /// assert!(torchvision::<f32>("resnet17", 10, &mut rng(0)).is_none());
        /// ```
        #[must_use]
        pub fn torchvision<T: Real>(
            name: &str,
            $classes: usize,
            $rng: &mut impl Rng,
        ) -> Option<Sequential<T>> {
            Some(match name {
                $($name => unnamed($model),)*
                _ => return None,
            })
        }
    };
}

models! { |classes, rng|
    "resnet18" => resnet18(classes, rng),
    "resnet34" => resnet34(classes, rng),
    "resnet50" => resnet50(classes, rng),
    "resnet101" => resnet101(classes, rng),
    "resnet152" => resnet152(classes, rng),
    "vgg11" => vgg(VggLayout::Vgg11, false, classes, rng),
    "vgg11_bn" => vgg(VggLayout::Vgg11, true, classes, rng),
    "vgg13" => vgg(VggLayout::Vgg13, false, classes, rng),
    "vgg13_bn" => vgg(VggLayout::Vgg13, true, classes, rng),
    "vgg16" => vgg(VggLayout::Vgg16, false, classes, rng),
    "vgg16_bn" => vgg(VggLayout::Vgg16, true, classes, rng),
    "vgg19" => vgg(VggLayout::Vgg19, false, classes, rng),
    "vgg19_bn" => vgg(VggLayout::Vgg19, true, classes, rng),
    "mobilenet_v2" => MobileNetV2::new(&MobileNetOptions { classes, ..Default::default() }, rng),
    "densenet121" => DenseNet::new(&DenseNetOptions { classes, ..Default::default() }, rng),
    "squeezenet1_0" => SqueezeNet::new(SqueezeNetVersion::V1_0, classes, rng),
    "squeezenet1_1" => SqueezeNet::new(SqueezeNetVersion::V1_1, classes, rng),
    "shufflenet_v2_x1_0" => ShuffleNetV2::new(&ShuffleNetOptions { classes, ..Default::default() }, rng),
    "efficientnet_b0" => EfficientNet::new(&EfficientNetOptions { classes, ..Default::default() }, rng),
    "vit_b_16" => VisionTransformer::new(&VitOptions { classes, ..VitOptions::b_16() }, rng),
}

fn vgg<T: Real>(layout: VggLayout, batch_norm: bool, classes: usize, rng: &mut impl Rng) -> Vgg<T> {
    let options = VggOptions {
        batch_norm,
        classes,
        ..VggOptions::default()
    };
    Vgg::new(layout, &options, rng)
}

/// A network of one layer; without a name, its paths are those that the layer has alone.
fn unnamed<T: Real>(layer: impl Layer<T> + 'static) -> Sequential<T> {
    Sequential::new().push_named("", layer)
}
