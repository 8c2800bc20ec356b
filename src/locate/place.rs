//! Where in a checkpoint the names of a rule lie: under a body of their own, or within another model.

use super::rules::Rule;
use super::stored::Stored;

/// What stands before the names of a language model that is part of another model.
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

/// Where in a checkpoint a rule's names lie.
pub(super) struct Place<'a> {
    /// The checkpoint's tensors.
    pub stored: &'a Stored<'a>,
    /// Before all names.
    wrapper: &'static str,
    /// In place of `*`.
    body: &'static str,
}

impl<'a> Place<'a> {
    /// The first wrapper under which a head is stored, else the first under which an embedding is; and there the first
    /// body under which the embedding or the norm is stored. Only a family that is `certain` is looked for in other
    /// models.
    pub fn of(stored: &'a Stored<'a>, rule: &'static Rule, certain: bool) -> Self {
        let places =
            WRAPPERS.iter().take(if certain { WRAPPERS.len() } else { 1 }).map(|wrapper| {
                let mut place = Place { stored, wrapper, body: "" };
                place.body =
                    rule.bodies.iter().find(|body| place.fits(rule, body)).copied().unwrap_or("");
                place
            });
        let places: Vec<Place> = places.collect();
        let has =
            |place: &Place, names: &[&str]| names.iter().any(|name| stored.has(&place.named(name)));
        let at = places
            .iter()
            .position(|place| has(place, rule.own))
            .or_else(|| places.iter().position(|place| has(place, rule.tied_to)));
        places.into_iter().nth(at.unwrap_or(0)).unwrap_or(Place { stored, wrapper: "", body: "" })
    }

    fn fits(&self, rule: &Rule, body: &'static str) -> bool {
        let place = Place { stored: self.stored, wrapper: self.wrapper, body };
        let stems = rule.norm.as_ref().map_or(&[][..], |norm| norm.stems);
        let has = |name: String| self.stored.has(&name);
        rule.tied_to.iter().any(|t| has(place.named(t)))
            || stems
                .iter()
                .filter(|s| s.contains('*'))
                .any(|s| has(format!("{}.weight", place.named(s))))
    }

    /// The name that a rule writes as `template`.
    pub fn named(&self, template: &str) -> String {
        format!("{}{}", self.wrapper, template.replace('*', self.body))
    }
}
