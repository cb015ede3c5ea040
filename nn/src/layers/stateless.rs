//! A macro that defines a layer without parameters from its name, options and forward call.

/// Defines layers without parameters, each with `new` from its options.
///
/// ```text
/// stateless! {
///     /// Documentation of the layer.
///     Name { /// Documentation of the option. option: Type }: |layer, x| …a Var…;
/// }
/// ```
macro_rules! stateless {
    ($(
        $(#[$doc:meta])*
        $layer:ident { $($(#[$option_doc:meta])* $option:ident: $type:ty),* $(,)? }:
        |$this:ident, $x:ident| $forward:expr;
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $layer {
            $($(#[$option_doc])* pub $option: $type,)*
        }

        crate::fields!($layer);

        impl $layer {
            /// The layer.
            #[must_use]
            pub fn new($($option: $type),*) -> Self {
                Self { $($option),* }
            }
        }

        impl<T: wengert_tensor::Real> crate::module::Module<T> for $layer {
            fn forward(
                &self,
                x: &wengert_autograd::Var<T>,
                _pass: &mut crate::pass::Pass<T>,
            ) -> wengert_autograd::Var<T> {
                let ($this, $x) = (self, x);
                $forward
            }
        }
    )*};
}
