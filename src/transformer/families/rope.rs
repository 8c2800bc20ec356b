//! Reads rotary positions from config.json: their base, and how frequencies are changed for longer texts.
//!
//! `rope_parameters` since transformers 5, `rope_theta` and `rope_scaling` before. Reference: `modeling_rope_utils.py` of
//! transformers, in whose order of operations everything is computed in float32.

use std::f32::consts::PI;

use serde_json::{Map, Value};

use crate::error::Result;
use crate::transformer::positions::{Pairing, Rotary, plain_frequencies};
use crate::transformer::settings::Settings;

/// What a family says of its rotary positions beside its configuration.
#[derive(Clone, Copy)]
pub(super) struct Rope {
    /// The width of a head.
    pub head_width: usize,
    /// The longest text, in tokens.
    pub context: Option<usize>,
    /// The base, where the configuration has none.
    pub base: f64,
    /// The share of a head's coordinates that are rotated, where the configuration states none.
    pub share: f64,
    /// Whether the family can rotate a part of each head.
    pub partial: bool,
    /// Which coordinates are rotated together.
    pub pairing: Pairing,
}

impl Rope {
    /// All coordinates, in halves, with the usual base.
    pub fn usual(head_width: usize, context: Option<usize>) -> Self {
        let pairing = Pairing::Halves;
        Rope { head_width, context, base: 10_000.0, share: 1.0, partial: false, pairing }
    }

    /// Reads the rotation of all layers.
    ///
    /// # Errors
    /// A scaling that is not known, or that `rope_parameters` and `rope_scaling` state differently.
    pub fn read(self, settings: &Settings) -> Result<Rotary> {
        let base = settings.number("rope_theta", self.base)?;
        let share = match self.partial {
            true => settings.number("partial_rotary_factor", self.share)?,
            false => self.share,
        };
        let here = Rope { base, share, ..self };
        here.check(settings)?;
        let mut given: Option<Rotary> = None;
        for key in ["rope_parameters", "rope_scaling"] {
            let Some(value) = settings.get(key) else { continue };
            let own = here.of_object(settings, key, value)?;
            if given.is_some_and(|other| other != own) {
                return Err(
                    settings.refuse("`rope_parameters` and `rope_scaling` say different things")
                );
            }
            given = Some(own);
        }
        Ok(given.unwrap_or_else(|| here.plain()))
    }

    /// Reads the rotations of layers that see all and of local layers: `rope_parameters` by layer type, else
    /// `rope_theta` with `rope_scaling`, and the base under `local_key` without.
    ///
    /// # Errors
    /// As [`Rope::read`].
    pub fn read_by_layer_type(
        self,
        settings: &Settings,
        keys: [&str; 2],
        bases: [f64; 2],
    ) -> Result<[Rotary; 2]> {
        const TYPES: [&str; 2] = ["full_attention", "sliding_attention"];
        let types = settings.get("rope_parameters").and_then(Value::as_object);
        if let Some(types) = types.filter(|map| TYPES.iter().any(|key| map.contains_key(*key))) {
            if let Some(key) = types.keys().find(|key| !TYPES.contains(&key.as_str())) {
                return Err(settings
                    .refuse(format!("`rope_parameters.{key}` is not a known type of layer")));
            }
            let of = |at: usize| match types.get(TYPES[at]) {
                Some(value) if !value.is_null() => {
                    let here = Rope { base: bases[at], ..self };
                    here.of_object(settings, "rope_parameters", value)
                }
                _ => Ok(Rope { base: bases[at], ..self }.plain()),
            };
            return Ok([of(0)?, of(1)?]);
        }
        let local = Rope { base: settings.number(keys[1], bases[1])?, ..self }.plain();
        let base = settings.number(keys[0], bases[0])?;
        let full = Rope { base, ..self };
        full.check(settings)?;
        let scaled = settings.get("rope_parameters").or(settings.get("rope_scaling"));
        let full = match scaled {
            Some(value) => full.of_object(settings, "rope_scaling", value)?,
            None => full.plain(),
        };
        Ok([full, local])
    }

