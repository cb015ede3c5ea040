//! Windows over axes as a view, and the adjoint, which adds up overlapping windows.

use wengert_tensor::{ConvOptions, Layout};

use crate::ops::prelude::*;

/// Windows over an axis: `size` elements with distance `dilation`; the next window begins `step`
/// elements later.
#[derive(Clone, Copy, Debug)]
struct AxisWindows {
    axis: isize,
    size: usize,
    step: usize,
    dilation: usize,
}

impl AxisWindows {
    /// The view of the windows: the position inside the window is a new last axis.
    #[track_caller]
    fn view(self, layout: &Layout) -> Layout {
        let span = self.dilation * (self.size.max(1) - 1) + 1;
        layout
            .unfold_axis(self.axis, span, self.step)
            .slice(-1, Slice::from(..).step(self.dilation as isize))
    }

    /// Windows over an axis, and a shape in which they fit.
    fn draw(draw: &mut Draw) -> (Self, Vec<usize>) {
        let rank = draw.within(1, 3);
        let (mut shape, axis) = (draw.filled_shape(rank), draw.axis(rank));
        let (size, step, dilation) = (draw.within(1, 3), draw.within(1, 3), draw.within(1, 2));
        shape[axis.rem_euclid(rank as isize) as usize] =
            dilation * (size - 1) + 1 + draw.within(0, 4);
        (
            Self {
                axis,
                size,
                step,
                dilation,
            },
            shape,
        )
    }
}

/// The windows over an axis.
#[derive(Clone, Debug)]
pub struct Unfold(AxisWindows);

impl Op for Unfold {
    fn name(&self) -> &'static str {
        "unfold_axis"
    }

    fn attributes(&self) -> Attributes {
        vec![
            ("axis", self.0.axis.into()),
            ("size", self.0.size.into()),
            ("step", self.0.step.into()),
            ("dilation", self.0.dilation.into()),
        ]
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        let AxisWindows {
            axis,
            size,
            step,
            dilation,
        } = self.0;
        let span = dilation * (size - 1) + 1;
        x[0].unfold_axis(axis, span, step)
            .slice(-1, Slice::from(..).step(dilation as isize))
            .into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| {
            let shape = call.input_shape(0).to_vec();
            Var::apply(
                Fold {
                    axis_windows: self.0,
                    shape,
                },
                [grad],
            )
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (axis_windows, shape) = AxisWindows::draw(draw);
        Sample::new(Self(axis_windows), [draw.normal(shape)])
    }
}

/// Larger windows are added up as a whole.
const MAX_POSITIONS: isize = 16;

/// Windows added up where they overlap.
#[derive(Clone, Debug)]
pub struct Fold {
    axis_windows: AxisWindows,
    shape: Vec<usize>,
}

impl Op for Fold {
    fn name(&self) -> &'static str {
        "fold_axis"
    }

    fn reads(&self) -> Reads {
        Reads::SHAPES
    }

    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        // The sums have the order of the windows in memory, so that inner loops are long.
        let mut order: Vec<isize> = (0..self.shape.len() as isize).collect();
        let (extents, strides) = (x[0].shape(), x[0].layout().strides());
        if strides[..order.len()].iter().all(|&stride| stride > 0) && !extents.contains(&1) {
            order.sort_by_key(|&axis| std::cmp::Reverse(strides[axis as usize]));
        }
        let mut places = order.clone();
        for (place, &axis) in order.iter().enumerate() {
            places[axis as usize] = place as isize;
        }
        let extents: Vec<usize> = order
            .iter()
            .map(|&axis| self.shape[axis as usize])
            .collect();
        let mut y = Tensor::zeros(extents);
        order.push(-1);
        // One position in all windows after the other: a loop over many windows, not over a few positions.
        let size = self.axis_windows.size as isize;
        let at_once = if size <= MAX_POSITIONS { 1 } else { size };
        let positions: Vec<_> = (0..size)
            .step_by(at_once as usize)
            .map(|first| first..first + at_once)
            .collect();
        let sources: Vec<_> = positions
            .iter()
            .map(|positions| x[0].slice(-1, positions.clone()).permute(&order))
            .collect();
        let views = positions.iter().map(|positions| {
            |layout: &Layout| {
                let view = self.axis_windows.view(&layout.permute(&places));
                let view = view.slice(-1, Slice::from(positions.clone()));
                view.permute(&order)
            }
        });
        y.update_views(views.zip(&sources), |sum, x| sum + x);
        y.permute(&places).into()
    }

    fn vjp<T: Real>(&self, _call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |grad| Var::apply(Unfold(self.axis_windows), [grad]));
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        let (axis_windows, shape) = AxisWindows::draw(draw);
        let layout = axis_windows.view(draw.normal(&shape).layout());
        Sample::new(
            Self {
                axis_windows,
                shape,
            },
            [draw.normal(layout.shape())],
        )
    }
}

/// Sums and products of two extents up to this do not overflow.
const LARGEST_EXTENT: usize = i32::MAX as usize;

