//! The studies, each in its file.

mod atlas;
mod census;
mod hull_theory;
mod label_sets;
mod new_rows;
mod prevention;
mod quantisation;
mod random_heads;
mod reachability;
mod real_heads;
mod retrieval;
mod stolen_probability;
mod thresholds;
mod training;

use crate::frame::Study;

/// All of them.
pub const ALL: [&Study; 13] = [
    &random_heads::STUDY,
    &hull_theory::STUDY,
    &thresholds::STUDY,
    &label_sets::STUDY,
    &prevention::STUDY,
    &census::STUDY,
    &stolen_probability::STUDY,
    &quantisation::STUDY,
    &new_rows::STUDY,
    &training::STUDY,
    &retrieval::STUDY,
    &reachability::STUDY,
    &atlas::STUDY,
];
