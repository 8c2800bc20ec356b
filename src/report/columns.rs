//! The columns of `verdicts.csv`: one list that is written from and read by. Columns are only ever appended.

/// A column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The row of the weight.
    Id,
    /// Its readable text.
    Token,
    /// Its spelling in the vocabulary.
    Piece,
    /// What kind of row it is.
    Kind,
    /// Length of the row.
    RowNorm,
    /// The verdict.
    Verdict,
    /// The gap at its witness.
    Margin,
    /// Length of that hidden state.
    WitnessNorm,
    /// Tokens with the same row and bias.
    TiesWith,
    /// Rivals and ends of the domain with their weights.
    Blockers,
    /// The kind of proof.
    Proof,
    /// The verdict over all of space.
    FreeVerdict,
    /// Bounds of the effort.
    EffortLow,
    /// The upper one.
    EffortHigh,
    /// Bounds of the best margin, in logits.
    MarginLow,
    /// The upper one.
    MarginHigh,
    /// Formats in which it stays ahead.
    Survives,
    /// Bounds of the bias that it lacks, in logits.
    BiasNeededLow,
    /// The upper one.
    BiasNeededHigh,
    /// A proved upper bound of its probability.
    MaxProbability,
    /// A probability that it has at some state.
    MaxProbabilityLow,
    /// Bounds of the best rank.
    BestRankLow,
    /// The upper one.
    BestRankHigh,
    /// What about its row explains that it cannot win alone.
    Cause,
    /// The first row of its cluster of near-equal rows.
    Cluster,
    /// Its distance from the mean of all rows, as a share of the median.
    MeanDistance,
    /// Bounds of the least change of its row that lets it win.
    MoveNeededLow,
    /// The upper one.
    MoveNeededHigh,
    /// How often it occurs, if that was given.
    Frequency,
}

impl Column {
    /// All of them, in the order of the file.
    pub const ALL: [Column; 29] = [
        Column::Id,
        Column::Token,
        Column::Piece,
        Column::Kind,
        Column::RowNorm,
        Column::Verdict,
        Column::Margin,
        Column::WitnessNorm,
        Column::TiesWith,
        Column::Blockers,
        Column::Proof,
        Column::FreeVerdict,
        Column::EffortLow,
        Column::EffortHigh,
        Column::MarginLow,
        Column::MarginHigh,
        Column::Survives,
        Column::BiasNeededLow,
        Column::BiasNeededHigh,
        Column::MaxProbability,
        Column::MaxProbabilityLow,
        Column::BestRankLow,
        Column::BestRankHigh,
        Column::Cause,
        Column::Cluster,
        Column::MeanDistance,
        Column::MoveNeededLow,
        Column::MoveNeededHigh,
        Column::Frequency,
    ];

    /// The name in the header.
    pub fn name(self) -> &'static str {
        match self {
            Column::Id => "id",
            Column::Token => "token",
            Column::Piece => "piece",
            Column::Kind => "kind",
            Column::RowNorm => "row_norm",
            Column::Verdict => "verdict",
            Column::Margin => "margin",
            Column::WitnessNorm => "witness_norm",
            Column::TiesWith => "ties_with",
            Column::Blockers => "blockers",
            Column::Proof => "proof",
            Column::FreeVerdict => "free_verdict",
            Column::EffortLow => "effort_low",
            Column::EffortHigh => "effort_high",
            Column::MarginLow => "margin_low",
            Column::MarginHigh => "margin_high",
            Column::Survives => "survives",
            Column::BiasNeededLow => "bias_needed_low",
            Column::BiasNeededHigh => "bias_needed_high",
            Column::MaxProbability => "max_probability",
            Column::MaxProbabilityLow => "max_probability_low",
            Column::BestRankLow => "best_rank_low",
            Column::BestRankHigh => "best_rank_high",
            Column::Cause => "cause",
            Column::Cluster => "cluster",
            Column::MeanDistance => "mean_distance",
            Column::MoveNeededLow => "move_needed_low",
            Column::MoveNeededHigh => "move_needed_high",
            Column::Frequency => "frequency",
        }
    }

    /// Whether the first version wrote it, so that every table has it.
    fn is_in_every_table(self) -> bool {
        Column::ALL.iter().take_while(|&&c| c != Column::FreeVerdict).any(|&c| c == self)
    }
}

/// Where the columns of a table stand. Columns are found by name; others than these do no harm.
pub struct Places([Option<usize>; Column::ALL.len()]);

impl Places {
    /// Looks for the columns in a header.
    ///
    /// # Errors
    /// A column that every table has is missing.
    pub fn find(header: &csv::StringRecord) -> Result<Self, String> {
        let places = Places::anywhere(header);
        let missing = Column::ALL.into_iter().zip(places.0);
        match missing.into_iter().find(|(c, place)| c.is_in_every_table() && place.is_none()) {
            Some((column, _)) => {
                Err(format!("there is no column `{}`; audit again", column.name()))
            }
            None => Ok(places),
        }
    }

    /// The same of a header that may lack any of them.
    pub fn anywhere(header: &csv::StringRecord) -> Self {
        Places(Column::ALL.map(|column| header.iter().position(|name| name == column.name())))
    }

    /// The field of a line in a column; empty where the table lacks the column.
    pub fn text<'r>(&self, record: &'r csv::StringRecord, column: Column) -> &'r str {
        let place = self.0[column as usize];
        place.and_then(|place| record.get(place)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_in_the_order_of_their_list() {
        assert!(Column::ALL.iter().enumerate().all(|(place, &column)| column as usize == place));
    }
}
