//! The lab: command line, selection, testing, timing and files.

use std::fs;

use tempfile::TempDir;
use wengert_lab::{Lab, LabError, Report};
use wengert_tensor::Real;
use wengert_tensor::kernels::conv::{ConvGeometry, ConvKernel, Direct};
use wengert_tensor::kernels::simd::Level;

const SHAPE: &str = "mb2_ic3ih7iw6_oc4_kh3kw3_ph1pw1";

fn run(lab: &Lab, arguments: &[&str]) -> Result<Report, LabError> {
    lab.run_with(["conv2d"].iter().chain(arguments).copied())
}

fn is_error(arguments: &[&str], words: &[&str]) {
    let error = run(&Lab::new(), arguments).expect_err("invalid");
    assert_eq!(error.status, 2, "{arguments:?}: {error}");
    for word in words {
        assert!(error.message.contains(word), "{word:?}: {error}");
    }
}

#[test]
fn a_name_that_does_not_exist_is_an_error_that_lists_the_names() {
    is_error(&["--kernel", "winnograd"], &["\"winnograd\"", "winograd4"]);
    is_error(&["--set", "alexnet"], &["\"alexnet\"", "resnet18"]);
    is_error(&["lenet7"], &["\"lenet7\"", "f32/forward/"]);
    is_error(&["("], &["regular expression"]);
    is_error(&["--number", "f16"], &["f16", "f32", "f64"]);
}

#[test]
fn invalid_geometries_are_errors_with_their_numbers() {
    is_error(&["--shape", "mb1_ic3iw3_oc1_kw9"], &["window 9", "width 3"]);
    is_error(
        &["--shape", "mb1_ic3iw3_oc4_kw1_g2"],
        &["2 groups do not divide 3 channels"],
    );
    is_error(
        &["--shape", "ic99999999999999999999iw3_oc1_kw1"],
        &["ic99999999999999999999"],
    );
    is_error(&["--shape", "ic3iw3_oc1"], &["kw"]);
}

#[test]
fn a_file_of_shapes_names_the_line_that_is_wrong() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("shapes");
    let name = file.to_str().unwrap();
    fs::write(
        &file,
        format!("# mine\n\nfirst {SHAPE} # small\nic3iw3_oc1\n"),
    )
    .unwrap();
    is_error(&["--shapes", name], &["shapes:4:", "kw"]);
    fs::write(&file, format!("first {SHAPE}\n{SHAPE}\n")).unwrap();
    assert!(run(&Lab::new(), &["--shapes", name, "f64/.*/direct/first$"]).is_ok());
    fs::write(&file, "# nothing\n").unwrap();
    is_error(&["--shapes", name], &["no geometries"]);
    is_error(&["--shapes", "/there/is/none"], &["/there/is/none"]);
}

/// The plain loops under another name, forward too large by a factor.
struct Scaled(&'static str, f64);

impl<T: Real> ConvKernel<T> for Scaled {
    fn name(&self) -> &'static str {
        self.0
    }
    fn supports(&self, _: &ConvGeometry) -> Result<(), &'static str> {
        Ok(())
    }
    fn forward(&self, g: &ConvGeometry, x: &[T], w: &[T], y: &mut [T]) {
        Direct.forward(g, x, w, y);
        for y in y {
            *y *= T::of(self.1);
        }
    }
    fn input_gradient(&self, g: &ConvGeometry, w: &[T], dy: &[T], dx: &mut [T]) {
        Direct.input_gradient(g, w, dy, dx);
    }
    fn weight_gradient(&self, g: &ConvGeometry, x: &[T], dy: &[T], dw: &mut [T]) {
        Direct.weight_gradient(g, x, dy, dw);
    }
    fn workspace(&self, _: &ConvGeometry) -> usize {
        7
    }
}

static RIGHT: Scaled = Scaled("right", 1.0);
static WRONG: Scaled = Scaled("wrong", 1.001);

