//! Convolution: the three bilinear maps that one trilinear form defines.

use wengert_tensor::conv::{
    forward, geometry_of, input_gradient, transposed_geometry_of, weight_gradient,
};
use wengert_tensor::fail::fail;
use wengert_tensor::kernels::conv::{ConvGeometry, Direction, GeometryError, KernelChoice};
use wengert_tensor::{ConvOptions, ConvTransposeOptions};

use crate::ops::prelude::*;

/// One of the three bilinear maps in
/// `⟨conv(x, w), y⟩ = ⟨x, input_gradient(w, y)⟩ = ⟨w, weight_gradient(x, y)⟩`.
///
/// The rule of each map calls the two others, so derivatives of any order are again convolutions.
#[derive(Clone, Debug)]
pub struct Conv {
    geometry: ConvGeometry,
    direction: Direction,
    kernel: KernelChoice,
}

impl Conv {
    /// The map of the same geometry in another direction.
    fn apply_in<T: Real>(&self, direction: Direction, a: &Var<T>, b: &Var<T>) -> Var<T> {
        Var::apply(
            Self {
                direction,
                ..self.clone()
            },
            [a, b],
        )
    }
}

impl Op for Conv {
    fn name(&self) -> &'static str {
        match self.direction {
            Direction::Forward => "conv",
            Direction::InputGradient => "conv_input",
            Direction::WeightGradient => "conv_weight",
        }
    }

    fn attributes(&self) -> Attributes {
        vec![
            ("kernel", self.geometry.kernel.as_slice().into()),
            ("stride", self.geometry.stride.as_slice().into()),
            ("padding", self.geometry.padding.as_flattened().into()),
            ("dilation", self.geometry.dilation.as_slice().into()),
            ("groups", self.geometry.groups.into()),
            ("input", self.geometry.input.as_slice().into()),
        ]
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let kernel = match self.direction {
            Direction::Forward => forward,
            Direction::InputGradient => input_gradient,
            Direction::WeightGradient => weight_gradient,
        };
        kernel(&x[0], &x[1], &self.geometry, &self.kernel).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        use Direction::{Forward, InputGradient, WeightGradient};
        // The cotangent replaces the result in the trilinear form.
        let (a, b) = (call.input(0), call.input(1));
        match self.direction {
            Forward => {
                out.input(0, |g| self.apply_in(InputGradient, b, g));
                out.input(1, |g| self.apply_in(WeightGradient, a, g));
            }
            InputGradient => {
                out.input(0, |g| self.apply_in(WeightGradient, g, b));
                out.input(1, |g| self.apply_in(Forward, g, a));
            }
            WeightGradient => {
                out.input(0, |g| self.apply_in(InputGradient, g, b));
                out.input(1, |g| self.apply_in(Forward, a, g));
            }
        }
    }

    fn outline(&self, inputs: &[&[usize]]) -> Outline {
        let geometry = &self.geometry;
        let shape = match self.direction {
            Direction::Forward => geometry.y_shape(),
            Direction::InputGradient => geometry.x_shape(),
            Direction::WeightGradient => geometry.w_shape(),
        };
        let axes = inputs[0].len() - 2;
        let plane = |extents: [usize; 3]| [extents[1], extents[2]];
        // Neighbouring elements of a transposed convolution read different taps, so there is no one
        // window.
        let reach = match self.direction {
            Direction::Forward => Reach::Window(Window {
                kernel: plane(geometry.kernel),
                stride: plane(geometry.stride),
                dilation: plane(geometry.dilation),
            }),
            Direction::InputGradient | Direction::WeightGradient => Reach::Whole,
        };
        let products = geometry.y_len() * geometry.group_channels() * geometry.taps();
        Outline::of([&shape[..2], &shape[5 - axes..]].concat())
            .multiply_adds(products)
            .reach(reach)
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (axes, geometry) = draw_geometry(draw);
        let (x, w, y) = (geometry.x_shape(), geometry.w_shape(), geometry.y_shape());
        let direction = draw.pick(&Direction::ALL);
        let shapes = match direction {
            Direction::Forward => [x, w],
            Direction::InputGradient => [w, y],
            Direction::WeightGradient => [x, y],
        };
        let kernel = draw.pick(&[KernelChoice::Auto, KernelChoice::Accurate]);
        let inputs = shapes.map(|s| draw.normal([&s[..2], &s[5 - axes..]].concat()));
        Sample::new(
            Self {
                geometry,
                direction,
                kernel,
            },
            inputs,
        )
    }
}

