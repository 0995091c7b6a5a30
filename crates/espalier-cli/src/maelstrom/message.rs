//! Messages as Maelstrom has them: `{"src": …, "dest": …, "body": {"type": …, "msg_id": …, …}}`.

use super::element::ElementError;
use espalier::identity::Digest;
use espalier::replica::{Blob, ChangeError, Envelope};
use espalier::tensor::TensorError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The type of the bodies that nodes send each other.
pub(super) const GOSSIP: &str = "gossip";

/// The fields of a body.
pub(super) type Fields = Map<String, Value>;

/// A message that came in. Further fields of it are ignored: Maelstrom adds some.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Incoming {
    /// Who sent it.
    pub(super) src: String,
    /// For whom it is.
    pub(super) dest: String,
    /// What it says.
    pub(super) body: Fields,
}

impl Incoming {
    /// The type of the body; empty if it has none.
    pub(super) fn kind(&self) -> &str {
        self.body.get("type").and_then(Value::as_str).unwrap_or_default()
    }

    /// The number that a reply names.
    pub(super) fn msg_id(&self) -> Option<&Value> {
        self.body.get("msg_id").filter(|id| id.is_i64() || id.is_u64())
    }
}

/// What nodes say to each other.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "type", rename = "gossip")]
pub(super) struct Gossip {
    /// Frames of the replica, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) frames: Vec<Blob>,
    /// Tensors that were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) cargo: Option<Cargo>,
}

/// Tensors in the envelope of the hop that sends them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Cargo {
    /// What the sender signs about them.
    pub(super) envelope: Envelope,
    /// Address and bytes of each.
    pub(super) tensors: Vec<(Digest, Blob)>,
}

/// Why a request is not carried out. Definite: it had no effect and never will.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// No such request.
    #[error("`{kind}` is not a request of the workload {workload}, which has {known}")]
    Unknown {
        /// Its type.
        kind: String,
        /// What the node serves.
        workload: &'static str,
        /// What it may be asked.
        known: &'static str,
    },
    /// A value that cannot be kept.
    #[error(transparent)]
    Element(#[from] ElementError),
    /// Too early.
    #[error("the node has no name yet; send `init` first")]
    NoName,
    /// A field that is missing or of another kind.
    #[error("`{field}` of `{kind}` must be {right}")]
    Field {
        /// The request.
        kind: &'static str,
        /// The field.
        field: &'static str,
        /// What it may be.
        right: &'static str,
    },
    /// The operation could not be signed.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The tensor could not be made.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// A second name.
    #[error("the node was already initialised, as {name}, with another name or other nodes")]
    Named {
        /// The node's name.
        name: String,
    },
}

impl Refusal {
    /// Maelstrom's number for it.
    fn code(&self) -> u64 {
        match self {
            Self::Unknown { .. } | Self::Element(_) => 10,
            Self::NoName => 11,
            Self::Field { .. } => 12,
            Self::Change(_) | Self::Tensor(_) => 14,
            Self::Named { .. } => 22,
        }
    }

    /// The body of the reply.
    pub(super) fn body(&self) -> Fields {
        let (code, text) = (self.code().into(), self.to_string().into());
        body("error", [("code", code), ("text", text)])
    }
}

/// A body of a type, with fields.
pub(super) fn body<const N: usize>(kind: &str, fields: [(&str, Value); N]) -> Fields {
    let all = [("type", kind.into())].into_iter().chain(fields);
    all.map(|(field, value)| (field.to_owned(), value)).collect()
}

/// A message as a line, without its end.
///
/// # Errors
/// Never for the bodies of this program: their keys are strings.
pub(super) fn line(
    src: &str,
    dest: &str,
    body: &impl Serialize,
) -> Result<String, serde_json::Error> {
    #[derive(Serialize)]
    struct Outgoing<'a, B> {
        src: &'a str,
        dest: &'a str,
        body: &'a B,
    }
    serde_json::to_string(&Outgoing { src, dest, body })
}