    /// Refuses a share or a base that no rotation can have.
    fn check(&self, settings: &Settings) -> Result<()> {
        if !self.partial && self.share != 1.0 {
            return Err(settings.refuse(
                "`partial_rotary_factor` rotates a part of each head, which this family cannot",
            ));
        }
        if !(self.share > 0.0 && self.share <= 1.0) {
            return Err(settings.refuse(format!(
                "`partial_rotary_factor` is {}, which is not above 0 and at most 1",
                self.share
            )));
        }
        if !(self.base.is_finite() && self.base > 0.0) {
            return Err(
                settings.refuse(format!("{} is not a valid base of rotary positions", self.base))
            );
        }
        if !self.width().is_multiple_of(2) {
            let width = self.width();
            return Err(settings.refuse(format!("a head of {width} coordinates cannot be rotated")));
        }
        Ok(())
    }

    /// The rotation without scaling.
    fn plain(&self) -> Rotary {
        Rotary::plain(self.width(), self.base, self.pairing)
    }

    /// The number of coordinates of a head that are rotated.
    fn width(&self) -> usize {
        (self.head_width as f64 * self.share) as usize
    }

    /// Reads one object of parameters.
    fn of_object(
        mut self,
        settings: &Settings,
        key: &'static str,
        value: &Value,
    ) -> Result<Rotary> {
        let Value::Object(map) = value else {
            return Err(settings.refuse(format!("`{key}` is {value}, not an object")));
        };
        let object = Object { settings, key, map };
        if let Some(base) = object.number("rope_theta")? {
            self.base = base;
        }
        if let Some(share) = object.number("partial_rotary_factor")? {
            self.share = share;
        }
        self.check(settings)?;
        let kind = object.kind()?;
        let (rotary, read): (Rotary, &[&str]) = match kind {
            "default" => (self.plain(), &[]),
            "linear" => (self.linear(&object)?, &["factor"]),
            // Dynamic scaling changes the base only beyond the context, which no sequence here exceeds.
            "dynamic" if self.context.is_some() => {
                object.needed("factor")?;
                (self.plain(), &["factor"])
            }
            "llama3" => (self.llama3(&object)?, LLAMA3),
            "yarn" => (self.yarn(&object)?, YARN),
            "longrope" | "su" => (self.longrope(&object)?, LONGROPE),
            _ => {
                return Err(settings.refuse(format!(
                    "`{key}` is of type `{kind}`; default, linear, dynamic (with `max_position_embeddings`), llama3, yarn \
                     and longrope are implemented"
                )));
            }
        };
        object.nothing_else(kind, read)?;
        Ok(rotary)
    }

    /// All frequencies are divided by a factor.
    fn linear(&self, object: &Object) -> Result<Rotary> {
        let factor = object.positive("factor")? as f32;
        let mut rotary = self.plain();
        rotary.frequencies.iter_mut().for_each(|frequency| *frequency /= factor);
        Ok(rotary)
    }

    /// Low frequencies are divided by a factor, high ones stay, those between are interpolated (Llama 3.1).
    fn llama3(&self, object: &Object) -> Result<Rotary> {
        let factor = object.positive("factor")?;
        let (low, high) =
            (object.positive("low_freq_factor")?, object.positive("high_freq_factor")?);
        let original = self.original(object)?;
        if low >= high {
            return Err(object.settings.refuse(format!(
                "rotary positions cannot be scaled between {original} / {high} and {original} / {low}"
            )));
        }
        let mut rotary = self.plain();
        for frequency in &mut rotary.frequencies {
            let (plain, wave) = (*frequency, 2.0 * PI / *frequency);
            if wave > (original / low) as f32 {
                *frequency = plain / factor as f32;
            } else if wave >= (original / high) as f32 {
                let share = (original as f32 / wave - low as f32) / (high - low) as f32;
                *frequency = (1.0 - share) * plain / factor as f32 + share * plain;
            }
        }
        Ok(rotary)
    }

