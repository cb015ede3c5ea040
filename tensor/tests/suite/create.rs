//! Constructors of tensors.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use wengert_tensor::{Dual, Number, Tensor, memory};

#[test]
fn one_seed_gives_every_number_type_the_same_numbers() {
    fn draws<T: Number>() -> [Tensor<f64>; 2] {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let uniform = Tensor::<T>::uniform([50], -1.0..3.0, &mut rng);
        let normal = Tensor::<T>::normal([50], 2.0, 0.5, &mut rng);
        [uniform.cast(), normal.cast()]
    }
    let exact = draws::<f64>();
    assert_eq!(draws::<Dual<f64>>(), exact);
    let rounded = exact.map(|x| x.cast::<f32>().cast::<f64>());
    assert_eq!(draws::<f32>(), rounded);
}

#[test]
fn random_numbers_follow_their_distribution() {
    const COUNT: usize = 40_000;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let moments = |x: &Tensor<f64>| {
        let mean = x.iter().sum::<f64>() / COUNT as f64;
        let square = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / COUNT as f64;
        (mean, square)
    };
    // Five standard errors of each moment.
    let within = 5.0 / (COUNT as f64).sqrt();
    let (mean, variance) = moments(&Tensor::normal([200, 200], -3.0, 2.0, &mut rng));
    assert!((mean + 3.0).abs() < 2.0 * within, "{mean}");
    assert!(
        (variance - 4.0).abs() < 4.0 * 2_f64.sqrt() * within,
        "{variance}"
    );
    let even = Tensor::uniform([COUNT], 2.0..5.0, &mut rng);
    let (mean, variance) = moments(&even);
    assert!((mean - 3.5).abs() < 0.75_f64.sqrt() * within, "{mean}");
    // The fourth central moment of a uniform variable of width w is w⁴/80, its variance w²/12.
    let spread = (81.0_f64 / 80.0 - 0.75 * 0.75).sqrt();
    assert!((variance - 0.75).abs() < spread * within, "{variance}");
    assert!(even.iter().all(|x| (2.0..5.0).contains(&x)));
}

#[test]
fn arange_excludes_and_linspace_includes_the_end() {
    assert_eq!(Tensor::<i64>::arange(0.0, 5.0, 2.0).to_vec(), [0, 2, 4]);
    assert_eq!(
        Tensor::<f64>::arange(1.0, 0.0, -0.25).to_vec(),
        [1.0, 0.75, 0.5, 0.25]
    );
    assert_eq!(Tensor::<f64>::arange(1.0, 0.0, 1.0).shape(), [0]);
    assert_eq!(
        Tensor::<f64>::linspace(0.0, 1.0, 5).to_vec(),
        [0.0, 0.25, 0.5, 0.75, 1.0]
    );
    assert_eq!(Tensor::<f64>::linspace(0.1, 0.7, 4).to_vec()[3], 0.7);
    assert_eq!(Tensor::<f64>::linspace(3.0, 9.0, 1).to_vec(), [3.0]);
    assert_eq!(Tensor::<f64>::linspace(3.0, 9.0, 0).shape(), [0]);
    assert_eq!(Tensor::<i64>::eye(2).to_vec(), [1, 0, 0, 1]);
    assert_eq!(Tensor::<f32>::ones([2, 0]).shape(), [2, 0]);
}

#[test]
fn recycled_buffers_do_not_affect_results() {
    let filled = Tensor::full([123_457], 5_u16);
    drop(filled);
    let zeros = Tensor::<u16>::zeros([123_457]);
    assert!(zeros.iter().all(|x| x == 0));
    drop(zeros);
    let kept = memory::drain::<u16>();
    assert!(kept >= 2 * 123_457, "{kept} bytes were kept");
}
