//! Writes the seeds of every target into the corpus that the fuzzer reads.
//!
//! `cargo run -p wengert-fuzz-targets --example write_seeds -- DIRECTORY`

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = env::args_os()
        .nth(1)
        .ok_or("usage: write_seeds DIRECTORY")?;
    let directory = PathBuf::from(directory);
    for target in wengert_fuzz_targets::TARGETS {
        let folder = directory.join(target.name);
        fs::create_dir_all(&folder)?;
        for (i, seed) in (target.seeds)().iter().enumerate() {
            fs::write(folder.join(format!("seed-{i:03}")), seed)?;
        }
    }
    Ok(())
}
