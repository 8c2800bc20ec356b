//! Finds where in a checkpoint the names of a family lie: under a body, or within another model.

use super::stored::Stored;
use crate::families::Family;

/// The prefixes of the names of a language model that is part of another model.
const WRAPPERS: [&str; 9] = [
    "",
    "language_model.",
    "text_model.",
    "decoder.",
    "text_decoder.",
    "thinker.",
    "model.",
    "llm.",
    "model.llm.",
];

/// Where in a checkpoint the names of a family lie.
pub(super) struct Place<'a> {
    /// The tensors of the checkpoint.
    pub stored: &'a Stored<'a>,
    /// The prefix of all names.
    wrapper: &'static str,
    /// What takes the place of `*` in names.
    body: &'static str,
}

impl<'a> Place<'a> {
    /// Finds the first wrapper under which a head is stored, or else the first under which an embedding is; and under
    /// this wrapper the first body under which the embedding or the norm is stored. Only a family that is `certain`
    /// is searched for within other models.
    pub fn of(stored: &'a Stored<'a>, family: &'static Family, certain: bool) -> Self {
        let places =
            WRAPPERS.iter().take(if certain { WRAPPERS.len() } else { 1 }).map(|wrapper| {
                let mut place = Place { stored, wrapper, body: "" };
                place.body = family
                    .bodies
                    .iter()
                    .find(|body| place.fits(family, body))
                    .copied()
                    .unwrap_or("");
                place
            });
        let places: Vec<Place> = places.collect();
        let has =
            |place: &Place, names: &[&str]| names.iter().any(|name| stored.has(&place.named(name)));
        let at = places
            .iter()
            .position(|place| has(place, family.separate))
            .or_else(|| places.iter().position(|place| has(place, family.tied_to)));
        places.into_iter().nth(at.unwrap_or(0)).unwrap_or(Place { stored, wrapper: "", body: "" })
    }

    /// Whether the embedding or the norm of the family is stored under a body.
    fn fits(&self, family: &Family, body: &'static str) -> bool {
        let place = Place { stored: self.stored, wrapper: self.wrapper, body };
        let has = |name: String| self.stored.has(&name);
        family.tied_to.iter().any(|t| has(place.named(t)))
            || family
                .norm_stems()
                .iter()
                .filter(|s| s.contains('*'))
                .any(|s| has(format!("{}.weight", place.named(s))))
    }

    /// Returns the name that the table of families writes as `template`.
    pub fn named(&self, template: &str) -> String {
        format!("{}{}", self.wrapper, template.replace('*', self.body))
    }
}
