use std::time::Instant;
use wengert_tensor::kernels::gemm::{self, Gemm};
fn best(mut f: impl FnMut(), budget: f64) -> f64 {
    f();
    let t = Instant::now();
    let mut best = f64::MAX;
    while t.elapsed().as_secs_f64() < budget {
        let s = Instant::now();
        f();
        best = best.min(s.elapsed().as_secs_f64());
    }
    best
}
macro_rules! bench {
    ($t:ty, $ours:path, $mm:path, $peak:expr) => {{
        let mut shapes: Vec<(String, Gemm)> = vec![];
        for n in [16usize, 32, 64, 96, 128, 256, 384, 512, 1024] {
            shapes.push((format!("{n}"), Gemm::row_major(n, n, n)));
            if n == 64 || n == 512 || n == 16 || n == 1024 {
                shapes.push((
                    format!("{n} At"),
                    Gemm {
                        a: [1, n],
                        ..Gemm::row_major(n, n, n)
                    },
                ));
                shapes.push((
                    format!("{n} Bt"),
                    Gemm {
                        b: [1, n],
                        ..Gemm::row_major(n, n, n)
                    },
                ));
            }
        }
        for (m, k, n) in [
            (32, 25, 784),
            (64, 800, 196),
            (16, 27, 1024),
            (16, 144, 1024),
            (64, 576, 64),
            (64, 64, 3136),
            (128, 1152, 784),
            (512, 4608, 49),
        ] {
            shapes.push((format!("{m}x{k}x{n}"), Gemm::row_major(m, k, n)));
        }
        for (m, k, n) in [
            (1, 1024, 1024),
            (4, 1024, 1024),
            (16, 1024, 1024),
            (64, 3136, 1024),
            (64, 1024, 10),
            (1, 64, 64),
        ] {
            shapes.push((
                format!("lin fwd {m}x{k}x{n}"),
                Gemm {
                    b: [1, k],
                    ..Gemm::row_major(m, k, n)
                },
            ));
            shapes.push((format!("lin dx {m}x{k}x{n}"), Gemm::row_major(m, n, k)));
            shapes.push((
                format!("lin dw {m}x{k}x{n}"),
                Gemm {
                    a: [1, n],
                    ..Gemm::row_major(n, m, k)
                },
            ));
        }
        for (name, task) in shapes {
            let Gemm { m, k, n, .. } = task;
            let fill = |len: usize| -> Vec<$t> {
                (0..len)
                    .map(|i| ((i * 7919) % 1013) as $t / 1013.0 - 0.5)
                    .collect()
            };
            let (a, b) = (fill(m * k), fill(k * n));
            let (mut c, mut d) = (vec![0.0; m * n], vec![0.0; m * n]);
            let budget = 0.03;
            let flops = 2.0 * (m * k * n) as f64;
            let ours = best(|| $ours(&task, &a, &b, &mut c), budget);
            let mm = best(|| $mm(&task, &a, &b, &mut d), budget);
            let err = c
                .iter()
                .zip(&d)
                .map(|(x, y)| (x - y).abs() as f64)
                .fold(0.0, f64::max);
            println!(
                "{name:24} ours {:6.1} ({:3.0} %)  mm {:6.1}  err {err:.1e}",
                flops / ours / 1e9,
                flops / ours / 1e9 / $peak * 100.0,
                flops / mm / 1e9
            );
        }
    }};
}
fn main() {
    println!("f32");
    bench!(f32, gemm::single, gemm::reference_f32, 103.6);
    println!("f64");
    bench!(f64, gemm::double, gemm::reference_f64, 51.8);
}