#[test]
fn correct_kernels_are_in_all_files_and_wrong_ones_are_not_timed() {
    let directory = TempDir::new().unwrap();
    let [csv, json] = ["lab.csv", "lab.json"].map(|name| directory.path().join("out").join(name));
    let files = [
        "--csv",
        csv.to_str().unwrap(),
        "--json",
        json.to_str().unwrap(),
    ];
    let short = [
        "--bench",
        "--shape",
        SHAPE,
        "--seconds",
        "0.01",
        "--samples",
        "10",
    ];
    let ask = |lab: &Lab, what: &[&str]| run(lab, &[&short[..], &files[..], what].concat());

    let lab = Lab::new().kernel(&RIGHT).kernel(&WRONG);
    let report = ask(
        &lab,
        &["--kernel", "right", "--kernel", "tiled", "--number", "f32"],
    );
    let report = report.expect("both are right");
    let timed: Vec<_> = report
        .rows()
        .iter()
        .map(|row| (row.kernel, row.direction))
        .collect();
    let directions = ["forward", "input_gradient", "weight_gradient"];
    let expected = ["tiled", "right"].map(|kernel| directions.map(|direction| (kernel, direction)));
    assert_eq!(timed, expected.concat());
    for row in report.rows() {
        // 2 · (2 · 4 · 7 · 6) results · 27 terms
        assert!(
            (row.gflops * row.median_ns - 18144.0).abs() < 1.0,
            "{row:?}"
        );
        assert!(
            row.best_ns <= row.median_ns && row.percent_of_peak > 0.0,
            "{row:?}"
        );
        assert_eq!(row.workspace == 7, row.kernel == "right");
        let bytes = 4 * (2 * 3 * 7 * 6 + 4 * 27 + 2 * 4 * 7 * 6);
        assert!(
            (row.intensity - 18144.0 / f64::from(bytes)).abs() < 1e-9,
            "{row:?}"
        );
        let attainable = 100.0 * row.gflops / row.percent_of_attainable;
        assert!((attainable / row.attainable - 1.0).abs() < 1e-9, "{row:?}");
        assert!(["compute", "bandwidth"].contains(&row.bound), "{row:?}");
        assert_eq!(
            (row.cache, row.level, row.scratch),
            ("warm", "own", "excluded")
        );
    }
    let rows = fs::read_to_string(&csv).unwrap();
    assert_eq!(rows.lines().count(), 7);
    assert!(
        rows.lines().all(|line| line.split(',').count() == 21),
        "{rows}"
    );
    let text = fs::read_to_string(&json).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["rows"].as_array().unwrap().len(), 6);
    for field in ["processor", "instructions", "rustc", "limits"] {
        assert!(!value["machine"][field].is_null(), "{field}: {text}");
    }
    let limits = &value["machine"]["limits"][0];
    assert!(limits["threads"].as_u64() >= Some(1) && limits["triad_gbps"].as_f64() > Some(0.0));
    let levels = Level::all();
    let peaks = limits["peaks"].as_array().unwrap();
    assert_eq!(peaks.len(), levels.len(), "{text}");
    for peak in peaks {
        for number in ["f32_gflops", "f64_gflops"] {
            assert!(peak[number].as_f64() > Some(0.0), "{text}");
        }
    }
    assert_eq!(value["seed"], 0);
    assert_eq!(report.fastest().lines().count(), 2 + 3);

    let error = ask(&lab, &["--kernel", "wrong"]).expect_err("it is wrong");
    assert_eq!(error.status, 1);
    assert!(
        error.message.contains("wrong on ") && error.message.contains("forward"),
        "{error}"
    );
}

#[test]
fn two_kernels_of_one_name_are_an_error() {
    let lab = Lab::new().kernel(&RIGHT).kernel(&RIGHT);
    let error = run(&lab, &["--shape", SHAPE]).expect_err("which one is meant?");
    assert_eq!(error.status, 2);
    assert_eq!(error.message, "two kernels have the name \"right\"");
}

#[test]
fn options_that_mean_nothing_are_errors_with_a_remedy() {
    is_error(&["--cache", "lukewarm"], &["lukewarm", "weights-cold"]);
    is_error(&["--scratch", "some"], &["some", "counted"]);
    is_error(&["--threads", "1,0"], &["'0'", "from 1 to 1024"]);
    is_error(&["--threads", "1,x"], &["'x'", "from 1 to 1024"]);
    is_error(&["--threads", "2,1,2"], &["--threads has 2 twice"]);
    is_error(&["--level", "sse"], &["\"sse\"", "portable"]);
    is_error(
        &["--level", "portable,portable"],
        &["--level has \"portable\" twice"],
    );
    is_error(&["--random", "0"], &["from 1 to 10000"]);
    is_error(&["--random", "3", "--seed", "-1"], &["-1"]);
    is_error(&["--audit"], &["--audit needs times", "--bench"]);
    is_error(&["--bench", "--regret-limit", "15"], &["--audit"]);
    is_error(
        &["--bench", "--audit", "--regret-limit=-5%"],
        &["from 0 to 10⁶"],
    );
    is_error(
        &["--bench", "--audit", "--level", "portable"],
        &["--audit", "--level"],
    );
    is_error(&["--markdown", "x.md"], &["--markdown needs times"]);
    is_error(
        &["--bench", "--test", "--roofline", "x.svg"],
        &["--roofline needs times"],
    );
    is_error(&["--regression-limit", "5"], &["--compare"]);
    is_error(&["--compare", "old.json"], &["2 values"]);
}

