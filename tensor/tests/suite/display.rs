//! Tensors formatted as text.

use wengert_tensor::{Dual, Tensor};

fn shown<T: wengert_tensor::Element>(values: &[T], shape: &[usize]) -> String {
    Tensor::from_slice(values, shape).to_string()
}

#[test]
fn columns_are_aligned() {
    assert_eq!(
        shown(&[1, 20, -3, 4, 5, 6], &[2, 3]),
        "[[ 1 20 -3]\n [ 4  5  6]]"
    );
    assert_eq!(shown(&[true, false], &[2]), "[ true false]");
    assert_eq!(shown(&[1.0_f32, 0.1, -2.25], &[3]), "[ 1.00  0.10 -2.25]");
}

#[test]
fn matrices_of_a_batch_are_separated_by_blank_lines() {
    let x = Tensor::<i64>::arange(0.0, 8.0, 1.0).reshape([2, 2, 2]);
    assert_eq!(x.to_string(), "[[[0 1]\n  [2 3]]\n\n [[4 5]\n  [6 7]]]");
    let x = x.reshape([2, 1, 2, 2]);
    assert_eq!(
        x.to_string(),
        "[[[[0 1]\n   [2 3]]]\n\n\n [[[4 5]\n   [6 7]]]]"
    );
}

#[test]
fn a_single_number_has_no_brackets() {
    assert_eq!(Tensor::scalar(2.5_f64).to_string(), "2.5");
    assert_eq!(Tensor::scalar(3.0_f32).to_string(), "3.0");
    assert_eq!(Tensor::scalar(3_i64).to_string(), "3");
}

#[test]
fn empty_tensors_show_their_shape() {
    assert_eq!(Tensor::<f32>::zeros([0]).to_string(), "[]");
    assert_eq!(
        Tensor::<f32>::zeros([2, 0]).to_string(),
        "[] of shape [2, 0]"
    );
}

#[test]
fn floats_show_the_digits_that_they_need() {
    assert_eq!(shown(&[1.0_f32, 2.0], &[2]), "[1.0 2.0]");
    assert_eq!(shown(&[0.1_f32], &[1]), "[0.1]", "not 0.10000000149");
    assert_eq!(shown(&[1.0 / 3.0], &[1]), "[0.3333]");
    assert_eq!(
        shown(&[1.5, f64::NAN, f64::NEG_INFINITY], &[3]),
        "[ 1.5  NaN -inf]"
    );
    assert_eq!(shown(&[-0.0_f64, 0.0], &[2]), "[-0.0  0.0]");
}

#[test]
fn exponents_are_used_for_very_large_and_very_small_numbers() {
    assert_eq!(
        shown(&[1.0, 2.5e-5], &[2]),
        "[1.0e0 2.5e-5]".replace("[1", "[ 1")
    );
    assert_eq!(shown(&[1e8_f32, 0.0], &[2]), "[1.0e8 0.0e0]");
    assert_eq!(
        shown(&[1e-4, 99_999_999.0], &[2]),
        "[       0.0001 99999999.0000]"
    );
}

#[test]
fn the_precision_of_the_format_sets_the_digits() {
    let x = Tensor::from_slice(&[1.0, 2.0 / 3.0], [2]);
    assert_eq!(format!("{x:.6}"), "[1.000000 0.666667]");
    assert_eq!(format!("{x:.0}"), "[1 1]");
    assert_eq!(format!("{:.2}", Tensor::scalar(2e-9)), "2.00e-9");
    assert_eq!(format!("{:.2}", Tensor::scalar(7)), "7");
}

#[test]
fn large_tensors_are_abbreviated() {
    let x = Tensor::<i64>::arange(0.0, 2000.0, 1.0);
    assert_eq!(x.to_string(), "[   0    1    2 ... 1997 1998 1999]");
    let x = x.reshape([200, 10]);
    let rows: Vec<String> = x.to_string().lines().map(str::to_string).collect();
    assert_eq!(rows.len(), 7);
    assert_eq!(rows[0], "[[   0    1    2 ...    7    8    9]");
    assert_eq!(rows[3], " ...");
    assert_eq!(rows[6], " [1990 1991 1992 ... 1997 1998 1999]]");
}

#[test]
fn huge_views_are_formatted_without_a_copy() {
    let x = Tensor::scalar(1.0_f32).broadcast_to([1 << 20, 1 << 20]);
    assert!(x.to_string().starts_with("[[1.0 1.0 1.0 ..."));
}

#[test]
fn long_rows_are_broken() {
    let x = Tensor::<i64>::arange(0.0, 500.0, 1.0);
    assert!(
        x.to_string()
            .lines()
            .all(|line| line.chars().count() <= 100)
    );
    assert!(
        x.to_string()
            .lines()
            .skip(1)
            .all(|line| line.starts_with(' '))
    );
    let numbers = x.to_string().replace(['[', ']'], " ");
    let numbers: Vec<i64> = numbers
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    assert_eq!(numbers, x.to_vec());
}

#[test]
fn dual_numbers_show_value_and_tangent() {
    let x = [Dual::new(1.0, 0.5), Dual::new(-2.0, -1.0)];
    assert_eq!(shown(&x, &[2]), "[ 1.0+0.5ε -2.0-1.0ε]");
}

#[test]
fn views_are_formatted_in_row_major_order() {
    let x = Tensor::<i64>::arange(0.0, 6.0, 1.0).reshape([2, 3]);
    assert_eq!(x.t().to_string(), "[[0 3]\n [1 4]\n [2 5]]");
    assert_eq!(x.flip(1).to_string(), "[[2 1 0]\n [5 4 3]]");
}

#[test]
fn debug_shows_type_shape_and_strides() {
    let x = Tensor::<f32>::zeros([2, 8]).t();
    let text = format!("{x:?}");
    assert!(
        text.starts_with("Tensor<f32> [8, 2], strides [1, 8]: [0.0, 0.0"),
        "{text}"
    );
    assert!(text.ends_with("..]"), "{text}");
}
