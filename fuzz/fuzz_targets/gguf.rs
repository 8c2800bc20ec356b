//! Any bytes as a gguf file.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| unargmax::checkpoint::fuzz::gguf(bytes));
