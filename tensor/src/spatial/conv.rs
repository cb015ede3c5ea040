//! Convolution of tensors: forward, input gradient, weight gradient, and the methods of `Tensor`.

mod options;

pub use options::{ConvOptions, ConvTransposeOptions, geometry_of, transposed_geometry_of};

use crate::fail::fail;
use crate::kernels::conv::{
    ConvGeometry, ConvKernel, Direction, GeometryError, KernelChoice, dispatch,
};
use crate::{Real, Tensor, create, require};

/// A convolution, `y[n, o, i] = Σ x[n, c, s·i + d·k − p] · w[o, c, k]`, by the kernel that `choice` selects.
///
/// * `x`: `[batch, channels, …]`, `w`: `[filters, channels / groups, …]`
/// * returns `[batch, filters, …]`
///
/// # Panics
/// If a shape is not that of the geometry, no kernel has the chosen name, or it does not support the
/// geometry.
#[must_use]
#[track_caller]
pub fn forward<T: Real>(
    x: &Tensor<T>,
    w: &Tensor<T>,
    geometry: &ConvGeometry,
    choice: &KernelChoice,
) -> Tensor<T> {
    forward_with(choose(geometry, Direction::Forward, choice), x, w, geometry)
}

/// The gradient of [`forward`] with respect to `x`, given the cotangent `dy` of its result.
///
/// * returns `dx`, of the shape of `x`
///
/// # Panics
/// As [`forward`] does.
#[must_use]
#[track_caller]
pub fn input_gradient<T: Real>(
    w: &Tensor<T>,
    dy: &Tensor<T>,
    geometry: &ConvGeometry,
    choice: &KernelChoice,
) -> Tensor<T> {
    let kernel = choose(geometry, Direction::InputGradient, choice);
    input_gradient_with(kernel, w, dy, geometry)
}

/// The gradient of [`forward`] with respect to `w`, given the cotangent `dy` of its result.
///
/// * returns `dw`, of the shape of `w`
///
/// # Panics
/// As [`forward`] does.
#[must_use]
#[track_caller]
pub fn weight_gradient<T: Real>(
    x: &Tensor<T>,
    dy: &Tensor<T>,
    geometry: &ConvGeometry,
    choice: &KernelChoice,
) -> Tensor<T> {
    let kernel = choose(geometry, Direction::WeightGradient, choice);
    weight_gradient_with(kernel, x, dy, geometry)
}

/// [`forward`] by a given kernel, such as one of your own.
///
/// # Panics
/// If a shape is not that of the geometry, or the kernel does not support it.
#[must_use]
#[track_caller]
pub fn forward_with<T: Real>(
    kernel: &dyn ConvKernel<T>,
    x: &Tensor<T>,
    w: &Tensor<T>,
    geometry: &ConvGeometry,
) -> Tensor<T> {
    let out = shape(geometry.y_shape(), x.rank());
    let operands = [(x, geometry.x_shape()), (w, geometry.w_shape())];
    run(kernel, geometry, operands, &out, |x, w, y| {
        kernel.forward(geometry, x, w, y);
    })
}

/// [`input_gradient`] by a given kernel, such as one of your own.
///
/// # Panics
/// If a shape is not that of the geometry, or the kernel does not support it.
#[must_use]
#[track_caller]
pub fn input_gradient_with<T: Real>(
    kernel: &dyn ConvKernel<T>,
    w: &Tensor<T>,
    dy: &Tensor<T>,
    geometry: &ConvGeometry,
) -> Tensor<T> {
    let out = shape(geometry.x_shape(), dy.rank());
    let operands = [(w, geometry.w_shape()), (dy, geometry.y_shape())];
    run(kernel, geometry, operands, &out, |w, dy, dx| {
        kernel.input_gradient(geometry, w, dy, dx);
    })
}

/// [`weight_gradient`] by a given kernel, such as one of your own.
///
/// # Panics
/// If a shape is not that of the geometry, or the kernel does not support it.
#[must_use]
#[track_caller]
pub fn weight_gradient_with<T: Real>(
    kernel: &dyn ConvKernel<T>,
    x: &Tensor<T>,
    dy: &Tensor<T>,
    geometry: &ConvGeometry,
) -> Tensor<T> {
    let out = shape(geometry.w_shape(), x.rank());
    let operands = [(x, geometry.x_shape()), (dy, geometry.y_shape())];
    run(kernel, geometry, operands, &out, |x, dy, dw| {
        kernel.weight_gradient(geometry, x, dy, dw);
    })
}

