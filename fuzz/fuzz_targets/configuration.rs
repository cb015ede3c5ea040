#![no_main]

libfuzzer_sys::fuzz_target!(
    |bytes: &[u8]| (wengert_fuzz_targets::named("configuration").run)(bytes)
);
