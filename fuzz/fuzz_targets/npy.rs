//! Any bytes as an npy file.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| unargmax::checkpoint::fuzz::npy(bytes));
