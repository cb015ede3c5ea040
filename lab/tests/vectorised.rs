//! Whether the compiler vectorises the inner loops: microkernels of products and convolutions,
//! Winograd's transforms, depthwise sums.
//!
//! They are loops over arrays, not intrinsics. If the compiler stops unrolling one of them, or spills its
//! accumulators, it becomes several times slower and stays correct, so no other test fails. This test
//! compiles the kernels to assembly, which takes half a minute, and checks the instructions of the
//! innermost loops:
//!
//! ```text
//! cargo test -p wengert-lab --test vectorised -- --ignored
//! ```

#![cfg(target_arch = "x86_64")]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The assembly of `wengert-tensor`, with mangled names that spell out generic arguments.
fn assembly() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("lab/ is in the workspace");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("tensor.s");
    let output = Command::new(env!("CARGO"))
        .current_dir(root)
        .args([
            "rustc",
            "--locked",
            "--release",
            "-p",
            "wengert-tensor",
            "--lib",
        ])
        .args(["--target-dir", "target/vectorised", "--"])
        .arg(format!("--emit=asm={}", file.display()))
        .args(["-C", "codegen-units=1", "-C", "symbol-mangling-version=v0"])
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    fs::read_to_string(file).expect("the assembly was written")
}

/// A function of the assembly.
struct Function<'a> {
    name: &'a str,
    lines: Vec<&'a str>,
}

fn functions(assembly: &str) -> Vec<Function<'_>> {
    let mut functions = Vec::new();
    for line in assembly.lines() {
        if line.starts_with("_R") && line.ends_with(':') {
            let name = line.trim_end_matches(':');
            let lines = Vec::new();
            functions.push(Function { name, lines });
        } else if let Some(function) = functions.last_mut() {
            function.lines.push(line.trim());
        }
    }
    functions
}

impl Function<'_> {
    /// The instructions of each loop that has no loop inside.
    fn innermost_loops(&self) -> Vec<&[&str]> {
        let label = |line: &str| {
            line.strip_suffix(':')
                .filter(|l| l.starts_with(".L"))
                .map(str::to_string)
        };
        let mut loops: Vec<(usize, usize)> = Vec::new();
        for (end, line) in self.lines.iter().enumerate() {
            let Some(target) = line.split_whitespace().nth(1) else {
                continue;
            };
            if !line.starts_with('j') {
                continue;
            }
            let begin = self.lines[..end]
                .iter()
                .rposition(|l| label(l).as_deref() == Some(target));
            if let Some(begin) = begin {
                loops.push((begin, end));
            }
        }
        let is_inside =
            |(a, b): (usize, usize), (c, d): (usize, usize)| (a, b) != (c, d) && c <= a && b <= d;
        let innermost = loops
            .iter()
            .filter(|outer| !loops.iter().any(|inner| is_inside(*inner, **outer)));
        innermost
            .map(|&(begin, end)| &self.lines[begin..=end])
            .collect()
    }

    /// The register and the accumulators of a tile of products, if the function is one.
    fn tile(&self) -> Option<(&'static str, usize)> {
        let is_level = self.name.contains("6avx512") || self.name.contains("8avx2_fma");
        if !is_level {
            return None;
        }
        if let Some((_, arguments)) = self.name.split_once("9WideTiles") {
            // The last two arguments; an operand may have constants of its own before.
            let [.., rows, vectors] = constants(self.name, arguments)[..] else {
                return None;
            };
            return Some(("%zmm", rows * vectors));
        }
        for (name, register) in [("4dots4Wide", "%zmm"), ("4dots6Narrow", "%ymm")] {
            if let Some((_, arguments)) = self.name.split_once(name) {
                let [filters, taps] = constants(self.name, arguments)[..2].try_into().ok()?;
                return Some((register, filters * taps));
            }
        }
        if let Some((_, arguments)) = self.name.split_once("15lanes_of_pixels10PixelTiles") {
            let [.., rows, vectors] = constants(self.name, arguments)[..] else {
                return None;
            };
            let is_wide = arguments.contains("6F32x16") || arguments.contains("5F64x8");
            return Some((if is_wide { "%zmm" } else { "%ymm" }, rows * vectors));
        }
        let (_, arguments) = self.name.split_once("11microkernel5Tiles")?;
        Some(("%ymm", 2 * constants(self.name, arguments).last()?))
    }
}

/// The numbers among the generic arguments at the end of a name: `Kj` and hexadecimal digits, or `KB` and the place of
/// such a number earlier in the name.
fn constants(name: &str, arguments: &str) -> Vec<usize> {
    let number = |constant: &str| {
        let digits = constant.strip_prefix('j')?.split('_').next()?;
        usize::from_str_radix(digits, 16).ok()
    };
    let constants = arguments.split('K').skip(1);
    constants
        .filter_map(|constant| match constant.strip_prefix('B') {
            Some(place) => number(name.get(2 + place_of(place)?..)?),
            None => number(constant),
        })
        .collect()
}

/// A place in a name, behind its `_R`: digits to base 62, one less than the place, up to `_`.
fn place_of(text: &str) -> Option<usize> {
    let digits = text.split('_').next()?;
    if digits.is_empty() {
        return Some(0);
    }
    let value = digits.bytes().try_fold(0, |value, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'z' => digit - b'a' + 10,
            b'A'..=b'Z' => digit - b'A' + 36,
            _ => return None,
        };
        Some(62 * value + usize::from(digit))
    })?;
    Some(value + 1)
}