/// Windows over the two axes of an image, and its padding.
struct Plane {
    padding: [[usize; 2]; 2],
    by_axis: [AxisWindows; 2],
}

impl Plane {
    #[track_caller]
    fn new(op: &str, kernel: [usize; 2], options: &ConvOptions) -> Self {
        require!(
            kernel[0] > 0 && kernel[1] > 0 && options.groups == 1,
            "{op}: a kernel of {kernel:?} in {} groups: extents of at least 1 and one group are needed",
            options.groups
        );
        let [kh, kw] = kernel;
        let resolved = options.stride.resolve("stride", 2).and_then(|stride| {
            let dilation = options.dilation.resolve("dilation", 2)?;
            let padding = options.padding.resolve(2, [1, kh, kw], stride, dilation)?;
            Ok((stride, dilation, padding))
        });
        let (stride, dilation, padding) = match resolved {
            Ok(resolved) => resolved,
            Err(error) => {
                wengert_tensor::fail::fail(format_args!("{op}: windows of {kernel:?}: {error}"))
            }
        };
        let extents = [[1, kh, kw], stride, dilation];
        let largest = extents.as_flattened().iter().chain(padding.as_flattened());
        let largest = largest.copied().max().unwrap_or(0);
        require!(
            largest <= LARGEST_EXTENT,
            "{op}: windows of {kernel:?}, stride {:?}, dilation {:?}, padding {:?}: {largest} is more \
             than {LARGEST_EXTENT}",
            &stride[1..],
            &dilation[1..],
            &padding[1..]
        );
        let axis_windows = |axis: usize| AxisWindows {
            axis: axis as isize + 2,
            size: kernel[axis],
            step: stride[axis + 1],
            dilation: dilation[axis + 1],
        };
        Self {
            padding: [padding[1], padding[2]],
            by_axis: [axis_windows(0), axis_windows(1)],
        }
    }
}

impl<T: Real> Var<T> {
    #[track_caller]
    fn unfold_by(&self, axis_windows: AxisWindows) -> Self {
        let (extent, span) = (
            self.size(axis_windows.axis),
            axis_windows.dilation * (axis_windows.size.max(1) - 1) + 1,
        );
        require!(
            axis_windows.size > 0
                && axis_windows.step > 0
                && axis_windows.dilation > 0
                && span <= extent,
            "unfold: {:?}: axis {} has extent {extent}, windows span {span}, {} apart",
            self.shape(),
            axis_windows.axis,
            axis_windows.step
        );
        Self::apply(Unfold(axis_windows), [self])
    }

    /// Windows of `size` elements, `step` apart, over one axis: the axis becomes the index of the
    /// window, and the position inside the window is a new last axis. No copy.
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// let x = Var::constant(Tensor::from_vec(vec![1.0, 2.0, 3.0, 4.0, 5.0], [5]));
    /// let y = x.unfold_axis(0, 3, 2);
    /// assert_eq!((y.shape(), y.value().to_vec()), (&[2, 3][..], vec![1.0, 2.0, 3.0, 3.0, 4.0, 5.0]));
    /// ```
    ///
    /// # Panics
    /// If there is no such axis, size or step is 0 or the window exceeds the axis.
    #[must_use]
    #[track_caller]
    pub fn unfold_axis(&self, axis: isize, size: usize, step: usize) -> Self {
        let axis = wengert_tensor::resolve_axis("unfold_axis", axis, self.shape()) as isize;
        self.unfold_by(AxisWindows {
            axis,
            size,
            step,
            dilation: 1,
        })
    }

    /// The patches of an image that [`conv2d`](Self::conv2d) of the same options multiplies with its
    /// filters, one a column (`im2col`).
    ///
    /// * `self`: `[batch, channels, height, width]`
    /// * returns `[batch, channels · kernel_height · kernel_width, windows]`, the windows in row-major
    ///   order
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::tensor::ConvOptions;
    ///
    /// let x = Var::constant(Tensor::<f64>::ones([1, 3, 5, 5]));
    /// // Patches of 3·2·2 numbers, at 4·4 places.
    /// assert_eq!(x.unfold([2, 2], &ConvOptions::default()).shape(), [1, 12, 16]);
    /// ```
    ///
    /// # Panics
    /// If the rank is not 4, the options have groups, or the window exceeds the padded image.
    #[must_use]
    #[track_caller]
    pub fn unfold(&self, kernel: [usize; 2], options: &ConvOptions) -> Self {
        require!(
            self.rank() == 4,
            "unfold: {:?}: not [batch, channels, height, width]",
            self.shape()
        );
        let Plane { padding, by_axis } = Plane::new("unfold", kernel, options);
        let [above, beside] = padding.map(|sides| sides.map(|n| n as isize));
        let windows = self.pad(&[[0, 0], [0, 0], above, beside], 0.0);
        let windows = windows.unfold_by(by_axis[0]).unfold_by(by_axis[1]);
        let &[batch, channels, rows, columns, kh, kw] = windows.shape() else {
            unreachable!("each unfolded axis adds one axis to the four of the image")
        };
        windows
            .permute([0, 1, 4, 5, 2, 3])
            .reshape([batch, channels * kh * kw, rows * columns])
    }