    /// YaRN: high frequencies stay, low ones are divided by a factor, with a ramp between, and the rotated coordinates
    /// grow (Peng et al., 2023, sections 3.2 to 3.4).
    fn yarn(&self, object: &Object) -> Result<Rotary> {
        let original = self.original(object)?;
        let factor = match (object.number("factor")?, self.context) {
            (None, Some(context)) => context as f64 / original,
            _ => object.positive("factor")?,
        };
        let growth = |scale: f64, by: f64| {
            if scale <= 1.0 { 1.0 } else { 0.1 * by * scale.ln() + 1.0 }
        };
        let given =
            |name: &str| -> Result<Option<f64>> { Ok(object.number(name)?.filter(|x| *x != 0.0)) };
        let grown = match (
            object.number("attention_factor")?,
            given("mscale")?,
            given("mscale_all_dim")?,
        ) {
            (Some(factor), ..) => factor,
            (None, Some(one), Some(all)) => growth(factor, one) / growth(factor, all),
            _ => growth(factor, 1.0),
        };
        let (fast, slow) =
            (given("beta_fast")?.unwrap_or(32.0), given("beta_slow")?.unwrap_or(1.0));
        let width = self.width() as f64;
        // The pair of coordinates that turns so many times within the original context.
        let pair = |turns: f64| {
            width * (original / (turns * 2.0 * std::f64::consts::PI)).ln() / (2.0 * self.base.ln())
        };
        let (mut first, mut last) = (pair(fast), pair(slow));
        if object.truth("truncate", true)? {
            (first, last) = (first.floor(), last.ceil());
        }
        let (first, mut last) = (first.max(0.0), last.min(width - 1.0));
        if first == last {
            last += 0.001;
        }
        let ramp = |k: usize| ((k as f32 - first as f32) / (last - first) as f32).clamp(0.0, 1.0);
        let mut rotary = self.plain();
        for (k, frequency) in rotary.frequencies.iter_mut().enumerate() {
            let wave = 1.0 / *frequency;
            let (kept, divided) = (1.0 / wave, 1.0 / (factor as f32 * wave));
            let keep = 1.0 - ramp(k);
            *frequency = divided * (1.0 - keep) + kept * keep;
        }
        Ok(Rotary { factor: grown as f32, ..rotary })
    }

    /// LongRoPE: each frequency is divided by a factor of its own, of which there are two lists, for texts up to the
    /// original context and for longer ones (Ding et al., 2024).
    fn longrope(&self, object: &Object) -> Result<Rotary> {
        let original = self.original(object)?;
        let factor = match (self.context, object.number("factor")?) {
            (_, Some(factor)) => factor,
            (Some(context), None) => context as f64 / original,
            (None, None) => object.needed("factor")?,
        };
        let grown = match object.number("attention_factor")? {
            Some(grown) => grown,
            None if factor <= 1.0 => 1.0,
            None => (1.0 + factor.ln() / original.ln()).sqrt(),
        };
        let plain = plain_frequencies(self.width(), self.base);
        let divided = |name: &str| -> Result<Vec<f32>> {
            let factors = object.list(name)?;
            if factors.len() != plain.len() {
                return Err(object.settings.refuse(format!(
                    "`{}.{name}` lists {} factors for {} frequencies",
                    object.key,
                    factors.len(),
                    plain.len()
                )));
            }
            let base = self.base as f32;
            let wave = |k: usize| base.powf((2 * k) as f32 / self.width() as f32);
            Ok(factors.iter().enumerate().map(|(k, f)| 1.0 / (*f as f32 * wave(k))).collect())
        };
        Ok(Rotary {
            frequencies: divided("short_factor")?,
            long: Some((original as usize, divided("long_factor")?)),
            factor: grown as f32,
            pairing: self.pairing,
        })
    }