/// A geometry of one to three spatial axes, with different sizes and options for each axis.
fn draw_geometry(draw: &mut Draw) -> (usize, ConvGeometry) {
    let axes = draw.pick(&[1, 2, 2, 2, 3]);
    let largest = if axes == 3 { 2 } else { 2 + draw.size() / 2 };
    let groups = draw.pick(&[1, 1, 2, 3]);
    let (per_group, filters) = (draw.within(1, largest), draw.within(1, largest));
    let batch = if draw.once_in(12) {
        0
    } else {
        draw.within(1, largest)
    };
    let mut x = [batch, groups * per_group, 1, 1, 1];
    let mut w = [groups * filters, per_group, 1, 1, 1];
    let (mut stride, mut padding, mut dilation) = ([1; 3], [[0; 2]; 3], [1; 3]);
    for axis in 3 - axes..3 {
        stride[axis] = draw.within(1, 3);
        padding[axis] = [draw.within(0, 2), draw.within(0, 2)];
        dilation[axis] = draw.within(1, 2);
        w[2 + axis] = draw.within(1, 3);
        let window = dilation[axis] * (w[2 + axis] - 1) + 1;
        let least = window
            .saturating_sub(padding[axis][0] + padding[axis][1])
            .max(1);
        x[2 + axis] = least + draw.within(0, largest);
    }
    let geometry = ConvGeometry::new(x, w, stride, padding, dilation, groups)
        .expect("the image holds the window, the groups divide the channels");
    (axes, geometry)
}

