//! Runs the example as a user does.

use std::path::Path;

#[test]
fn the_example_ends_with_one_sentence_for_an_unknown_lesson() {
    let test = std::env::current_exe().expect("a test knows its own file");
    let build = test.parent().and_then(Path::parent).expect("tests are built in target/PROFILE/deps");
    let run = std::process::Command::new(build.join("examples/lesson")).arg("convolution").output();
    let run = run.expect("a plain `cargo test` builds the example");
    let text = String::from_utf8_lossy(&run.stderr);
    assert!(!run.status.success() && text.starts_with("there is no lesson \"convolution\""), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}
