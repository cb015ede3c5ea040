//! Lists the files of each family of ops, so that a file with its `mod` line is in the table.
//!
//! For each folder of `src/ops` it writes `FAMILY.rs` to `OUT_DIR`: the slice of the `OPS` of all files there. A file
//! that the folder's `mod.rs` does not declare, or that has no `OPS`, does not compile. What only helps ops is in
//! `support`.
//!
//! It sets `shared_table` if the feature `shared-table` is on and the code is not optimised. Optimised crates do not share
//! what generic functions are compiled to, so there the table would only be compiled once more.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=src/ops");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    for family in fs::read_dir("src/ops")? {
        let family = family?.path();
        if family.is_dir() {
            let name = family.file_name().ok_or("a folder has a name")?;
            let list = format!("&[{}]", modules(&family)?.join("::OPS, ") + "::OPS");
            fs::write(out.join(name).with_extension("rs"), list)?;
        }
    }
    println!("cargo::rustc-check-cfg=cfg(shared_table)");
    let is_unoptimised = env::var("OPT_LEVEL").is_ok_and(|level| level == "0");
    if is_unoptimised && env::var_os("CARGO_FEATURE_SHARED_TABLE").is_some() {
        println!("cargo::rustc-cfg=shared_table");
    }
    Ok(())
}

/// The modules of a folder, in alphabetical order.
fn modules(folder: &Path) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        match (stem, path.extension()) {
            (Some(stem), Some(end)) if end == "rs" && stem != "mod" => names.push(stem.to_owned()),
            _ => {}
        }
    }
    names.sort();
    Ok(names)
}