impl<T: Real> Var<T> {
    /// Cross-correlation of a batch of signals with a bank of filters.
    ///
    /// `y[n, o, i] = Σ x[n, c, s·i + d·k − p] · w[o, c, k]`
    ///
    /// * `self`: `[batch, channels, width]`, or `[channels, width]` for one signal
    /// * `weight`: `[filters, channels / groups, kernel_width]`
    /// * returns `[batch, filters, out_width]`, see [`ConvGeometry::output`]
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::tensor::ConvOptions;
    ///
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 2.0, 4.0, 8.0], [1, 1, 4]));
    /// let weight = Tape::new().leaf(Tensor::from_vec(vec![-1.0, 1.0], [1, 1, 2]));
    /// let y = x.conv1d(&weight, &ConvOptions::default());
    /// assert_eq!(y.value().to_vec(), [1.0, 2.0, 4.0]);
    /// assert_eq!(y.sum(..).backward().wrt(&weight).to_vec(), [7.0, 14.0]);
    /// ```
    ///
    /// # Panics
    /// If the channel counts disagree, the window exceeds the padded signal, or the options
    /// are invalid, see [`GeometryError`].
    #[must_use]
    #[track_caller]
    pub fn conv1d(&self, weight: &Self, options: &ConvOptions) -> Self {
        self.convolve("conv1d", 1, weight, options)
    }

    /// Cross-correlation of a batch of images with a bank of filters.
    ///
    /// `y[n, o, i, j] = Σ x[n, c, s·i + d·k − p, s·j + d·l − p] · w[o, c, k, l]`
    ///
    /// * `self`: `[batch, channels, height, width]`, or `[channels, height, width]` for one image
    /// * `weight`: `[filters, channels / groups, kernel_height, kernel_width]`
    /// * returns `[batch, filters, out_height, out_width]`, see [`ConvGeometry::output`]
    ///
    /// A bias `[filters]` is added as `y + bias.reshape([filters, 1, 1])`.
    ///
    /// ```
    /// use wengert_autograd::Tape;
    /// use wengert_tensor::{ConvOptions, Tensor};
    ///
    /// let tape = Tape::new();
    /// let x = tape.leaf(Tensor::<f32>::ones([1, 2, 5, 7]));
    /// let w = tape.leaf(Tensor::ones([4, 2, 3, 3]));
    /// let y = x.conv2d(&w, &ConvOptions::default().stride([2, 1]).padding(1));
    /// assert_eq!(y.shape(), [1, 4, 3, 7]);
    /// ```
    ///
    /// # Panics
    /// If the channel counts disagree, the window exceeds the padded image, or the options
    /// are invalid, see [`GeometryError`].
    #[must_use]
    #[track_caller]
    pub fn conv2d(&self, weight: &Self, options: &ConvOptions) -> Self {
        self.convolve("conv2d", 2, weight, options)
    }

    /// Cross-correlation of a batch of volumes with a bank of filters, as [`conv2d`](Self::conv2d)
    /// with one more axis.
    ///
    /// * `self`: `[batch, channels, depth, height, width]`, or without the batch
    /// * `weight`: `[filters, channels / groups, kernel_depth, kernel_height, kernel_width]`
    /// * returns `[batch, filters, out_depth, out_height, out_width]`
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::tensor::ConvOptions;
    ///
    /// let x = Var::constant(Tensor::<f64>::ones([1, 2, 3, 4, 4]));
    /// let y = x.conv3d(&Var::constant(Tensor::ones([5, 2, 3, 3, 3])), &ConvOptions::default());
    /// assert_eq!((y.shape(), y.value().get([0; 5])), (&[1, 5, 1, 2, 2][..], 54.0));
    /// ```
    ///
    /// # Panics
    /// If the channel counts disagree, the window exceeds the padded volume, or the options
    /// are invalid, see [`GeometryError`].
    #[must_use]
    #[track_caller]
    pub fn conv3d(&self, weight: &Self, options: &ConvOptions) -> Self {
        self.convolve("conv3d", 3, weight, options)
    }

    /// Transposed convolution: every element of the input, times the filter, is added to the result.
    ///
    /// `y[n, o, s·i + d·k − p] += x[n, c, i] · w[c, o, k]`
    ///
    /// * `self`: `[batch, channels, width]`, or `[channels, width]`
    /// * `weight`: `[channels, filters / groups, kernel_width]`
    /// * returns `[batch, filters, out_width]` with
    ///   `out = (width − 1)·s − p₀ − p₁ + d·(kernel − 1) + 1 + output_padding`
    ///
    /// The output padding must be below stride or dilation.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::tensor::ConvTransposeOptions;
    ///
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 2.0], [1, 1, 2]));
    /// let weight = Var::constant(Tensor::from_vec(vec![1.0, 10.0], [1, 1, 2]));
    /// let y = x.conv_transpose1d(&weight, &ConvTransposeOptions::default());
    /// assert_eq!(y.value().to_vec(), [1.0, 12.0, 20.0]);
    /// ```
    ///
    /// # Panics
    /// If the channel counts disagree, or the options are invalid, see [`GeometryError`].
    #[must_use]
    #[track_caller]
    pub fn conv_transpose1d(&self, weight: &Self, options: &ConvTransposeOptions) -> Self {
        self.convolve_transposed("conv_transpose1d", 1, weight, options)
    }

    /// Transposed convolution of images, see [`conv_transpose1d`](Self::conv_transpose1d).
    ///
    /// * `self`: `[batch, channels, height, width]`, or without the batch
    /// * `weight`: `[channels, filters / groups, kernel_height, kernel_width]`
    /// * returns `[batch, filters, out_height, out_width]`
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::tensor::ConvTransposeOptions;
    ///
    /// let x = Var::constant(Tensor::<f64>::ones([1, 8, 4, 4]));
    /// let weight = Var::constant(Tensor::ones([8, 3, 2, 2]));
    /// let y = x.conv_transpose2d(&weight, &ConvTransposeOptions::default().stride(2));
    /// assert_eq!((y.shape(), y.value().get([0; 4])), (&[1, 3, 8, 8][..], 8.0));
    /// ```
    ///
    /// # Panics
    /// If the channel counts disagree, or the options are invalid, see [`GeometryError`].
    #[must_use]
    #[track_caller]
    pub fn conv_transpose2d(&self, weight: &Self, options: &ConvTransposeOptions) -> Self {
        self.convolve_transposed("conv_transpose2d", 2, weight, options)
    }

    /// Transposed convolution of volumes, see [`conv_transpose1d`](Self::conv_transpose1d).
    ///
    /// * `self`: `[batch, channels, depth, height, width]`, or without the batch
    /// * `weight`: `[channels, filters / groups, kernel_depth, kernel_height, kernel_width]`
    /// * returns `[batch, filters, out_depth, out_height, out_width]`
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::tensor::ConvTransposeOptions;
    ///
    /// let x = Var::constant(Tensor::<f64>::ones([1, 2, 2, 2, 2]));
    /// let weight = Var::constant(Tensor::ones([2, 1, 2, 2, 2]));
    /// let y = x.conv_transpose3d(&weight, &ConvTransposeOptions::default().stride(2));
    /// assert_eq!((y.shape(), y.value().get([0; 5])), (&[1, 1, 4, 4, 4][..], 2.0));
    /// ```
    ///
    /// # Panics
    /// If the channel counts disagree, or the options are invalid, see [`GeometryError`].
    #[must_use]
    #[track_caller]
    pub fn conv_transpose3d(&self, weight: &Self, options: &ConvTransposeOptions) -> Self {
        self.convolve_transposed("conv_transpose3d", 3, weight, options)
    }

    // No closures below: `#[track_caller]` does not pass through a closure.
    #[track_caller]
    fn convolve(&self, op: &str, axes: usize, weight: &Self, options: &ConvOptions) -> Self {
        let batch = self.batched(op, axes, weight);
        let geometry = match geometry_of(batch.shape(), weight.shape(), options) {
            Ok(geometry) => geometry,
            Err(error) => fail_at(op, self, weight, &error),
        };
        let (direction, kernel) = (Direction::Forward, options.kernel.clone());
        let conv = Conv {
            geometry,
            direction,
            kernel,
        };
        self.unbatched(Self::apply(conv, [&batch, weight]))
    }

    #[track_caller]
    fn convolve_transposed(
        &self,
        op: &str,
        axes: usize,
        weight: &Self,
        options: &ConvTransposeOptions,
    ) -> Self {
        let batch = self.batched(op, axes, weight);
        let geometry = match transposed_geometry_of(batch.shape(), weight.shape(), options) {
            Ok(geometry) => geometry,
            Err(error) => match options.with_padded_input(axes) {
                Some((rows, options)) => {
                    let mut widths = vec![[0, 0]; self.rank() - axes];
                    widths.extend(rows.iter().map(|&rows| [0, rows as isize]));
                    let longer = self.pad(&widths, 0.0);
                    return longer.convolve_transposed(op, axes, weight, &options);
                }
                None => fail_at(op, self, weight, &error),
            },
        };
        let (direction, kernel) = (Direction::InputGradient, options.kernel.clone());
        let conv = Conv {
            geometry,
            direction,
            kernel,
        };
        self.unbatched(Self::apply(conv, [weight, &batch]))
    }

    /// The images with a batch axis, of extent 1 if they have none.
    #[track_caller]
    fn batched(&self, op: &str, axes: usize, weight: &Self) -> Self {
        let (rank, needed) = (self.rank(), axes + 2);
        require!(
            weight.rank() == needed && (rank == needed || rank + 1 == needed),
            "{op}: {:?} * {:?}: filters of rank {needed}, images of that rank or one less are needed",
            self.shape(),
            weight.shape()
        );
        if rank == needed {
            self.clone()
        } else {
            self.unsqueeze(0)
        }
    }

    /// The result, without its batch axis if these images have none.
    #[track_caller]
    fn unbatched(&self, y: Self) -> Self {
        if self.rank() == y.rank() {
            y
        } else {
            y.squeeze(0)
        }
    }
}

