#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (wengert_fuzz_targets::named("opened").run)(bytes));