#[track_caller]
fn choose<T: Real>(
    geometry: &ConvGeometry,
    direction: Direction,
    choice: &KernelChoice,
) -> &'static dyn ConvKernel<T> {
    match dispatch(geometry, direction, choice) {
        Ok(kernel) => kernel,
        Err(error) => fail(format_args!("conv: {geometry}: {error}")),
    }
}

/// Checks geometry, operands and kernel, then calls `call` with contiguous slices and the result's buffer.
#[track_caller]
fn run<T: Real>(
    kernel: &dyn ConvKernel<T>,
    geometry: &ConvGeometry,
    operands: [(&Tensor<T>, [usize; 5]); 2],
    out: &[usize],
    call: impl FnOnce(&[T], &[T], &mut [T]),
) -> Tensor<T> {
    if let Err(error) = geometry.validate() {
        fail(format_args!("conv: {geometry}: {error}"));
    }
    for (operand, extents) in operands {
        let given = operand.shape();
        require!(
            operand.len() == extents.iter().product() && shape(extents, given.len()) == given,
            "conv: {geometry}: an operand is {given:?}, not {extents:?}"
        );
    }
    if let Err(reason) = kernel.supports(geometry) {
        fail(format_args!(
            "conv: {geometry}: the kernel {:?} does not support the geometry: {reason}",
            kernel.name()
        ));
    }
    let [a, b] = operands.map(|(operand, _)| operand);
    // Empty sums are 0, so kernels need not handle empty operands.
    if a.is_empty() || b.is_empty() || out.contains(&0) {
        return Tensor::zeros(out);
    }
    let (a, b) = (a.contiguous(), b.contiguous());
    let mut values = create::buffer("conv", out);
    call(
        a.as_slice().expect("made contiguous above"),
        b.as_slice().expect("made contiguous above"),
        &mut values,
    );
    Tensor::from_vec(values, out)
}

/// The shape of a tensor of rank `rank`, 3 to 5: five extents without the unused spatial axes.
fn shape([outer, inner, spatial @ ..]: [usize; 5], rank: usize) -> Vec<usize> {
    let unused = 5_usize.saturating_sub(rank).min(3);
    [&[outer, inner], &spatial[unused..]].concat()
}

impl<T: Real> Tensor<T> {
    /// Cross-correlation of a batch of signals with a bank of filters.
    ///
    /// `y[n, o, i] = Σ x[n, c, s·i + d·k − p] · w[o, c, k]`
    ///
    /// * `self`: `[batch, channels, width]`, or `[channels, width]` for one signal
    /// * `weight`: `[filters, channels / groups, kernel_width]`
    /// * returns `[batch, filters, out_width]`, see [`ConvGeometry::output`]
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// use wengert_tensor::ConvOptions;
    ///
    /// let x = Tensor::from_vec(vec![1.0, 2.0, 4.0, 8.0], [1, 1, 4]);
    /// let weight = Tensor::from_vec(vec![-1.0, 1.0], [1, 1, 2]);
    /// assert_eq!(x.conv1d(&weight, &ConvOptions::default()).to_vec(), [1.0, 2.0, 4.0]);
    /// ```
    ///
    /// # Panics
    /// If the channel counts disagree, the window exceeds the padded signal, or the options are
    /// invalid.
    #[must_use]
    #[track_caller]
    pub fn conv1d(&self, weight: &Self, options: &ConvOptions) -> Self {
        convolve("conv1d", 1, self, weight, options)
    }