#[test]
fn a_level_that_the_processor_lacks_is_an_error_that_lists_its_levels() {
    let has = |name: &str| Level::all().iter().any(|level| level.name().contains(name));
    for name in ["avx2", "avx512"] {
        if !has(name) {
            is_error(
                &["--level", name],
                &["this processor does not have", "portable"],
            );
        }
    }
}

#[test]
fn every_test_of_cargo_bench_runs_though_it_adds_bench() {
    let report = run(
        &Lab::new(),
        &["--bench", "--test", "--shape", SHAPE, "--number", "f32"],
    );
    assert!(report.expect("all are right").rows().is_empty());
    run(&Lab::new(), &["--bench", "--explain", "--shape", SHAPE]).expect("it only prints");
}

/// Timed as quickly as possible, with files in a directory.
fn quick(lab: &Lab, directory: &TempDir, arguments: &[&str]) -> Result<Report, LabError> {
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_string();
    let (csv, json) = (path("lab.csv"), path("lab.json"));
    let fixed = [
        "--bench",
        "--seconds",
        "0.001",
        "--samples",
        "10",
        "--csv",
        &csv,
        "--json",
        &json,
    ];
    run(lab, &[&fixed[..], arguments].concat())
}

const ONE: [&str; 6] = [
    "--shape",
    SHAPE,
    "--number",
    "f32",
    "--direction",
    "forward",
];

#[test]
fn every_cache_mode_times_built_in_and_own_kernels() {
    let directory = TempDir::new().unwrap();
    let lab = Lab::new().kernel(&RIGHT);
    let modes: &[&str] = if cfg!(target_os = "linux") {
        &["warm", "weights-cold", "cold", "tlb"]
    } else {
        &["warm", "weights-cold", "cold"]
    };
    for (mode, scratch) in modes.iter().zip(["excluded", "counted"].iter().cycle()) {
        let kernels = ["--kernel", "tiled", "--kernel", "right"];
        let state = ["--cache", mode, "--scratch", scratch];
        let report = quick(&lab, &directory, &[&ONE[..], &kernels, &state].concat());
        let report = match report {
            Err(error) if *mode == "tlb" => {
                assert!(error.message.contains("huge pages"), "{error}");
                continue;
            }
            report => report.expect("both are right"),
        };
        let [tiled, right] = report.rows() else {
            panic!("{report:?}");
        };
        assert_eq!((tiled.cache, tiled.scratch), (*mode, *scratch));
        let extra = usize::from(*scratch == "counted") * 2 * 7;
        let bytes = 4 * (2 * 3 * 7 * 6 + 4 * 27 + 2 * 4 * 7 * 6) + extra;
        assert!((right.gbps * right.median_ns - bytes as f64).abs() < 1e-6);
    }
}

#[test]
fn levels_and_numbers_of_threads_are_timed_side_by_side() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("roofline.svg");
    let lab = Lab::new().kernel(&RIGHT);
    let levels: Vec<_> = Level::all()
        .iter()
        .map(|level| level.name().trim_end_matches("+fma"))
        .collect();
    let list = levels.join(",");
    let sweep = [
        "--kernel",
        "tiled",
        "--kernel",
        "right",
        "--level",
        &list,
        "--threads",
        "1,2",
        "--roofline",
        path.to_str().unwrap(),
    ];
    let report = quick(&lab, &directory, &[&ONE[..], &sweep].concat()).expect("all are right");
    let rows: Vec<_> = report
        .rows()
        .iter()
        .map(|row| (row.threads, row.kernel, row.level))
        .collect();
    let expected = [1, 2].map(|threads| {
        let levels = levels.iter().map(move |level| (threads, "tiled", *level));
        levels
            .chain([(threads, "right", "own")])
            .collect::<Vec<_>>()
    });
    assert_eq!(rows, expected.concat());
    let chosen: Vec<_> = report.rows().iter().filter(|row| row.chosen).collect();
    assert!(
        chosen.iter().all(|row| row.level == levels[0]),
        "{chosen:?}"
    );
    assert_eq!(report.fastest().lines().count(), 2 + 2);

    let svg = fs::read_to_string(&path).unwrap();
    let chart = roxmltree::Document::parse(&svg).expect("valid XML");
    let texts: String = chart.descendants().filter_map(|node| node.text()).collect();
    for word in ["f32, 1 thread", "f32, 2 threads", "flop/byte", "right"] {
        assert!(texts.contains(word), "{word}: {texts}");
    }
    let circles = chart.descendants().filter(|it| it.has_tag_name("circle"));
    // A circle for each row, and one in each legend for each of its kernels.
    assert_eq!(circles.count(), 2 * rows.len());
}

