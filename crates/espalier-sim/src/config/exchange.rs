//! What nodes send each other.

use super::{Config, Metrics};
use crate::text::{ParseError, text_serde, unknown};
use espalier_trust::Profile;
use std::fmt;
use std::str::FromStr;

text_serde!(Exchange, Wire);

/// What nodes send each other, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exchange {
    /// What the other side lacks, in each exchange.
    #[default]
    Delta,
    /// Everything, in each exchange.
    FullState,
    /// In each exchange what is new since the last one with that peer and did not come from it;
    /// `Delta` where the two do not know how far they are.
    Intervals,
    /// Fresh operations at once to everybody, by broadcast trees. `Delta` exchanges repair what
    /// these lose; they are rare. In virtual time only.
    Broadcast,
}

/// The number of periods between two exchanges that a node begins for repair.
const REPAIR: u64 = 5;

/// The number of exchanges by intervals it takes until a node that hears nothing new begins one
/// with roots and frontiers: eight that the other began.
const COMPARES: u64 = 16;

impl Exchange {
    /// What the replicas are to do in an exchange.
    pub(crate) fn of_replicas(self) -> espalier_replica::ExchangeMode {
        match self {
            Self::Delta | Self::Broadcast => espalier_replica::ExchangeMode::Delta,
            Self::FullState => espalier_replica::ExchangeMode::FullState,
            Self::Intervals => espalier_replica::ExchangeMode::Intervals,
        }
    }

    /// Of how many exchanges between two nodes at least one finds everything in which they differ,
    /// if nothing is new.
    pub(crate) fn compares_every(self) -> u64 {
        if self == Self::Intervals { COMPARES } else { 1 }
    }

    /// The number of periods between two exchanges that a node begins.
    pub(crate) fn every(self) -> u64 {
        if self == Self::Broadcast { REPAIR } else { 1 }
    }
}

/// Values that are words.
macro_rules! words {
    ($name:ident, $expected:literal, $($word:literal => $value:ident),+) => {
        impl FromStr for $name {
            type Err = ParseError;
            fn from_str(text: &str) -> Result<Self, ParseError> {
                match text {
                    $($word => Ok(Self::$value),)+
                    _ => Err(unknown(text, $expected, &[$($word),+])),
                }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$value => $word,)+
                })
            }
        }
    };
}

words!(
    Exchange, "delta, full-state, intervals or broadcast",
    "delta" => Delta, "full-state" => FullState, "intervals" => Intervals,
    "broadcast" => Broadcast
);
words!(
    Wire, "auto, frames or counted",
    "auto" => Auto, "frames" => Frames, "counted" => Counted
);

/// Up to how many nodes exchange frames unless something else is asked for.
const MAX_FRAMES: u32 = 1_024;

/// How replicas exchange what they hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wire {
    /// By frames up to 1,024 nodes and where something needs them, counted otherwise.
    #[default]
    Auto,
    /// Every message is encoded, signed, decoded and checked.
    Frames,
    /// Sets are joined as they are, and the bytes counted that the frames would have had.
    Counted,
}

impl Config {
    /// What of this run only frames can do, if anything: a field, and why.
    pub(crate) fn needs_frames(&self) -> Option<(&'static str, &'static str)> {
        let liars = self.byzantine.of(self.nodes) > 0;
        let judged = self.metrics != Metrics::Auto && self.metrics.count(self.nodes) > 0;
        let merged = self.strategy != Self::default().strategy;
        let models = "counted replicas merge no models";
        let needs = [
            ("strategy", merged, models),
            ("parameters", !self.parameters.is_empty(), models),
            ("profile", self.profile != Profile::Strict, "counted replicas trust everybody"),
            ("attest", !self.attest, "counted replicas measure nothing"),
            ("byzantine", liars, "needs frames that liars can tamper with"),
            ("exchange", self.exchange != Exchange::Delta, "only delta exchanges can be counted"),
            ("retract", !self.retract.is_empty(), "counted replicas only contribute"),
            ("retrain", self.retrain.is_some(), "counted replicas only contribute"),
            ("metrics", judged, "counted replicas have no figures of their own"),
        ];
        needs.into_iter().find(|(_, needs, _)| *needs).map(|(field, _, why)| (field, why))
    }

    /// Whether sets are joined as they are, and no model is merged.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        match self.wire {
            Wire::Frames => false,
            Wire::Counted => true,
            Wire::Auto => self.nodes > MAX_FRAMES && self.needs_frames().is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for text in ["delta", "full-state", "intervals", "broadcast"] {
            let exchange: Exchange = text.parse().expect("a name");
            assert_eq!(exchange.to_string(), text);
            assert_eq!(serde_json::to_string(&exchange).expect("writes"), format!("{text:?}"));
        }
        for text in ["auto", "frames", "counted"] {
            let wire: Wire = text.parse().expect("a name");
            assert_eq!(wire.to_string(), text);
        }
        let error = "fullstate".parse::<Exchange>().expect_err("misspelt").to_string();
        assert!(error.contains("did you mean `full-state`?"), "{error}");
    }
}
