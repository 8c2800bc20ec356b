//! The forward path: what the Python package `transformers` computes for the same tensors, what masks
//! promise, and what is refused.

mod encoder_decoder;
mod fixture;
mod golden;
mod gradients;
mod invariants;
mod latents;
mod published;
mod refused;
