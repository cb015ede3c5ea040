//! The lessons, a file each, in the order of the course.

mod activations;
mod augmentation;
mod backprop_by_hand;
mod conv_arithmetic;
mod conv_channels;
mod dense_layer;
mod fashion;
mod feature_maps;
mod flatten_vgg;
mod initialisation;
mod pooling;
mod receptive_field;
mod residual;
mod resnet_cifar;
mod softmax_cross_entropy;
mod training;
mod vanishing_gradient;

use crate::Lesson;

/// The list of the lessons.
macro_rules! lessons {
    ($($name:ident: $about:literal,)+) => {
        /// All lessons, in the order of the course.
        pub static LESSONS: &[Lesson] =
            &[$(Lesson { name: stringify!($name), about: $about, run: $name::run }),+];
    };
}

lessons! {
    conv_arithmetic: "How large a convolution's result is, and how many weights and products it needs.",
    conv_channels: "A filter spans all input channels, and its results are summed over them.",
    feature_maps: "Low, middle and high level features, and what excites a unit most.",
    receptive_field: "Two stacked 3×3 convolutions see as much as one 5×5, with 18 weights instead of 25.",
    activations: "What a non-linear function between two layers adds.",
    pooling: "Max against average pooling, what small shifts do, and how the receptive field grows.",
    dense_layer: "Four inputs, three dense layers, one output: weights that can be drawn and read.",
    flatten_vgg: "From 3 channels to 7×7×512 and the dense head: shapes, parameters, time.",
    softmax_cross_entropy: "Scores become probabilities, and the gradient of the loss is p − y.",
    backprop_by_hand: "The gradients of a small network on paper, by tape, by dual numbers, by differences.",
    initialisation: "Which first weights keep the size of activations and gradients.",
    training: "What the learning rate, the batch size and momentum do, and Adam.",
    vanishing_gradient: "Why deep networks of sigmoids did not learn.",
    residual: "Plain networks become worse with depth; residual connections cure it.",
    augmentation: "Random shifts of the training images.",
    fashion: "Fashion-MNIST with two convolutions, pooling and two dense layers: minutes.",
    resnet_cifar: "A residual network of 20 layers on small colour images: minutes.",
}
