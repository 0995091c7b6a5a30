//! How far a replica has seen each author.

use espalier_identity::PeerId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How far a state has seen each author: the highest sequence number.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frontier(pub BTreeMap<PeerId, u64>);
