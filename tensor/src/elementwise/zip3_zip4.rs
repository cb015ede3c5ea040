//! Functions of the elements of three and four tensors, see [`zip`](super::zip).

use crate::elementwise::outer_loops::{self, Operands3, Operands4};
use crate::elementwise::pointwise::{self, Cheap};
use crate::kernels::simd::Level;
use crate::layout::Layout;
use crate::{Element, Tensor};

impl<T: Element> Tensor<T> {
    /// `y[i] = f(a[i], b[i], c[i])`, with all operands broadcast to one shape.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2], [2]);
    /// assert_eq!(x.zip3(&x, &Tensor::scalar(10), |a, b, c| a * b + c).to_vec(), [11, 14]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast together.
    #[must_use]
    #[track_caller]
    pub fn zip3<U: Element, V: Element, W: Element>(
        &self,
        b: &Tensor<U>,
        c: &Tensor<V>,
        f: impl Fn(T, U, V) -> W + Sync,
    ) -> Tensor<W> {
        self.zip3_named("zip3", b, c, f)
    }

    /// [`zip3`](Self::zip3) with the name of the operation for panic messages.
    #[track_caller]
    pub(crate) fn zip3_named<U: Element, V: Element, W: Element>(
        &self,
        op: &str,
        b: &Tensor<U>,
        c: &Tensor<V>,
        f: impl Fn(T, U, V) -> W + Sync,
    ) -> Tensor<W> {
        let layout = Layout::broadcast_pair(op, self.layout(), b.layout());
        let layout = Layout::broadcast_pair(op, &layout, c.layout());
        if layout.len() == 1 {
            return Tensor::from_one(f(self.first(), b.first(), c.first()), layout);
        }
        let level = Level::best();
        outer_loops::zip3(op, (self, b, c), layout, &|out, operands| match operands {
            Operands3::Slices(a, b, c) => pointwise::zip3(level, &f, out, (a, b, c)),
            Operands3::Constant(a, b, c) => {
                let f = &f;
                let f = move |(a, b)| f(a, b, c);
                pointwise::zip::<Cheap, _, _, _, _>(level, &f, out, a, b);
            }
            Operands3::Constants(a, b, c) => {
                let f = &f;
                pointwise::map::<Cheap, _, _, _>(level, &move |a| f(a, b, c), out, a);
            }
        })
    }

    /// `y[i] = f(a[i], b[i], c[i], d[i])`, with all operands broadcast to one shape.
    ///
    /// ```
    /// # use wengert_tensor::Tensor;
    /// let x = Tensor::from_vec(vec![1, 2], [2]);
    /// assert_eq!(x.zip4(&x, &x, &Tensor::scalar(10), |a, b, c, d| a * b * c + d).to_vec(), [11, 18]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast together.
    #[must_use]
    #[track_caller]
    pub fn zip4<U: Element, V: Element, W: Element, X: Element>(
        &self,
        b: &Tensor<U>,
        c: &Tensor<V>,
        d: &Tensor<W>,
        f: impl Fn(T, U, V, W) -> X + Sync,
    ) -> Tensor<X> {
        let layout = Layout::broadcast_pair("zip4", self.layout(), b.layout());
        let layout = Layout::broadcast_pair("zip4", &layout, c.layout());
        let layout = Layout::broadcast_pair("zip4", &layout, d.layout());
        let level = Level::best();
        outer_loops::zip4(
            "zip4",
            (self, b, c, d),
            layout,
            &|out, operands| match operands {
                Operands4::Slices(a, b, c, d) => pointwise::zip4(level, &f, out, (a, b, c, d)),
                Operands4::Constants(a, b, c, d) => {
                    let (f, constants) = (&f, (b, c, d));
                    let f = move |a| f(a, constants.0, constants.1, constants.2);
                    pointwise::map::<Cheap, _, _, _>(level, &f, out, a);
                }
            },
        )
    }
}