#[cold]
#[track_caller]
fn fail_at<T: Real>(op: &str, x: &Var<T>, w: &Var<T>, error: &GeometryError) -> ! {
    fail(format_args!(
        "{op}: {:?} * {:?}: {error}",
        x.shape(),
        w.shape()
    ))
}

/// Options and inputs for the method on `axes` spatial axes. Unlike [`draw_geometry`] it draws the public
/// options.
fn draw_call(draw: &mut Draw, axes: usize) -> (ConvOptions, [Tensor<f64>; 2]) {
    let groups = draw.pick(&[1, 2]);
    let (per_group, filters) = (draw.within(1, 2), draw.within(1, 2));
    let mut x = vec![groups * per_group];
    if !draw.once_in(3) {
        x.insert(0, draw.within(1, 2));
    }
    let mut w = vec![groups * filters, per_group];
    for _ in 0..axes {
        w.push(draw.within(1, 3));
        x.push(draw.within(5, 6));
    }
    let dilation: Vec<_> = (0..axes).map(|_| draw.within(1, 2)).collect();
    let options = ConvOptions::default()
        .groups(groups)
        .dilation(dilation.as_slice());
    let options = if draw.once_in(3) {
        options.padding(wengert_tensor::Padding::Same)
    } else {
        let stride: Vec<_> = (0..axes).map(|_| draw.within(1, 3)).collect();
        let sides: Vec<_> = (0..axes)
            .map(|_| [draw.within(0, 1), draw.within(0, 2)])
            .collect();
        options.stride(stride.as_slice()).padding(sides.as_slice())
    };
    let inputs = [draw.normal(x), draw.normal(w)];
    (options, inputs)
}