#[test]
fn random_geometries_are_those_of_their_seed_and_are_proven_first() {
    let directory = TempDir::new().unwrap();
    let random = |seed| {
        let wrong = Lab::new().kernel(&WRONG);
        let arguments = ["--random", "2", "--seed", seed, "--kernel", "wrong"];
        let only_tested = [
            &arguments[..],
            &["--direction", "forward", "--number", "f32"],
        ]
        .concat();
        let error = run(&wrong, &only_tested).expect_err("it is wrong");
        assert_eq!(error.status, 1);
        error.message
    };
    assert!(random("7").contains("f32 random/7/0: FAILED"));
    assert_eq!(random("7"), random("7"));
    assert_ne!(random("7"), random("8"));
    let report = quick(
        &Lab::new(),
        &directory,
        &["--random", "1", "--kernel", "tiled", "f32/forward"],
    );
    let report = report.expect("it is right");
    assert!(report.rows()[0].gflops * report.rows()[0].median_ns >= 1e6);
}

#[test]
fn the_audit_is_part_of_the_report_and_needs_the_chosen_kernel() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("report.md");
    let audit = ["--audit", "--markdown", path.to_str().unwrap()];
    let kernels = ["--kernel", "tiled", "--kernel", "direct"];
    let lab = Lab::new();
    let report = quick(&lab, &directory, &[&ONE[..], &kernels, &audit].concat());
    report.expect("there is no limit");
    let text = fs::read_to_string(&path).unwrap();
    for words in [
        "### Fastest kernels",
        "### All kernels",
        "### Automatic choice",
        "Regret of 1 choices",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("cycles"), "no column without values");

    let alone = ["--kernel", "direct", "--audit"];
    let error = quick(&lab, &directory, &[&ONE[..], &alone].concat()).expect_err("nothing chosen");
    assert_eq!(error.status, 1);
    assert!(error.message.contains("leave out --kernel"), "{error}");
}

#[test]
fn help_fits_into_100_columns() {
    let error = run(&Lab::new(), &["--help"]).expect_err("help is no run");
    for line in error.message.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn random_geometries_have_every_kind_and_enough_work() {
    use wengert_tensor::testing::random::{MAX_FLOPS, MIN_FLOPS, random};
    let geometries = random(400, 1);
    for g in &geometries {
        assert!((MIN_FLOPS..=MAX_FLOPS).contains(&g.flops()), "{g}");
    }
    let share = |is: fn(&ConvGeometry) -> bool| {
        geometries.iter().filter(|g| is(g)).count() as f64 / geometries.len() as f64
    };
    let kinds: [(&str, fn(&ConvGeometry) -> bool, f64); 8] = [
        ("grouped", |g| g.groups > 1 && g.groups < g.channels, 0.15),
        (
            "depthwise",
            |g| g.groups > 1 && g.groups == g.channels,
            0.03,
        ),
        ("strided", |g| g.stride != [1; 3], 0.2),
        ("dilated", |g| g.dilation != [1; 3], 0.05),
        (
            "unpadded",
            |g| g.kernel != [1; 3] && g.padding == [[0; 2]; 3],
            0.1,
        ),
        (
            "of unequal filter sides",
            |g| g.kernel[1] != g.kernel[2],
            0.1,
        ),
        ("of unequal image sides", |g| g.input[1] != g.input[2], 0.25),
        (
            "of one or three channels",
            |g| [1, 3].contains(&g.channels),
            0.03,
        ),
    ];
    for (kind, is, least) in kinds {
        assert!(share(is) >= least, "{kind}: {}", share(is));
    }
}
