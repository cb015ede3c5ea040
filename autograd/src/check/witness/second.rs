//! The second derivative, and the first in `f32`.

use wengert_tensor::testing::layouts::in_layout_of;
use wengert_tensor::{Dual, Tensor};

use super::{Check, largest, reverse, values};
use crate::backward::grad;
use crate::check::{Derivative, Witness};
use crate::rule::Graph;
use crate::tape::Tape;
use crate::var::Var;

impl Check<'_> {
    /// Checks products of a random direction with the second derivative. Also checks its product with the
    /// Jacobian, which is the derivative of the gradient with respect to the cotangent.
    pub(super) fn second_order(&mut self) {
        let tangents: Vec<_> = self
            .inputs
            .iter()
            .map(|x| self.draw.normal(x.shape()))
            .collect();
        let tape = Tape::new();
        let x: Vec<_> = self.inputs.iter().map(|x| tape.leaf(x.clone())).collect();
        let c: Vec<_> = self
            .cotangents
            .iter()
            .map(|c| tape.leaf(c.clone()))
            .collect();
        let y = self.f.f64(&x);
        let roots: Vec<_> = y.iter().zip(&c).map(|(y, c)| (y, c.clone())).collect();
        let gradients = grad(&roots, &x.iter().collect::<Vec<_>>(), Graph::Create);
        let roots: Vec<_> = gradients
            .iter()
            .zip(&tangents)
            .filter_map(|(g, u)| Some((g.as_ref()?, Var::constant(u.clone()))))
            .collect();
        let seconds = grad(&roots, &x.iter().chain(&c).collect::<Vec<_>>(), Graph::Skip);
        let like: Vec<_> = self
            .inputs
            .iter()
            .chain(&self.cotangents)
            .cloned()
            .collect();
        let mut seconds = values(seconds, &like);
        let products = seconds.split_off(self.inputs.len());

        // Reverse mode by reverse mode against forward mode.
        if let Some(exact) = self.forward(&tangents) {
            for (k, (product, exact)) in products.iter().zip(&exact).enumerate() {
                let allowed = self.exact(largest(exact));
                self.record(
                    Derivative::Cotangent,
                    k,
                    product,
                    Some(exact),
                    None,
                    allowed,
                    0.0,
                );
            }
        }
        let (hessian, magnitude) = self
            .forward_over_reverse(&tangents)
            .map_or((None, None), |(h, m)| (Some(h), Some(m)));
        if hessian.is_some() {
            self.report.compared.insert(Witness::Second);
        }
        let numeric = self.gradient_difference(&tangents);
        // The terms of a second derivative, which may cancel, are about as large as the gradient.
        let direction = tangents.iter().map(largest).fold(0.0, f64::max);
        let terms = self.norm().max(self.terms()) * direction;
        for i in 0..self.inputs.len() {
            let exact = hessian.as_ref().map(|h| &h[i]);
            let size = exact.map_or_else(|| largest(&seconds[i]), largest);
            let allowed = self.exact(size.max(magnitude.unwrap_or_default()).max(terms));
            let numeric_tolerance = 10.0 * self.numeric(size.max(largest(&self.gradients[i])));
            self.record(
                Derivative::Second,
                i,
                &seconds[i],
                exact,
                numeric.as_ref().map(|n| &n[i]),
                allowed,
                numeric_tolerance,
            );
        }
    }

    /// One backward pass on dual numbers: the exact second derivative times a direction, and the
    /// size of its largest entry.
    fn forward_over_reverse(&self, tangents: &[Tensor<f64>]) -> Option<(Vec<Tensor<f64>>, f64)> {
        if !self.options.forward_mode {
            return None;
        }
        let inputs = self.dual_inputs(tangents);
        self.f.dual(
            &inputs
                .iter()
                .cloned()
                .map(Var::constant)
                .collect::<Vec<_>>(),
        )?;
        let cotangents: Vec<Tensor<Dual>> = self
            .cotangents
            .iter()
            .map(|c| in_layout_of(&c.map(Dual::constant), c))
            .collect();
        let run = |x: &[Var<Dual>]| self.f.dual(x).expect("it ran on dual numbers above");
        let gradients = reverse(&run, &inputs, &cotangents);
        let products: Vec<_> = gradients.iter().map(|g| g.map(|d| d.tangent)).collect();
        let size = products.iter().map(largest).fold(0.0, f64::max);
        Some((products, size))
    }

    /// Central differences of the gradient along a direction.
    fn gradient_difference(&self, tangents: &[Tensor<f64>]) -> Option<Vec<Tensor<f64>>> {
        if !self.options.finite_differences {
            return None;
        }
        let step = 1e-4;
        let at = |h: f64| {
            let moved: Vec<_> = self
                .inputs
                .iter()
                .zip(tangents)
                .map(|(x, u)| x.zip(u, |x, u| x + h * u))
                .collect();
            reverse(&|x| self.f.f64(x), &moved, &self.cotangents)
        };
        let (far, near) = ((at(2.0 * step), at(-2.0 * step)), (at(step), at(-step)));
        let estimates = (0..self.inputs.len()).map(|i| {
            let wide = far.0[i].zip(&far.1[i], |a, b| (a - b) / (4.0 * step));
            let narrow = near.0[i].zip(&near.1[i], |a, b| (a - b) / (2.0 * step));
            // At a kink the gradient jumps, so the difference quotient halves when the step is doubled.
            let size = largest(&narrow).max(self.norm());
            let jump = narrow.zip(
                &wide,
                |n, w| if (n - w).abs() > 0.1 * size { 1.0 } else { 0.0 },
            );
            let smooth = largest(&jump) == 0.0;
            smooth.then(|| narrow.zip(&wide, |n, w| (4.0 * n - w) / 3.0))
        });
        estimates.collect()
    }

    /// Checks the gradients in `f32`: a rule must not be right in `f64` only.
    pub(super) fn single(&mut self) {
        let inputs: Vec<Tensor<f32>> = self
            .inputs
            .iter()
            .map(|x| in_layout_of(&x.cast(), x))
            .collect();
        let plain: Vec<_> = inputs.iter().cloned().map(Var::constant).collect();
        if self.f.f32(&plain).is_none() {
            return;
        }
        self.report.compared.insert(Witness::Single);
        let single = |c: &Tensor<f64>| in_layout_of(&c.cast(), c);
        let cotangents: Vec<Tensor<f32>> = self.cotangents.iter().map(single).collect();
        let run = |x: &[Var<f32>]| self.f.f32(x).expect("it ran on f32 above");
        let gradients = reverse(&run, &inputs, &cotangents);
        for (i, gradient) in gradients.iter().enumerate() {
            let exact = self.gradients[i].clone();
            let size = largest(&exact).max(0.1 * self.norm()).max(1e-2);
            let allowed = self.options.single_tolerance * size;
            self.record(
                Derivative::Single,
                i,
                &gradient.cast(),
                Some(&exact),
                None,
                allowed,
                0.0,
            );
        }
    }
}