    /// The length of text, in tokens, that a model was first trained with.
    fn original(&self, object: &Object) -> Result<f64> {
        const NAME: &str = "original_max_position_embeddings";
        // The reference prefers the length that stands outside the object.
        let outside = object.settings.size(NAME)?.map(|length| length as f64);
        let inside = object.number(NAME)?.or(self.context.map(|length| length as f64));
        let original = outside.or(inside).filter(|x| x.is_finite() && *x > 0.0);
        original.ok_or_else(|| {
            object.settings.refuse(format!("`{}.{NAME}` is missing or is not a length", object.key))
        })
    }
}

const LLAMA3: &[&str] =
    &["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"];
const YARN: &[&str] = &[
    "factor",
    "attention_factor",
    "beta_fast",
    "beta_slow",
    "mscale",
    "mscale_all_dim",
    "original_max_position_embeddings",
    "truncate",
];
const LONGROPE: &[&str] = &[
    "factor",
    "attention_factor",
    "short_factor",
    "long_factor",
    "original_max_position_embeddings",
];

/// One object of parameters.
struct Object<'a> {
    settings: &'a Settings,
    key: &'static str,
    map: &'a Map<String, Value>,
}

impl Object<'_> {
    fn get(&self, name: &str) -> Option<&Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    fn refuse<T>(&self, name: &str, value: &Value, what: &str) -> Result<T> {
        Err(self.settings.refuse(format!("`{}.{name}` is {value}, not {what}", self.key)))
    }

    /// Reads a number; `None` where it is missing or null.
    fn number(&self, name: &str) -> Result<Option<f64>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.as_f64() {
            Some(number) => Ok(Some(number)),
            None => self.refuse(name, value, "a number"),
        }
    }

    /// Reads a number that must be there.
    fn needed(&self, name: &str) -> Result<f64> {
        let missing = || self.settings.refuse(format!("`{}.{name}` is missing", self.key));
        self.number(name)?.ok_or_else(missing)
    }

    /// Reads a factor, a positive number that must be there.
    fn positive(&self, name: &str) -> Result<f64> {
        let number = self.needed(name)?;
        if number.is_finite() && number > 0.0 {
            return Ok(number);
        }
        let problem =
            format!("{number} is not a valid factor of rotary positions (`{}.{name}`)", self.key);
        Err(self.settings.refuse(problem))
    }

    /// Reads a truth value; `otherwise` is the default.
    fn truth(&self, name: &str, otherwise: bool) -> Result<bool> {
        let Some(value) = self.get(name) else { return Ok(otherwise) };
        match value.as_bool() {
            Some(truth) => Ok(truth),
            None => self.refuse(name, value, "true or false"),
        }
    }

    /// Reads a list of factors that must be there.
    fn list(&self, name: &str) -> Result<Vec<f64>> {
        let Some(value) = self.get(name) else {
            return Err(self.settings.refuse(format!("`{}.{name}` is missing", self.key)));
        };
        let factor = |x: &Value| x.as_f64().filter(|x| x.is_finite() && *x > 0.0);
        let list = value.as_array().and_then(|list| list.iter().map(factor).collect());
        list.map_or_else(|| self.refuse(name, value, "a list of factors"), Ok)
    }

    /// Reads the type of the scaling.
    fn kind(&self) -> Result<&str> {
        match self.get("rope_type").or_else(|| self.get("type")) {
            None => Ok("default"),
            Some(Value::String(kind)) => Ok(kind),
            Some(kind) => Err(self
                .settings
                .refuse(format!("the type of `{}` is {kind}, not a string", self.key))),
        }
    }

    /// Refuses numbers that a scaling of this kind does not use.
    fn nothing_else(&self, kind: &str, read: &[&str]) -> Result<()> {
        const ALWAYS: [&str; 4] = ["rope_type", "type", "rope_theta", "partial_rotary_factor"];
        let known = |name: &str| ALWAYS.contains(&name) || read.contains(&name);
        match self.map.iter().find(|(name, value)| !value.is_null() && !known(name)) {
            Some((name, value)) => Err(self.settings.refuse(format!(
                "`{}.{name}` ({value}) is not known for rotary positions of type `{kind}`",
                self.key
            ))),
            None => Ok(()),
        }
    }
}
