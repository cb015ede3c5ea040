//! Calls that make no sense, and the values of powers, tests and texts at their corners.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use wengert_tensor::testing::panics::assert_refused;
use wengert_tensor::{Dual, MAX_RANK, Real, Tensor};

#[test]
fn random_numbers_need_a_distribution() {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    for range in [1.0..1.0, 2.0..1.0, 0.0..f64::INFINITY, f64::NAN..1.0] {
        let expected = format!("uniform: {range:?}: the range is empty or not finite");
        assert_refused(&expected, || {
            let _ = Tensor::<f32>::uniform([2], range, &mut rng);
        });
    }
    for (mean, std) in [(f64::NAN, 1.0), (0.0, f64::INFINITY), (0.0, -1.0)] {
        let expected =
            format!("normal: mean {mean}, standard deviation {std}: no such distribution");
        assert_refused(&expected, || {
            let _ = Tensor::<f32>::normal([2], mean, std, &mut rng);
        });
    }
    assert_eq!(
        Tensor::<f32>::normal([2], 3.0, 0.0, &mut rng).to_vec(),
        [3.0; 2]
    );
}

#[test]
fn products_of_vectors_need_vectors() {
    let [vector, matrix] = [Tensor::<f64>::ones([2]), Tensor::ones([2, 2])];
    assert_refused(
        "dot: [2, 2] and [2, 2]: not two vectors of one length",
        || {
            let _ = matrix.dot(&matrix);
        },
    );
    assert_refused("outer: [2] and [2, 2]: not two vectors", || {
        let _ = vector.outer(&matrix);
    });
    let index = Tensor::from_slice(&[0, 1], [1, 2]);
    assert_refused(
        "index_select: [2, 2]: an index of [1, 2] is not a vector",
        || {
            let _ = matrix.index_select(0, &index);
        },
    );
}

#[test]
fn a_tensor_has_few_axes_and_a_stack_has_tensors() {
    let most = Tensor::<f64>::ones([1; MAX_RANK]);
    assert_refused("unsqueeze: [1, 1, ", || {
        let _ = most.unsqueeze(0);
    });
    assert_refused("stack: no tensors", || {
        let _ = Tensor::<f64>::stack(&[], 0);
    });
}

#[test]
fn only_infinities_are_infinite() {
    let values = [
        1.0,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        0.0,
        f64::MAX,
    ];
    let x = Tensor::from_slice(&values, [6]);
    assert_eq!(
        x.is_infinite().to_vec(),
        [false, false, true, true, false, false]
    );
}

#[test]
fn a_fourth_power_is_a_square_of_squares() {
    let values = [0.0, -1.5, 3.0, 1e100, f64::NEG_INFINITY];
    let x = Tensor::from_slice(&values, [5]);
    let square = &x * &x;
    assert_eq!(x.pow(4.0).to_vec(), (&square * &square).to_vec());
    assert!(Tensor::scalar(f64::NAN).pow(4.0).item().is_nan());
}

#[test]
fn the_derivatives_of_a_power_are_finite_at_zero() {
    let pow = |base: [f64; 2], exponent: [f64; 2]| {
        let [base, exponent] = [base, exponent].map(|[value, tangent]| Dual::new(value, tangent));
        let power = base.pow(exponent);
        [power.value, power.tangent]
    };
    // 0ʸ is 0 for y > 0, so its derivative in y is 0; that in x is y·xʸ⁻¹.
    assert_eq!(pow([0.0, 0.0], [2.0, 1.0]), [0.0, 0.0]);
    assert_eq!(pow([0.0, 1.0], [2.0, 1.0]), [0.0, 0.0]);
    assert_eq!(pow([0.0, 1.0], [1.0, 0.0]), [0.0, 1.0]);
    // x⁰ is 1, whatever x.
    assert_eq!(pow([0.0, 1.0], [0.0, 0.0]), [1.0, 0.0]);
    assert_eq!(pow([3.0, 1.0], [0.0, 0.0]), [1.0, 0.0]);
    // Elsewhere xʸ·ln x.
    let [value, tangent] = pow([2.0, 0.0], [3.0, 1.0]);
    assert_eq!(value, 8.0);
    assert!((tangent - 8.0 * 2.0_f64.ln()).abs() < 1e-14);
}

#[test]
fn the_text_of_a_long_tensor_leaves_out_the_middle_of_its_long_axes_only() {
    let x = Tensor::<i64>::arange(0.0, 1200.0, 1.0).reshape([200, 6]);
    let text = x.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 7, "{text}");
    for column in ["0", "1", "2", "3", "4", "5"] {
        assert!(lines[0].contains(column), "{text}");
    }
    assert!(
        lines[6].contains("1194") && lines[6].contains("1199"),
        "{text}"
    );
    assert!(
        !lines[0].contains("...") && !lines[0].contains('…'),
        "{text}"
    );
}
