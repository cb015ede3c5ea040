//! Training under the user's own locks, in the user's own pool of threads.

use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use rayon::prelude::*;
use wengert::nn::StateDict;
use wengert::prelude::*;

/// Large enough for the products of a step to be shared by several threads.
const WIDTH: usize = 192;

type Trained = (Sequential, Optimizer);

fn new_model() -> Trained {
    let rng = &mut rng(0);
    let model = sequential![
        Linear::new(WIDTH, WIDTH, rng),
        Relu,
        Linear::new(WIDTH, 4, rng)
    ];
    (model, Optimizer::new(Sgd::default()))
}

fn step((model, optimizer): &mut Trained) {
    let mut pass = Pass::train(&*model, 0);
    let x = pass.input(Tensor::ones([WIDTH, WIDTH]));
    let loss = model.call(&x, &mut pass).square().mean(..);
    let gradients = pass.backward(&loss);
    optimizer.step(model, &gradients, pass);
}

#[test]
fn a_step_may_hold_the_lock_of_model_and_optimizer_in_a_rayon_pool() {
    const STEPS: usize = 6;
    let mut alone = new_model();
    (0..STEPS).for_each(|_| step(&mut alone));
    let expected = StateDict::of(&alone.0).to_bytes();
    let repeats = if std::env::var_os("WENGERT_FULL").is_some() {
        100
    } else {
        1
    };
    for threads in [2, 4, 8].repeat(repeats) {
        let (done, end) = mpsc::channel();
        thread::spawn(move || {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            let shared = Mutex::new(new_model());
            pool.expect("a pool").install(|| {
                let steps = (0..STEPS).into_par_iter().with_max_len(1);
                steps.for_each(|_| step(&mut shared.lock().expect("no step panics")));
            });
            let trained = shared.into_inner().expect("no step panics");
            done.send(StateDict::of(&trained.0).to_bytes())
                .expect("the test waits");
        });
        let bytes = end
            .recv_timeout(Duration::from_mins(2))
            .expect("no thread hangs");
        assert_eq!(bytes, expected, "{threads} threads");
    }
}
