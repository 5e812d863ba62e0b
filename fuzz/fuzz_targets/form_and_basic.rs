#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oauth_fuzz::form_and_basic::check(bytes));