fn count(lines: &[&str], is_counted: impl Fn(&str) -> bool) -> usize {
    lines.iter().filter(|line| is_counted(line)).count()
}

fn is_fused(line: &str, kind: &str) -> bool {
    let instruction = line.split_whitespace().next().unwrap_or_default();
    instruction.starts_with("vfmadd") && instruction.ends_with(kind)
}

fn is_packed(line: &str) -> bool {
    is_fused(line, "ps") || is_fused(line, "pd")
}

fn is_scalar(line: &str) -> bool {
    is_fused(line, "ss") || is_fused(line, "sd")
}

/// Whether a vector goes to the stack or comes from it.
fn is_spill(line: &str) -> bool {
    // `%rbp` is a register like others in optimised code.
    line.contains("(%rsp") && (line.contains("%ymm") || line.contains("%zmm"))
}

/// Every tile of products and convolutions: as many multiply-adds a step as it has accumulators, in the
/// register of its level, and none of them in memory.
fn check_tiles(functions: &[Function<'_>]) -> (usize, String) {
    let (mut seen, mut wrong) = (0, String::new());
    for function in functions {
        let Some((register, accumulators)) = function.tile() else {
            continue;
        };
        seen += 1;
        let is_good = |lines: &&[&str]| {
            let vectors = count(lines, |line| is_packed(line) && line.contains(register));
            vectors > 0
                && vectors % accumulators == 0
                && count(lines, is_scalar) == 0
                && count(lines, is_spill) == 0
        };
        if !function.innermost_loops().iter().any(is_good) {
            let _ = writeln!(
                wrong,
                "no loop of {accumulators} multiply-adds on {register}: {}",
                function.name
            );
        }
    }
    (seen, wrong)
}

/// The transforms of Winograd's filtering: squares stay in vectors from load to store.
fn check_transforms(functions: &[Function<'_>]) -> (usize, String) {
    let (mut seen, mut wrong) = (0, String::new());
    for function in functions {
        let is_wide = function.name.contains("6avx512");
        let bodies = ["14TransformTiles", "7Results", "8ToPoints", "6ToTaps"];
        let is_transform = function.name.contains("8winograd")
            && bodies.iter().any(|body| function.name.contains(body));
        if !is_transform || !(is_wide || function.name.contains("8avx2_fma")) {
            continue;
        }
        seen += 1;
        let register = if is_wide { "%zmm" } else { "%ymm" };
        let stores = count(&function.lines, |line| {
            line.starts_with("vmovup") && line.ends_with(')') && line.contains(register)
        });
        let scalars = count(&function.lines, |line| {
            let instruction = line.split_whitespace().next().unwrap_or_default();
            ["vaddss", "vaddsd", "vsubss", "vsubsd", "vmulss", "vmulsd"].contains(&instruction)
                || is_scalar(line)
        });
        if stores == 0 || scalars > 0 {
            let name = function.name;
            let _ = writeln!(
                wrong,
                "{stores} vectors stored, {scalars} scalar operations: {name}"
            );
        }
    }
    (seen, wrong)
}

/// The sums and products of depthwise convolution and the products with few rows: in some innermost loop
/// multiply-adds on whole vectors, in none on single numbers beside them.
fn check_sums(functions: &[Function<'_>]) -> (usize, String) {
    let (mut seen, mut wrong) = (0, String::new());
    for function in functions {
        let bodies = [
            "4sums3Sum",
            "4sums6AnySum",
            "4dots4Dots",
            "4dots7AnyDots",
            "4axpy10SumsOfRows",
            "3dot4Dots",
        ];
        let is_body = bodies.iter().any(|body| function.name.contains(body));
        let is_level = function.name.contains("6avx512") || function.name.contains("8avx2_fma");
        if !(is_body && is_level) {
            continue;
        }
        seen += 1;
        let loops = function.innermost_loops();
        let is_good = |lines: &&[&str]| count(lines, is_packed) > 0 && count(lines, is_scalar) == 0;
        if !loops.iter().any(is_good) {
            let _ = writeln!(wrong, "no loop of vectors: {}", function.name);
        }
    }
    (seen, wrong)
}

#[test]
#[ignore = "compiles the kernels once more; CI runs it"]
fn hot_bodies_are_vectors_without_spills() {
    let assembly = assembly();
    let functions = functions(&assembly);
    let (tiles, wrong_tiles) = check_tiles(&functions);
    let (transforms, wrong_transforms) = check_transforms(&functions);
    let (sums, wrong_sums) = check_sums(&functions);
    println!("{tiles} tiles, {transforms} transforms and {sums} sums read");
    // Heights, number types and the ways to reach the rows; none may escape by being renamed.
    assert!(tiles >= 200, "only {tiles} tiles found");
    assert!(transforms >= 48, "only {transforms} transforms found");
    assert!(sums >= 80, "only {sums} sums found");
    let wrong = wrong_tiles + &wrong_transforms + &wrong_sums;
    assert!(wrong.is_empty(), "{wrong}");
}
