//! Any bytes as a vocabulary.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| unargmax::checkpoint::fuzz::vocabulary(bytes));
