//! How a layer without parameters is written down: its options, PyTorch's name, what each element of
//! its result depends on, and the call.

/// Defines layers without parameters.
///
/// ```text
/// stateless! {
///     /// Documentation of the layer.
///     Name { /// Documentation of the option. option: Type }, "Kind",
///     |layer, x| …a Var…, …a LayerTrace…;
/// }
/// ```
macro_rules! stateless {
    ($(
        $(#[$doc:meta])*
        $layer:ident { $($(#[$option_doc:meta])* $option:ident: $type:ty),* $(,)? }, $kind:literal,
        |$this:ident, $x:ident| $forward:expr, $trace:expr;
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $layer<T: wengert_tensor::Real = f32> {
            $($(#[$option_doc])* pub $option: $type,)*
            label: crate::label::Label,
            number: std::marker::PhantomData<fn() -> T>,
        }

        crate::fields!($layer { label });

        impl<T: wengert_tensor::Real> $layer<T> {
            /// The layer.
            #[must_use]
            #[allow(clippy::new_without_default, reason = "most have options that must be given")]
            pub fn new($($option: impl Into<$type>),*) -> Self {
                Self {
                    $($option: $option.into(),)*
                    label: crate::label::Label::default(),
                    number: std::marker::PhantomData,
                }
            }
        }

        impl<T: wengert_tensor::Real> crate::module::Module for $layer<T> {
            type Element = T;

            fn forward(
                &self,
                x: &wengert_autograd::Var<T>,
                pass: &mut crate::pass::Pass<T>,
            ) -> wengert_autograd::Var<T> {
                let _scope = self.label.enter();
                let ($this, $x) = (self, x);
                let y = $forward;
                pass.trace(&self.label, $kind, x, &y, $trace);
                y
            }
        }
    )*};
}
