//! Every target on its seeds, on damaged seeds, and on every stored input.

use std::fs;
use std::path::Path;

use wengert_fuzz_targets::TARGETS;

#[test]
fn every_target_returns_on_its_seeds() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(!seeds.is_empty(), "{} has no seed", target.name);
        for seed in seeds {
            (target.run)(&seed);
        }
    }
}

#[test]
fn every_target_returns_on_seeds_that_are_cut_or_damaged() {
    for target in TARGETS {
        for seed in (target.seeds)().iter().take(8) {
            // At most 24 places of each seed, all of them in the short ones.
            for at in (0..seed.len()).step_by(seed.len() / 24 + 1) {
                (target.run)(&seed[..at]);
                for byte in [0, 0x7F, 0xFF] {
                    let mut damaged = seed.clone();
                    damaged[at] = byte;
                    (target.run)(&damaged);
                }
            }
        }
    }
}

#[test]
fn every_target_returns_on_the_stored_inputs() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let mut folders = 0;
    for folder in fs::read_dir(corpus).expect("the corpus is in the repository") {
        let folder = folder.expect("an entry").path();
        if !folder.is_dir() {
            continue;
        }
        let name = folder.file_name().expect("a name").to_string_lossy();
        let target = wengert_fuzz_targets::named(&name);
        folders += 1;
        for file in fs::read_dir(&folder).expect("a folder") {
            let bytes = fs::read(file.expect("an entry").path()).expect("a file");
            (target.run)(&bytes);
        }
    }
    assert_eq!(folders, TARGETS.len(), "a folder for each target");
}
