//! Verdicts and their proofs, through the library.
//!
//! - `cases`: heads whose answers are known by hand or by construction, in every engine;
//! - `brute_force`: small random heads against elimination in exact rationals;
//! - `balls`: random heads behind norms and in balls, against second-order cone programs and rationals;
//! - `domains`: what comes beside the verdict, faults planted in proposals, changes that must not matter;
//! - `engines`: the two engines against each other;
//! - `kept_rows`, `label_sets`: audits of some rows alone, and of sets of labels;
//! - `low_rank_maps`: certificates of heads so wide that their map is of low rank;
//! - `measures`: efforts, best margins and needed biases;
//! - `moves`: how far rows must move for their tokens to win;
//! - `pairs`: the screen by 8-bit products, on heads made to break its bound;
//! - `probability`: bounds of probabilities, and false ones;
//! - `ranks`: best ranks against exact depths by enumeration;
//! - `real_heads`: trained heads of this repository against answers by HiGHS;
//! - `ball_certificates`: certificates of audits in balls;
//! - `tampered_certificates`: false certificates, each of which must be refused;
//! - `evidence`: the independent check in exact rationals that the others use.

mod ball_certificates;
mod balls;
mod brute_force;
mod cases;
mod domains;
mod engines;
mod evidence;
mod kept_rows;
mod label_sets;
mod low_rank_maps;
mod measures;
mod moves;
mod pairs;
mod probability;
mod ranks;
mod real_heads;
mod tampered_certificates;
