//! Refuses configurations that no transformer can have.

use super::configuration::{Clamped, Configuration, ExpertSizes, ResidualSizes, Sharing};
use super::positions::Position;

/// The largest number of layers that is accepted. Layers that share their tensors take no bytes of the file, so only
/// this bounds what a configuration can ask for; the deepest published models have some 200.
const MOST_LAYERS: usize = 4096;

/// The largest number of experts of a layer that is accepted.
const MOST_EXPERTS: usize = 4096;

/// The largest number of distances on each side of a token that is accepted.
const MOST_DISTANCES: usize = 1 << 20;

impl Configuration {
    /// Refuses a configuration that no transformer can have; the error is one sentence.
    ///
    /// # Errors
    /// A size of 0, heads that do not divide evenly, too many layers, a factor or an epsilon that is not finite.
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(encoder) = self.of_encoder() {
            encoder.check().map_err(|problem| format!("{problem} (encoder)"))?;
        }
        self.check_sizes()?;
        self.check_layers()?;
        self.check_positions()?;
        self.check_numbers()
    }

    /// Refuses sizes of 0, and heads that cannot share their keys.
    fn check_sizes(&self) -> Result<(), String> {
        let (input, entries) = match self.bands {
            Some(bands) => ("frequency bands", bands),
            None => ("tokens", self.tokens),
        };
        let sizes = [
            (input, entries),
            ("coordinates of a hidden state", self.width),
            ("coordinates of an input vector", self.input_width),
            ("layers", self.layers),
            ("attention heads", self.heads),
            ("key-value heads", self.key_value_heads),
            ("coordinates of a head", self.head_width),
            ("coordinates of the feed-forward layer", self.inner),
            ("positions", self.context.unwrap_or(1)),
        ];
        if let Some((what, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(format!("the configuration says 0 {what}"));
        }
        if !self.heads.is_multiple_of(self.key_value_heads) {
            return Err(format!(
                "{} attention heads cannot share {} key-value heads evenly",
                self.heads, self.key_value_heads
            ));
        }
        Ok(())
    }

    /// Refuses too many layers, and lists that do not have one entry per layer.
    fn check_layers(&self) -> Result<(), String> {
        if self.layers > MOST_LAYERS {
            let layers = self.layers;
            return Err(format!("{layers} layers are more than the {MOST_LAYERS} that are read"));
        }
        if let Sharing::Groups { groups, inner } = self.sharing {
            if groups == 0 || inner == 0 || groups > self.layers {
                return Err(format!(
                    "{} layers cannot be {groups} groups of {inner} shared blocks",
                    self.layers
                ));
            }
            if self.layers.saturating_mul(inner) > MOST_LAYERS {
                return Err(format!(
                    "{} layers of {inner} blocks are more than the {MOST_LAYERS} that are read",
                    self.layers
                ));
            }
        }
        if let Some(ExpertSizes { count, chosen, inner, layers, clamped, .. }) = &self.experts {
            if let Some(Clamped { factor, limit }) = clamped
                && !(factor.is_finite() && *factor != 0.0 && limit.is_finite() && *limit > 0.0)
            {
                return Err(format!(
                    "a gated unit cannot have the factor {factor} and the limit {limit}"
                ));
            }
            if *count > MOST_EXPERTS || *chosen == 0 || chosen > count || *inner == 0 {
                return Err(format!(
                    "there cannot be {count} experts of inner width {inner} of which {chosen} are chosen"
                ));
            }
            if layers.len() != self.layers {
                let problem = "the layers that have experts are not as many as the layers";
                return Err(problem.to_owned());
            }
        }
        for layers in [&self.layer_kinds.local, &self.layer_kinds.unrotated] {
            if !layers.is_empty() && layers.len() != self.layers {
                return Err(format!(
                    "the kinds of {} layers are listed, but there are {}",
                    layers.len(),
                    self.layers
                ));
            }
        }
        Ok(())
    }

    /// Refuses positions that no attention can have.
    fn check_positions(&self) -> Result<(), String> {
        if let Some(sizes) = self.disentangled {
            if sizes.span == 0 || sizes.span > MOST_DISTANCES {
                let problem = format!("there cannot be vectors of {} distances", sizes.span);
                return Err(problem);
            }
            if let Some(furthest) = sizes.furthest
                && (sizes.span < 4 || furthest < sizes.span)
            {
                return Err(format!(
                    "{} buckets cannot hold the distances up to {furthest}: there must be 4 or more, and no more than \
                     that",
                    sizes.span
                ));
            }
        }
        if let Some(ResidualSizes { kernel, groups, .. }) = self.convolution
            && (kernel.is_multiple_of(2) || groups == 0 || !self.width.is_multiple_of(groups))
        {
            return Err(format!(
                "a convolution over {kernel} tokens in {groups} groups cannot keep states of {} coordinates: the first \
                 must be odd, and the second divide the third",
                self.width
            ));
        }
        if let Position::Rotary { rotary, local } = &self.position {
            for rotary in [Some(rotary), local.as_ref()].into_iter().flatten() {
                rotary.check(self.head_width)?;
            }
        }
        if let Position::Buckets { buckets, furthest } = self.position {
            // Half of an encoder's buckets lie on each side, and half of these hold one distance each.
            if buckets < 4 || furthest <= buckets / 2 {
                return Err(format!(
                    "{buckets} buckets cannot hold the distances up to {furthest}: there must be 4 or more, and the \
                     furthest distance beyond half of them"
                ));
            }
        }
        Ok(())
    }

    /// Refuses factors, bounds and an epsilon that are not finite or not in range.
    fn check_numbers(&self) -> Result<(), String> {
        for (what, factor) in [
            ("residual sums", self.residual_scale),
            ("logits", self.logit_scale),
            ("the embedding", self.embedding_scale),
            ("scores", self.score_scale(0)),
        ] {
            if !factor.is_finite() {
                return Err(format!("{factor} is not a valid factor of {what}"));
            }
        }
        for cap in [self.score_cap, self.logit_cap].into_iter().flatten() {
            if !(cap.is_finite() && cap > 0.0) {
                return Err(format!("{cap} bounds neither scores nor logits"));
            }
        }
        if !(self.epsilon.is_finite() && self.epsilon >= 0.0) {
            return Err(format!("{} is not a valid epsilon of a norm", self.epsilon));
        }
        Ok(())
    }
}
