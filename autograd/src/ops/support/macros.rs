//! Families of ops that differ in a line or two.

/// Defines elementwise ops of one operand: for each its method on `Var`, its value, its rule, its
/// samples. A file may define a family of them. The rule takes the cotangent `grad` by value, to work in place.
///
/// ```text
/// unary! {
///     /// Documentation of the method.
///     name, Type { option: f64 }, reads INPUTS,
///     sample |draw| (Type { option: draw.real(0.0, 1.0) }, draw.any()),
///     forward |op, x| …a Tensor…,
///     vjp |op, grad, x, y| …a Var…,
/// }
/// ```
macro_rules! unary {
    ($(
        $(#[$doc:meta])*
        $name:ident, $type:ident $({ $($field:ident: $field_type:ty),* })?, reads $reads:ident,
        sample |$draw:ident| $sample:expr,
        forward |$op:ident, $x:ident| $forward:expr,
        vjp |$vop:ident, $grad:ident, $vx:ident, $vy:ident| $vjp:expr,
    )+) => {
        $(
            unary! { @struct $name, $type $({ $($field: $field_type),* })? }

            unary! {
                @impl $name, $type [$($($field)*)?], $reads, [$draw $sample], [$op $x $forward],
                [$vop $grad $vx $vy $vjp]
            }

            impl<T: Real> Var<T> {
                $(#[$doc])*
                #[must_use]
                #[track_caller]
                pub fn $name(&self $(, $($field: $field_type),*)?) -> Self {
                    Self::apply($type $({ $($field),* })?, [self])
                }
            }
        )+

        pub(super) const OPS: &[OpInfo] = &[$(OpInfo::op::<$type>(stringify!($name))),+];
    };
    (@struct $name:ident, $type:ident) => {
        #[doc = concat!("The op of [`Var::", stringify!($name), "`].")]
        #[derive(Clone, Debug)]
        pub struct $type;
    };
    (@struct $name:ident, $type:ident { $($field:ident: $field_type:ty),* }) => {
        #[doc = concat!("The op of [`Var::", stringify!($name), "`].")]
        #[derive(Clone, Debug)]
        pub struct $type {
            $(#[doc = concat!("The option `", stringify!($field), "`.")] pub $field: $field_type),*
        }
    };
    (
        @impl $name:ident, $type:ident [$($field:ident)*], $reads:ident, [$draw:ident $sample:expr],
        [$op:ident $x:ident $forward:expr], [$vop:ident $grad:ident $vx:ident $vy:ident $vjp:expr]
    ) => {
        impl Op for $type {
            fn name(&self) -> &'static str {
                stringify!($name)
            }

            fn attributes(&self) -> Attributes {
                vec![$((stringify!($field), self.$field.into())),*]
            }

            fn reads(&self) -> Reads {
                Reads::$reads
            }

            fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
                let ($op, $x) = (self, &x[0]);
                let _ = $op;
                $forward.into()
            }

            fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
                let ($vop, $vx, $vy) = (self, call.input(0), call.output(0));
                let _ = ($vop, $vx, $vy);
                out.input_owned(0, |$grad| {
                    let _ = &$grad;
                    $vjp
                });
            }

            fn outline(&self, inputs: &[&[usize]]) -> Outline {
                Outline::elementwise(inputs)
            }

            fn sample(draw: &mut Draw) -> Sample<Self> {
                let $draw = draw;
                let (op, x) = $sample;
                Sample::new(op, [x])
            }
        }
    };
}

/// Defines smooth elementwise functions of one operand: for each its method on `Var`, its value, its
/// slope, the slope's derivative, its samples. A file may define a family of them.
///
/// The slope is a function of `x` or of the value `y`, whichever is cheaper. Value and slope are
/// functions of numbers, which run in one loop over the elements. The derivative of the slope is
/// written in operations on variables, which gives derivatives of every higher order.
///
/// ```text
/// smooth! {
///     /// Documentation of the method.
///     name, Type { option: f64 },
///     sample |draw| (Type { option: draw.real(0.0, 1.0) }, draw.any()),
///     value |f, x| …a T…,
///     slope of Y |f, y| …a T…,
///     curvature |f, y| …a Var…,
///     @loops { …faster `values` and `slopes`, see [`Smooth`]… },
///     @also [OpInfo::function("what else the file defines", …)]
/// }
/// ```
macro_rules! smooth {
    ($(
        $(#[$doc:meta])*
        $name:ident, $type:ident $({ $($field:ident: $field_type:ty),* })?,
        sample |$draw:ident| $sample:expr,
        value |$vf:ident, $vx:ident| $value:expr,
        slope of $of:ident |$sf:ident, $sz:ident| $slope:expr,
        curvature |$cf:ident, $cz:ident| $curvature:expr,
        $(@loops { $($loops:item)* },)?
    )+ $(@also [$($info:expr),+ $(,)?])?) => {
        $(
            unary! { @struct $name, $type $({ $($field: $field_type),* })? }

            impl Smooth for $type {
                const NAME: &'static str = stringify!($name);
                const OF: Of = Of::$of;

                #[inline(always)]
                fn value<T: Real>(&self, $vx: T) -> T {
                    let $vf = self;
                    let _ = $vf;
                    $value
                }

                #[inline(always)]
                fn slope<T: Real>(&self, $sz: T) -> T {
                    let $sf = self;
                    let _ = ($sf, $sz);
                    $slope
                }

                fn curvature<T: Real>(&self, $cz: &Var<T>) -> Var<T> {
                    let $cf = self;
                    let _ = $cf;
                    $curvature
                }

                fn attributes(&self) -> Attributes {
                    vec![$($((stringify!($field), self.$field.into())),*)?]
                }

                $($($loops)*)?

                fn sample($draw: &mut Draw) -> (Self, Tensor<f64>) {
                    $sample
                }
            }

            impl<T: Real> Var<T> {
                $(#[$doc])*
                #[must_use]
                #[track_caller]
                pub fn $name(&self $(, $($field: $field_type),*)?) -> Self {
                    Self::apply(Elementwise($type $({ $($field),* })?), [self])
                }
            }
        )+

        pub(super) const OPS: &[OpInfo] = &[$(
            OpInfo::op::<Elementwise<$type>>(stringify!($name)),
            OpInfo::op::<Slope<$type>>(concat!("slope of ", stringify!($name))),
        )+ $($($info),+)?];
    };
}
