//! What the rows of a head stand for, and the terms that reports use for it: tokens and hidden states of a language
//! model, or documents and queries of a retriever. Only words depend on it, never numbers, verdicts or names of columns.

use serde::{Deserialize, Serialize};

use super::numbers::counted;

/// What the rows stand for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RowKind {
    /// Tokens, whose logits are the rows' products with a hidden state.
    #[default]
    Tokens,
    /// Documents in the index of a retriever, whose scores are the rows' products with a query.
    Items,
}

impl RowKind {
    /// The terms for such rows.
    pub fn terms(self) -> &'static Terms {
        match self {
            RowKind::Tokens => &TOKENS,
            RowKind::Items => &ITEMS,
        }
    }

    /// Whether rows are tokens, which the summary does not state.
    pub fn is_default(&self) -> bool {
        *self == RowKind::Tokens
    }
}

/// The terms of a report; the comments quote those for tokens.
#[derive(Debug, PartialEq, Eq)]
pub struct Terms {
    /// `token`
    pub token: &'static str,
    /// `tokens`
    pub tokens: &'static str,
    /// `Tokens`
    pub titled: &'static str,
    /// `state`
    pub state: &'static str,
    /// `states`
    pub states: &'static str,
    /// `hidden state`
    pub hidden_state: &'static str,
    /// `in`, before a state in which something holds
    pub within: &'static str,
    /// `at`, before a state at which something holds
    pub at: &'static str,
    /// `output layer`
    pub layer: &'static str,
    /// `the layers below`
    pub below: &'static str,
    /// `the layers below do`
    pub below_do: &'static str,
    /// `can win`
    pub can_win: &'static str,
    /// `can only tie`
    pub can_only_tie: &'static str,
    /// `can never win`
    pub never_win: &'static str,
    /// `logits`
    pub logits: &'static str,
    /// `be generated`, after `can`
    pub generated: &'static str,
}

/// The terms of a language model.
const TOKENS: Terms = Terms {
    token: "token",
    tokens: "tokens",
    titled: "Tokens",
    state: "state",
    states: "states",
    hidden_state: "hidden state",
    within: "in",
    at: "at",
    layer: "output layer",
    below: "the layers below",
    below_do: "the layers below do",
    can_win: "can win",
    can_only_tie: "can only tie",
    never_win: "can never win",
    logits: "logits",
    generated: "be generated",
};

/// The terms of a retriever.
const ITEMS: Terms = Terms {
    token: "document",
    tokens: "documents",
    titled: "Documents",
    state: "query",
    states: "queries",
    hidden_state: "query",
    within: "for",
    at: "for",
    layer: "index",
    below: "the query encoder",
    below_do: "the query encoder does",
    can_win: "can be retrieved first",
    can_only_tie: "can only share the first place",
    never_win: "can never be retrieved first",
    logits: "scores",
    generated: "be retrieved first",
};

impl Terms {
    /// A count of tokens: `1 token`, `2 tokens`.
    pub fn count(&self, count: usize) -> String {
        counted(count, self.token)
    }

    /// Whether the rows are documents.
    pub fn is_of_items(&self) -> bool {
        *self == ITEMS
    }
}
