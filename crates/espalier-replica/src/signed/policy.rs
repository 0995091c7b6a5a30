//! Everything that changes the result of `resolve`, as one value with a hash.

use espalier_blame::Blame;
use espalier_identity::canonical::{self, CanonicalError};
use espalier_identity::{Digest, Domain, PeerId, bounded};
use espalier_resolve::{Strategy, StrategyError};
use espalier_tensor::Model;
use espalier_trust::{Constants, Profile};
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

static POLICY: Domain = Domain::new("espalier policy v1");

/// The most keys a roster may hold.
pub const MAX_ROSTER: usize = 1 << 20;

/// What a federation agrees on before it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySpec {
    /// The merge strategy by name.
    pub strategy: String,
    /// Its parameters; those left out take their defaults.
    #[serde(deserialize_with = "read_parameters")]
    pub parameters: BTreeMap<String, String>,
    /// Root of the base model; `None` if contributions need not share one.
    pub base: Option<Digest>,
    /// Schema (names, dtypes, shapes) that contributions must have; `None` for that of a majority
    /// of the roster.
    pub schema: Option<Digest>,
    /// Key of all randomness in `resolve`.
    pub seed: u64,
    /// Constants of the trust score.
    pub constants: Constants,
    /// Admitted keys. Empty: everybody, which any number of invented identities can exploit
    /// (Douceur, *The Sybil Attack*, 2002).
    #[serde(deserialize_with = "bounded::list::<_, _, MAX_ROSTER>")]
    pub roster: Vec<PeerId>,
}

impl PolicySpec {
    /// A federation that merges models with the layout of this one: by `weight-average`, without a
    /// base, with the `strict` constants, and open to everybody. Change what should be otherwise,
    /// the roster above all:
    ///
    /// ```
    /// # use espalier_replica::PolicySpec;
    /// # let model = espalier_tensor::Model::from_f32(&[("w", &[1], &[0.0])])?;
    /// # let roster = Vec::new();
    /// let spec = PolicySpec { strategy: "median".into(), roster, ..PolicySpec::for_model(&model)
    /// };
    /// # Ok::<(), espalier_tensor::TensorError>(())
    /// ```
    #[must_use]
    pub fn for_model(model: &Model) -> Self {
        Self::for_schema(model.manifest.schema())
    }

    /// The same from the schema alone.
    #[must_use]
    pub fn for_schema(schema: Digest) -> Self {
        Self { schema: Some(schema), ..Self::any_schema() }
    }

    /// The same, but for a federation that does not know beforehand what it merges: whatever layout
    /// a majority of the roster has. Until then anybody with another layout holds up the merge of
    /// all, so name a schema if there is one.
    #[must_use]
    pub fn any_schema() -> Self {
        Self {
            strategy: "weight-average".into(),
            parameters: BTreeMap::new(),
            base: None,
            schema: None,
            seed: 0,
            constants: Profile::Strict.constants(),
            roster: Vec::new(),
        }
    }
}

/// The most parameters that are read: far more than any strategy has.
const MAX_READ_PARAMETERS: usize = 64;

fn read_parameters<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, String>, D::Error> {
    struct Few;
    impl<'de> Visitor<'de> for Few {
        type Value = BTreeMap<String, String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "at most {MAX_READ_PARAMETERS} parameters")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut parameters = BTreeMap::new();
            while let Some((name, value)) = map.next_entry()? {
                if parameters.insert(name, value).is_some() {
                    return Err(A::Error::custom("a parameter is named twice"));
                }
                if parameters.len() > MAX_READ_PARAMETERS {
                    return Err(A::Error::invalid_length(parameters.len(), &self));
                }
            }
            Ok(parameters)
        }
    }
    deserializer.deserialize_map(Few)
}

