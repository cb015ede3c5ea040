//! Models with one wrong rule: each fails, and the report names the op and the layer.

use wengert_autograd::check::CheckOptions;
use wengert_autograd::{Call, Contributions, Draw, Inputs, Op, Outputs, Sample, Var};
use wengert_nn::*;
use wengert_tensor::Real;

/// What is wrong with the rule of [`Cube`].
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mistake {
    None,
    Scaled(f64),
    IgnoresTheCotangent,
    Clips,
    Missing,
    ConstantSlope,
    DividedByTheBatch,
}

/// `x³`
#[derive(Clone, Debug)]
struct Cube(Mistake);

impl Op for Cube {
    fn forward<T: Real>(&self, x: &Inputs<'_, T>) -> Outputs<T> {
        x[0].map(|x| x * x * x).into()
    }

    fn vjp<T: Real>(&self, call: &Call<T>, out: &mut Contributions<'_, T>) {
        out.input(0, |g| {
            let x = call.input(0);
            let slope = x * x * 3.0;
            match self.0 {
                Mistake::None => g * slope,
                Mistake::Scaled(c) => g * slope * c,
                Mistake::IgnoresTheCotangent => slope,
                Mistake::Clips => g.clamp(-0.2, 0.2) * slope,
                Mistake::Missing => g * slope * 0.0,
                Mistake::ConstantSlope => g * slope.detach(),
                Mistake::DividedByTheBatch => g * slope * (1.0 / x.shape()[0] as f64),
            }
        });
    }

    fn sample(draw: &mut Draw) -> Sample<Self> {
        Sample::new(Self(Mistake::None), [draw.normal([2, 3])])
    }
}

/// The op as a layer.
#[derive(Clone, Debug)]
struct Cubed(Mistake);
fields!(Cubed);

impl<T: Real> Module<T> for Cubed {
    fn forward(&self, x: &Var<T>, _: &mut Pass<T>) -> Var<T> {
        Var::apply(Cube(self.0), [x])
    }
}

#[test]
fn the_wrong_op_of_a_model_is_named_with_its_layer() {
    let check = |mistake| {
        let options = CheckOptions {
            seed: 3,
            ..CheckOptions::default()
        };
        check_model!(
            |rng| sequential![
                Linear::new(3, 5, rng),
                Tanh,
                sequential![Cubed(mistake), LayerNorm::new([5])],
                Linear::new(5, 2, rng)
            ],
            [4, 3],
            options
        )
    };
    for report in check(Mistake::None) {
        report.assert();
    }
    for (mistake, words) in [
        (Mistake::Scaled(2.0), "scaled by 2"),
        (Mistake::Scaled(-1.0), "wrong sign"),
        (Mistake::Scaled(1.0 + 1e-7), "scaled by 1.0000001"),
        (Mistake::IgnoresTheCotangent, "ignores the cotangent"),
        (Mistake::Clips, "clips"),
        (Mistake::Missing, "missing"),
        (
            Mistake::ConstantSlope,
            "constant where a derivative belongs",
        ),
        (
            Mistake::DividedByTheBatch,
            "where 4 is the extent of axis 0",
        ),
    ] {
        for report in check(mistake) {
            assert!(report.failed(), "{mistake:?}: {report}");
            let first = report.located.first();
            let first = first.unwrap_or_else(|| panic!("{mistake:?}: nothing named: {report}"));
            assert_eq!(first.op, "Cube", "{report}");
            let layer = first.layer.as_deref().unwrap_or("none");
            assert!(layer.contains("2.0"), "{mistake:?}: {layer}");
            assert!(first.hypothesis.contains(words), "{mistake:?}: {first}");
        }
    }
}