    /// Cross-correlation of a batch of images with a bank of filters.
    ///
    /// `y[n, o, i, j] = Σ x[n, c, s·i + d·k − p, s·j + d·l − p] · w[o, c, k, l]`
    ///
    /// * `self`: `[batch, channels, height, width]`, or `[channels, height, width]` for one image
    /// * `weight`: `[filters, channels / groups, kernel_height, kernel_width]`
    /// * returns `[batch, filters, out_height, out_width]`, see [`ConvGeometry::output`]
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// use wengert_tensor::ConvOptions;
    ///
    /// let (x, weight) = (Tensor::<f64>::ones([1, 3, 5, 5]), Tensor::ones([8, 3, 3, 3]));
    /// let y = x.conv2d(&weight, &ConvOptions::default().padding(1).stride(2));
    /// assert_eq!(y.shape(), [1, 8, 3, 3]);
    /// // A corner has 4 of 9 taps inside, the middle all of them; 3 channels are summed.
    /// assert_eq!((y.get([0, 0, 0, 0]), y.get([0, 0, 1, 1])), (12.0, 27.0));
    /// ```
    ///
    /// # Panics
    /// If the channel counts disagree, the window exceeds the padded image, or the options are
    /// invalid.
    #[must_use]
    #[track_caller]
    pub fn conv2d(&self, weight: &Self, options: &ConvOptions) -> Self {
        convolve("conv2d", 2, self, weight, options)
    }

    /// Cross-correlation of a batch of volumes with a bank of filters, as [`conv2d`](Self::conv2d)
    /// with one more axis.
    ///
    /// * `self`: `[batch, channels, depth, height, width]`, or without the batch
    /// * `weight`: `[filters, channels / groups, kernel_depth, kernel_height, kernel_width]`
    /// * returns `[batch, filters, out_depth, out_height, out_width]`
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// use wengert_tensor::ConvOptions;
    ///
    /// let (x, weight) = (Tensor::<f64>::ones([1, 2, 3, 4, 4]), Tensor::ones([5, 2, 3, 3, 3]));
    /// let y = x.conv3d(&weight, &ConvOptions::default());
    /// assert_eq!((y.shape(), y.get([0; 5])), (&[1, 5, 1, 2, 2][..], 54.0));
    /// ```
    ///
    /// # Panics
    /// If the channel counts disagree, the window exceeds the padded volume, or the options are
    /// invalid.
    #[must_use]
    #[track_caller]
    pub fn conv3d(&self, weight: &Self, options: &ConvOptions) -> Self {
        convolve("conv3d", 3, self, weight, options)
    }

    /// Transposed convolution: adds each element of `self` times a filter to a window of the result. The
    /// input gradient of a convolution with the same options.
    ///
    /// `y[n, o, s·i + d·k − p] += x[n, c, i] · w[c, o, k]`
    ///
    /// * `self`: `[batch, channels, width]`, or `[channels, width]`
    /// * `weight`: `[channels, filters / groups, kernel_width]`
    /// * returns `[batch, filters, out_width]` with
    ///   `out = (width − 1)·s − p₀ − p₁ + d·(kernel − 1) + 1 + output_padding`
    ///
    /// The output padding must be less than the stride or less than the dilation.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// use wengert_tensor::ConvTransposeOptions;
    ///
    /// let x = Tensor::from_vec(vec![1.0, 2.0], [1, 1, 2]);
    /// let weight = Tensor::from_vec(vec![1.0, 10.0], [1, 1, 2]);
    /// assert_eq!(x.conv_transpose1d(&weight, &ConvTransposeOptions::default()).to_vec(), [1.0, 12.0, 20.0]);
    /// ```
    ///
    /// # Panics
    /// If the channel counts disagree, or the options are invalid.
    #[must_use]
    #[track_caller]
    pub fn conv_transpose1d(&self, weight: &Self, options: &ConvTransposeOptions) -> Self {
        convolve_transposed("conv_transpose1d", 1, self, weight, options)
    }

    /// Transposed convolution of images, see [`conv_transpose1d`](Self::conv_transpose1d).
    ///
    /// * `self`: `[batch, channels, height, width]`, or without the batch
    /// * `weight`: `[channels, filters / groups, kernel_height, kernel_width]`
    /// * returns `[batch, filters, out_height, out_width]`
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// use wengert_tensor::ConvTransposeOptions;
    ///
    /// let (x, weight) = (Tensor::<f64>::ones([1, 8, 4, 4]), Tensor::ones([8, 3, 2, 2]));
    /// let y = x.conv_transpose2d(&weight, &ConvTransposeOptions::default().stride(2));
    /// assert_eq!((y.shape(), y.get([0; 4])), (&[1, 3, 8, 8][..], 8.0));
    /// ```
    ///
    /// # Panics
    /// If the channel counts disagree, or the options are invalid.
    #[must_use]
    #[track_caller]
    pub fn conv_transpose2d(&self, weight: &Self, options: &ConvTransposeOptions) -> Self {
        convolve_transposed("conv_transpose2d", 2, self, weight, options)
    }

