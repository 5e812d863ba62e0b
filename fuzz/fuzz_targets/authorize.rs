#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oauth_fuzz::authorize::check(bytes));