/// Why a policy is not valid. Its author is at fault.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The strategy or its parameters are not valid.
    #[error(transparent)]
    Strategy(#[from] StrategyError),
    /// A constant of the trust score is out of order.
    #[error("the trust constant `{field}` is {value}; it must be {wants}")]
    Constants {
        /// The constant.
        field: &'static str,
        /// Its value.
        value: u32,
        /// What it has to be.
        wants: &'static str,
    },
    /// The roster has too many keys.
    #[error("the roster has {keys} keys; it may have at most {MAX_ROSTER}")]
    Roster {
        /// The number of keys.
        keys: usize,
    },
    /// The bytes are not the canonical encoding of a policy.
    #[error("not a policy: {0}")]
    Encoding(#[from] CanonicalError),
    /// The bytes decode, but not to a policy in its canonical form.
    #[error("the policy is not in its canonical form: sorted roster, every parameter spelt out")]
    Form,
}

impl PolicyError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Strategy(error) => error.blame(),
            Self::Constants { .. } | Self::Roster { .. } => Blame::Caller,
            Self::Encoding(error) => error.blame(),
            Self::Form => Blame::Peer,
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Strategy(error) => error.code(),
            Self::Constants { .. } => "policy-constants",
            Self::Roster { .. } => "policy-roster",
            Self::Encoding(error) => error.code(),
            Self::Form => "policy-form",
        }
    }
}

#[derive(Debug)]
struct Inner {
    spec: PolicySpec,
    hash: Digest,
    encoded_len: usize,
    strategy: Strategy,
}

/// A checked policy in its one canonical form. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Policy(Arc<Inner>);

impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        self.hash() == other.hash()
    }
}

impl Eq for Policy {}

impl Policy {
    /// Checks a specification, fills in default parameters, sorts the roster.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn new(mut spec: PolicySpec) -> Result<Self, PolicyError> {
        let strategy = Strategy::new(&spec.strategy, &spec.parameters)?;
        spec.strategy = strategy.name().to_owned();
        spec.parameters = strategy.parameters().clone();
        if let Some((field, value, wants)) = spec.constants.out_of_order() {
            return Err(PolicyError::Constants { field, value, wants });
        }
        if spec.roster.len() > MAX_ROSTER {
            return Err(PolicyError::Roster { keys: spec.roster.len() });
        }
        spec.roster.sort_unstable();
        spec.roster.dedup();
        let (hash, encoded_len) = POLICY.hash_of(&spec);
        Ok(Self(Arc::new(Inner { spec, hash, encoded_len, strategy })))
    }

    /// Checks a specification that has to be in its canonical form already.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub(crate) fn canonical(spec: PolicySpec) -> Result<Self, PolicyError> {
        let sorted = spec.roster.windows(2).all(|pair| pair[0] < pair[1]);
        let (strategy, parameters) = (spec.strategy.clone(), spec.parameters.clone());
        let policy = Self::new(spec)?;
        let same = strategy == policy.spec().strategy && parameters == policy.spec().parameters;
        if sorted && same { Ok(policy) } else { Err(PolicyError::Form) }
    }

    /// Its canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::encode(self.spec())
    }

    /// Reads canonical bytes, of a policy in its canonical form.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PolicyError> {
        Self::canonical(canonical::decode(bytes)?)
    }

    /// The hash of everything in it.
    #[must_use]
    pub fn hash(&self) -> Digest {
        self.0.hash
    }

    pub(crate) fn encoded_len(&self) -> usize {
        self.0.encoded_len
    }

    /// The specification, in its canonical form.
    #[must_use]
    pub fn spec(&self) -> &PolicySpec {
        &self.0.spec
    }

    /// The strategy it names.
    #[must_use]
    pub fn strategy(&self) -> &Strategy {
        &self.0.strategy
    }

    /// Whether `peer` may take part.
    #[must_use]
    pub fn admits(&self, peer: &PeerId) -> bool {
        self.0.spec.roster.is_empty() || self.0.spec.roster.binary_search(peer).is_ok()
    }

    /// The position of `peer` in the roster.
    #[must_use]
    pub fn roster_index(&self, peer: &PeerId) -> Option<usize> {
        self.0.spec.roster.binary_search(peer).ok()
    }
}