    /// The adjoint of [`unfold`](Self::unfold): patches added up where they overlap (`col2im`).
    ///
    /// * `self`: `[batch, channels · kernel_height · kernel_width, windows]`
    /// * `output`: the image, `[height, width]`
    /// * returns `[batch, channels, height, width]`
    ///
    /// ```
    /// # use wengert_autograd::{Tape, Var};
    /// # use wengert_tensor::Tensor;
    /// use wengert_autograd::tensor::ConvOptions;
    ///
    /// let patches = Var::constant(Tensor::<f64>::ones([1, 2, 2]));
    /// let y = patches.fold([1, 3], [1, 2], &ConvOptions::default());
    /// // The middle pixel is in both patches.
    /// assert_eq!(y.value().to_vec(), [1.0, 2.0, 1.0]);
    /// ```
    ///
    /// # Panics
    /// If the rank is not 3, the extents are not those of patches of such an image, or the options
    /// have groups.
    #[must_use]
    #[track_caller]
    pub fn fold(&self, output: [usize; 2], kernel: [usize; 2], options: &ConvOptions) -> Self {
        require!(
            self.rank() == 3,
            "fold: {:?}: not [batch, patch, windows]",
            self.shape()
        );
        let Plane { padding, by_axis } = Plane::new("fold", kernel, options);
        require!(
            output[0].max(output[1]) <= LARGEST_EXTENT,
            "fold: an image of {output:?}: an extent is more than {LARGEST_EXTENT}"
        );
        let padded = [0, 1].map(|i| output[i] + padding[i][0] + padding[i][1]);
        let counts = [0, 1].map(|i| {
            let AxisWindows {
                size,
                step,
                dilation,
                ..
            } = by_axis[i];
            let room = (padded[i] + 1).checked_sub(dilation * (size - 1) + 1);
            room.map_or(0, |room| room.div_ceil(step))
        });
        let [batch, patch, windows] = self.tensor().dims();
        let [kh, kw] = kernel;
        let [rows, columns] = counts;
        require!(
            patch % (kh * kw) == 0 && windows == rows * columns,
            "fold: {:?}: windows of {kernel:?} in an image of {output:?} are {rows} × {columns}, a patch \
             is a multiple of {}",
            self.shape(),
            kh * kw
        );
        let channels = patch / (kh * kw);
        let windows = self
            .reshape([batch, channels, kh, kw, rows, columns])
            .permute([0, 1, 4, 5, 2, 3]);
        let shape = vec![batch, channels, rows, padded[1], kh];
        let lines = Self::apply(
            Fold {
                axis_windows: by_axis[1],
                shape,
            },
            [&windows],
        );
        let shape = vec![batch, channels, padded[0], padded[1]];
        let image = Self::apply(
            Fold {
                axis_windows: by_axis[0],
                shape,
            },
            [&lines],
        );
        let [above, beside] = padding.map(|sides| sides.map(|n| -(n as isize)));
        image.pad(&[[0, 0], [0, 0], above, beside], 0.0)
    }
}

/// An image, a kernel and options, different for each axis.
fn plane(draw: &mut Draw) -> ([usize; 4], [usize; 2], ConvOptions) {
    let kernel = [draw.within(1, 3), draw.within(1, 2)];
    let options = ConvOptions::default()
        .stride([draw.within(1, 2), draw.within(1, 3)])
        .dilation([draw.within(1, 2), draw.within(1, 2)])
        .padding([
            [draw.within(0, 1), draw.within(0, 2)],
            [draw.within(0, 1), 0],
        ]);
    let shape = [
        draw.within(0, 2),
        draw.within(1, 2),
        draw.within(5, 6),
        draw.within(3, 5),
    ];
    (shape, kernel, options)
}

pub(super) const OPS: &[OpInfo] = &[
    OpInfo::op::<Unfold>("unfold_axis"),
    OpInfo::op::<Fold>("fold_axis"),
    OpInfo::function("unfold_axis", |draw| {
        let shape = [draw.extent(), draw.extent() + 2];
        Case::new(
            "unfold_axis(-1, 2, 3)",
            generic!(|x| x.unfold_axis(-1, 2, 3)),
            [draw.normal(shape)],
        )
    }),
    OpInfo::function("unfold", |draw| {
        let (shape, kernel, options) = plane(draw);
        let description = format!("unfold({kernel:?}, {options:?})");
        Case::new(
            description,
            generic!([kernel, options] | x | x.unfold(kernel, &options)),
            [draw.normal(shape)],
        )
    }),
    OpInfo::function("fold", |draw| {
        let (shape, kernel, options) = plane(draw);
        let output = [shape[2], shape[3]];
        let patches = Var::constant(draw.normal(shape)).unfold(kernel, &options);
        let description = format!("fold({output:?}, {kernel:?}, {options:?})");
        let f = generic!([output, kernel, options] | x | x.fold(output, kernel, &options));
        Case::new(description, f, [draw.normal(patches.shape())])
    }),
];
