//! How tools fill the rows of new tokens.

use crate::frame::numpy::RandomState;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// Normal, with the mean of all rows and their covariance times 1e-9.
    NearMean,
    Mean,
    /// N(0, 0.02).
    Normal,
    /// The mean of three rows.
    Pieces,
    /// The mean, and noise of the size of the rows' own spread.
    Spread,
}

/// New rows, one after the other, and their biases if the head has some.
pub struct New {
    pub rows: Vec<f64>,
    pub biases: Option<Vec<f64>>,
}

impl Recipe {
    pub const ALL: [Recipe; 5] =
        [Recipe::NearMean, Recipe::Mean, Recipe::Normal, Recipe::Pieces, Recipe::Spread];

    pub fn name(self) -> &'static str {
        match self {
            Recipe::NearMean => "mean, 1e-9 of the covariance",
            Recipe::Mean => "mean",
            Recipe::Normal => "N(0, 0.02)",
            Recipe::Pieces => "mean of three rows",
            Recipe::Spread => "mean, all of the covariance",
        }
    }

    /// Of ten new rows on rxnmapper's head over all of space, how many could not win before.
    pub fn lost_of_rxnmapper(self) -> Option<usize> {
        match self {
            Recipe::NearMean | Recipe::Mean => Some(10),
            Recipe::Normal | Recipe::Pieces => Some(0),
            Recipe::Spread => None,
        }
    }

    /// So many new rows for a head of these rows of `dim` coordinates.
    pub fn rows(
        self,
        old: &[f64],
        bias: Option<&[f64]>,
        dim: usize,
        count: usize,
        random: &mut RandomState,
    ) -> New {
        let with_bias = Table { old, bias, dim };
        let mut new = New { rows: Vec::new(), biases: bias.map(|_| Vec::new()) };
        for _ in 0..count {
            let (row, bias) = match self {
                Recipe::NearMean => with_bias.near_mean(1e-9, random),
                Recipe::Spread => with_bias.near_mean(1.0, random),
                Recipe::Mean => with_bias.near_mean(0.0, random),
                Recipe::Normal => {
                    (random.normals(dim).into_iter().map(|x| 0.02 * x).collect(), 0.0)
                }
                Recipe::Pieces => with_bias.mean_of(&random.choice(old.len() / dim, 3)),
            };
            new.rows.extend(row);
            if let Some(biases) = &mut new.biases {
                biases.push(bias);
            }
        }
        new
    }
}

/// The old rows with their biases.
struct Table<'a> {
    old: &'a [f64],
    bias: Option<&'a [f64]>,
    dim: usize,
}

impl Table<'_> {
    fn mean_of(&self, ids: &[u32]) -> (Vec<f64>, f64) {
        let mut mean = vec![0.0; self.dim];
        for &id in ids {
            let row = &self.old[id as usize * self.dim..][..self.dim];
            mean.iter_mut().zip(row).for_each(|(m, x)| *m += x / ids.len() as f64);
        }
        let bias =
            ids.iter().map(|&id| self.bias.map_or(0.0, |bias| bias[id as usize])).sum::<f64>();
        (mean, bias / ids.len() as f64)
    }

    /// A normal vector with the mean of the rows and `share` of their covariance: the mean and a sum of all
    /// deviations, each times a normal number. Likewise the bias.
    fn near_mean(&self, share: f64, random: &mut RandomState) -> (Vec<f64>, f64) {
        let tokens = self.old.len() / self.dim;
        let ids: Vec<u32> = (0..tokens as u32).collect();
        let (mean, bias) = self.mean_of(&ids);
        let (mut row, mut own) = (mean.clone(), bias);
        if share > 0.0 {
            let factor = (share / (tokens as f64 - 1.0)).sqrt();
            for (id, old) in self.old.chunks(self.dim).enumerate() {
                let by = factor * random.normal();
                row.iter_mut()
                    .zip(old.iter().zip(&mean))
                    .for_each(|(r, (x, m))| *r += by * (x - m));
                own += by * (self.bias.map_or(0.0, |bias| bias[id]) - bias);
            }
        }
        (row, own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_rows_have_the_mean_and_the_share_of_the_covariance() {
        let mut random = RandomState::new(1);
        let old = random.normals(500 * 2);
        let new = Recipe::Spread.rows(&old, None, 2, 2000, &mut random);
        let variance = |rows: &[f64]| {
            let first: Vec<f64> = rows.iter().copied().step_by(2).collect();
            crate::frame::statistics::deviation(&first).powi(2)
        };
        assert!((variance(&new.rows) / variance(&old) - 1.0).abs() < 0.15);
        let near = Recipe::NearMean.rows(&old, None, 2, 100, &mut random);
        let mean = Recipe::Mean.rows(&old, None, 2, 1, &mut random).rows;
        assert!(near.rows.chunks(2).all(|row| (row[0] - mean[0]).abs() < 1e-3));
        assert!(near.biases.is_none());
    }
}
