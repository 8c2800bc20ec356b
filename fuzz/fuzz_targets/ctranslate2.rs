//! Any bytes as CTranslate2's model.bin.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| unargmax::checkpoint::fuzz::ctranslate2(bytes));