    /// Transposed convolution of volumes, see [`conv_transpose1d`](Self::conv_transpose1d).
    ///
    /// * `self`: `[batch, channels, depth, height, width]`, or without the batch
    /// * `weight`: `[channels, filters / groups, kernel_depth, kernel_height, kernel_width]`
    /// * returns `[batch, filters, out_depth, out_height, out_width]`
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// use wengert_tensor::ConvTransposeOptions;
    ///
    /// let (x, weight) = (Tensor::<f64>::ones([1, 2, 2, 2, 2]), Tensor::ones([2, 1, 2, 2, 2]));
    /// let y = x.conv_transpose3d(&weight, &ConvTransposeOptions::default().stride(2));
    /// assert_eq!((y.shape(), y.get([0; 5])), (&[1, 1, 4, 4, 4][..], 2.0));
    /// ```
    ///
    /// # Panics
    /// If the channel counts disagree, or the options are invalid.
    #[must_use]
    #[track_caller]
    pub fn conv_transpose3d(&self, weight: &Self, options: &ConvTransposeOptions) -> Self {
        convolve_transposed("conv_transpose3d", 3, self, weight, options)
    }
}

#[track_caller]
fn convolve<T: Real>(
    op: &str,
    axes: usize,
    x: &Tensor<T>,
    w: &Tensor<T>,
    options: &ConvOptions,
) -> Tensor<T> {
    let batch = batched(op, axes, x, w);
    match geometry_of(batch.shape(), w.shape(), options) {
        Ok(geometry) => {
            let y = forward(&batch, w, &geometry, &options.kernel);
            if x.rank() == w.rank() {
                y
            } else {
                y.squeeze(0)
            }
        }
        Err(error) => fail_geometry(op, x, w, &error),
    }
}

#[track_caller]
fn convolve_transposed<T: Real>(
    op: &str,
    axes: usize,
    x: &Tensor<T>,
    w: &Tensor<T>,
    options: &ConvTransposeOptions,
) -> Tensor<T> {
    let batch = batched(op, axes, x, w);
    match transposed_geometry_of(batch.shape(), w.shape(), options) {
        Ok(geometry) => {
            let y = input_gradient(w, &batch, &geometry, &options.kernel);
            if x.rank() == w.rank() {
                y
            } else {
                y.squeeze(0)
            }
        }
        Err(error) => match options.with_padded_input(axes) {
            Some((zeros, options)) => {
                let mut widths = vec![[0, 0]; x.rank() - axes];
                widths.extend(zeros.iter().map(|&count| [0, count as isize]));
                convolve_transposed(op, axes, &x.pad(&widths, T::zero()), w, &options)
            }
            None => fail_geometry(op, x, w, &error),
        },
    }
}

/// The images with a batch axis: one of extent 1 is added if it is missing.
#[track_caller]
fn batched<T: Real>(op: &str, axes: usize, x: &Tensor<T>, w: &Tensor<T>) -> Tensor<T> {
    require!(
        w.rank() == axes + 2 && (x.rank() == axes + 2 || x.rank() == axes + 1),
        "{op}: {:?} * {:?}: filters of rank {}, images of that rank or one less are needed",
        x.shape(),
        w.shape(),
        axes + 2
    );
    if x.rank() == w.rank() {
        x.clone()
    } else {
        x.unsqueeze(0)
    }
}

#[cold]
#[track_caller]
fn fail_geometry<T: Real>(op: &str, x: &Tensor<T>, w: &Tensor<T>, error: &GeometryError) -> ! {
    fail(format_args!(
        "{op}: {:?} * {:?}: {error}",
        x.shape(),
        w.shape()
    ))
}
