//! Any bytes as an npz file.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| unargmax::checkpoint::fuzz::npz(bytes));
