//! What nodes send each other.

use super::{ParseError, text_serde, unknown};
use std::fmt;
use std::str::FromStr;

text_serde!(Exchange);

/// What nodes send each other, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exchange {
    /// In each exchange what the other side lacks.
    #[default]
    Delta,
    /// In each exchange everything.
    FullState,
    /// Fresh operations at once to everybody, by broadcast trees. `Delta` exchanges repair what
    /// these lose; they are rare. In virtual time only.
    Broadcast,
}

/// How many periods there are between two exchanges that a node begins for repair.
const REPAIR: u64 = 5;

impl Exchange {
    /// What the replicas are to do in an exchange.
    pub(crate) fn of_replicas(self) -> espalier_replica::Exchange {
        match self {
            Self::Delta | Self::Broadcast => espalier_replica::Exchange::Delta,
            Self::FullState => espalier_replica::Exchange::FullState,
        }
    }

    /// How many periods there are between two exchanges that a node begins.
    pub(crate) fn every(self) -> u64 {
        if self == Self::Broadcast { REPAIR } else { 1 }
    }
}

impl FromStr for Exchange {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        match text {
            "delta" => Ok(Self::Delta),
            "full-state" => Ok(Self::FullState),
            "broadcast" => Ok(Self::Broadcast),
            _ => Err(unknown(
                text,
                "delta, full-state or broadcast",
                &["delta", "full-state", "broadcast"],
            )),
        }
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Delta => "delta",
            Self::FullState => "full-state",
            Self::Broadcast => "broadcast",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for text in ["delta", "full-state", "broadcast"] {
            let exchange: Exchange = text.parse().expect("a name");
            assert_eq!(exchange.to_string(), text);
            assert_eq!(serde_json::to_string(&exchange).expect("writes"), format!("{text:?}"));
        }
        let error = "fullstate".parse::<Exchange>().expect_err("misspelt").to_string();
        assert!(error.contains("did you mean `full-state`?"), "{error}");
    }
}