/// As [`draw_call`], for the transposed convolutions, whose filters are `[channels, filters / groups, …]`.
fn draw_transposed_call(draw: &mut Draw, axes: usize) -> (ConvTransposeOptions, [Tensor<f64>; 2]) {
    let groups = draw.pick(&[1, 2]);
    let (per_group, filters) = (draw.within(1, 2), draw.within(1, 2));
    let mut x = vec![groups * per_group];
    if !draw.once_in(3) {
        x.insert(0, draw.within(1, 2));
    }
    let mut w = vec![groups * per_group, filters];
    let (mut stride, mut dilation, mut extra, mut sides) = (vec![], vec![], vec![], vec![]);
    for _ in 0..axes {
        x.push(draw.within(1, 3));
        w.push(draw.within(1, 3));
        stride.push(draw.within(1, 3));
        dilation.push(draw.within(1, 3));
        extra.push(draw.within(0, stride[stride.len() - 1] - 1));
        let window = dilation[dilation.len() - 1] * (w[w.len() - 1] - 1);
        sides.push([draw.within(0, window / 2), draw.within(0, window / 2)]);
    }
    let options = ConvTransposeOptions::default()
        .groups(groups)
        .stride(stride.as_slice())
        .dilation(dilation.as_slice())
        .output_padding(extra.as_slice())
        .padding(sides.as_slice());
    let inputs = [draw.normal(x), draw.normal(w)];
    (options, inputs)
}

macro_rules! info {
    ($method:ident, $draw:ident, $axes:literal) => {
        OpInfo::function(stringify!($method), |draw| {
            let (options, inputs) = $draw(draw, $axes);
            let description = format!("{}, {options:?}", stringify!($method));
            Case::new(
                description,
                generic!([options] | x, w | x.$method(w, &options)),
                inputs,
            )
        })
    };
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Conv>("conv"),
    info!(conv1d, draw_call, 1),
    info!(conv2d, draw_call, 2),
    info!(conv3d, draw_call, 3),
    info!(conv_transpose1d, draw_transposed_call, 1),
    info!(conv_transpose2d, draw_transposed_call, 2),
    info!(conv_transpose3d, draw_transposed_call, 3),
];
