//! The forward path: what the Python package `transformers` computes for the same tensors, what masks
//! promise, and what is refused.

mod blocks;
mod changed;
mod chat;
mod encoder_decoder;
mod fixture;
mod generation;
mod golden;
mod gradients;
mod invariants;
mod known_keys;
mod ladder;
mod latents;
mod left_out;
mod published;
mod refused;
mod scaling;
mod sound;
