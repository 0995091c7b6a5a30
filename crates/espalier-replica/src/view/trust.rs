//! Trust in every author known to a state, and how `resolve` uses it.

use crate::arena::Shelf;
use crate::arena::entry::Entry;
use crate::signed::op::OpId;
use crate::signed::policy::Policy;
use crate::view::View;
use crate::view::comparable::{Fit, Incomparable, Layout};
use crate::view::round_distances::{Track, with_distances};
use espalier_blame::Blame;
use espalier_identity::{Digest, PeerId};
use espalier_resolve::{Input, Plan, ResolveError};
use espalier_tensor::{Model, TensorError};
use espalier_trust::{Dimension, Judgement, NEUTRAL, Q16, Subject, Trust, score};
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

/// Trust by author: everybody with a visible contribution, and everybody convicted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustTable {
    authors: BTreeMap<PeerId, Trust>,
    judgement: Judgement,
}

impl TrustTable {
    /// Whether the distances between contributions could be judged. If not, full accuracy means
    /// only that nothing is known.
    #[must_use]
    pub const fn judgement(&self) -> Judgement {
        self.judgement
    }

    /// The authors that `resolve` leaves out, ascending.
    pub fn isolated(&self) -> impl Iterator<Item = PeerId> {
        self.authors.iter().filter(|(_, trust)| trust.is_isolated()).map(|(peer, _)| *peer)
    }
}

impl Deref for TrustTable {
    type Target = BTreeMap<PeerId, Trust>;

    fn deref(&self) -> &Self::Target {
        &self.authors
    }
}

/// Why a state does not resolve to a model. Nothing is changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolutionError {
    /// Nobody has contributed, or no contributor is trusted.
    #[error("no contribution is left to merge: {isolated} of {visible} visible ones are isolated")]
    Nothing {
        /// The number of visible contributions.
        visible: usize,
        /// The number of visible contributions whose authors are isolated.
        isolated: usize,
    },
    /// No majority has contributed alike yet.
    #[error(transparent)]
    Incomparable(#[from] Incomparable),
    /// A tensor is not in the arena.
    #[error("the contribution {op} cannot be read: {source}")]
    Tensor {
        /// The operation that contributes it.
        op: OpId,
        /// The tensor that is missing.
        source: TensorError,
    },
    /// The strategy needs the base model, which is not in the arena.
    #[error("the base model {root} is not in the arena; put it there before resolving")]
    BaseMissing {
        /// The root of the base model.
        root: Digest,
    },
    /// The strategy refuses the inputs.
    #[error(transparent)]
    Merge(#[from] ResolveError),
}

impl ResolutionError {
    /// Who has to act on this error.
    #[must_use]
    pub fn blame(&self) -> Blame {
        match self {
            Self::Nothing { .. } => Blame::Nobody,
            Self::Incomparable(error) => error.blame(),
            Self::Tensor { .. } => Blame::Environment,
            Self::BaseMissing { .. } => Blame::Caller,
            Self::Merge(error) => error.blame(),
        }
    }

    /// A stable word for programs to tell this error from all others.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Nothing { .. } => "nothing-to-merge",
            Self::Incomparable(error) => error.code(),
            Self::Tensor { source, .. } => source.code(),
            Self::BaseMissing { .. } => "base-missing",
            Self::Merge(error) => error.code(),
        }
    }
}

/// A contribution as `resolve` hears it.
///
/// **What a weight means.** The declared weights of a federation have any unit (examples, steps),
/// so a voice weighs relative to what is usual in it:
/// min(declared, 2 × median) ÷ median × trust, with the lower median of the visible declared
/// weights. An ordinary voice that is trusted weighs 1, none weighs more than 2, and a common
/// factor of all declared weights changes nothing. That is what the strategy sees.
///
/// * Strategies that average (`weight-average`, `slerp`, `ties`, `trimmed-mean`, and by default
///   `task-arithmetic` and `dare-linear`), and `buffers = mean`, divide by the sum of the weights:
///   only their ratios matter.
/// * `task-arithmetic` and `dare-linear` with `normalize = false` add up: base + λ Σ w δ, as
///   published, so that each ordinary voice adds its whole difference, however many there are.
/// * The other robust strategies do not look at weights: every author that is heard counts once.
#[derive(Debug, Clone)]
pub struct Voice {
    /// The operation that contributes it.
    pub op: OpId,
    /// The author of the contribution.
    pub author: PeerId,
    /// The root of its tensors.
    pub root: Digest,
    /// What the strategy sees: above 0, at most 2, and 1 for an ordinary voice.
    pub weight: f64,
    /// The weight over the sum of all weights, for readers.
    pub share: f64,
    /// The tensors.
    pub model: Arc<Model>,
}

/// Everything that decides the merged model: steps 1 to 3 of resolve (admit, order, weigh).
#[derive(Debug, Clone)]
pub struct Resolution {
    policy: Policy,
    shelf: Shelf,
    voices: Vec<Voice>,
    base: Option<Arc<Model>>,
}

impl Resolution {
    /// The voices in canonical order: by content, then by author.
    #[must_use]
    pub fn voices(&self) -> &[Voice] {
        &self.voices
    }

    /// The base model, if the policy names one and the strategy uses it. One that is not used is
    /// not compared with the voices either: no outcome depends on who holds it.
    #[must_use]
    pub fn base(&self) -> Option<&Arc<Model>> {
        self.base.as_ref()
    }

    /// Coefficients of the voices and of the base, if the strategy is a linear combination of
    /// them whatever the data.
    #[must_use]
    pub fn coefficients(&self) -> Option<(Vec<f64>, f64)> {
        let weights: Vec<f64> = self.voices.iter().map(|voice| voice.weight).collect();
        self.policy.strategy().affine_coefficients(&weights)
    }

    /// The merge, ready to be computed block by block.
    ///
    /// # Errors
    /// [`ResolutionError::Merge`].
    pub fn plan(&self) -> Result<Plan<'_>, ResolutionError> {
        let inputs: Vec<_> = self
            .voices
            .iter()
            .map(|voice| Input { id: voice.root, weight: voice.weight, model: &voice.model })
            .collect();
        let seed = Digest::of_content(&self.policy.spec().seed.to_le_bytes());
        let (strategy, base) = (self.policy.strategy(), self.base.as_deref());
        Ok(strategy.prepare(&inputs, base, seed, self.shelf.selections())?)
    }

    /// The merged model, in memory.
    ///
    /// # Errors
    /// [`ResolutionError::Merge`].
    pub fn model(&self) -> Result<Model, ResolutionError> {
        Ok(self.plan()?.model()?)
    }
}

/// The visible contributions with their tensors, ascending by author.
struct Heard {
    entries: Vec<Arc<Entry>>,
    /// How each stands to what counts; `Other` also if its tensors are not of the sizes that its
    /// manifest says, or not of finite values only.
    fits: Vec<Fit>,
    /// The models that can be compared.
    models: Vec<Option<Arc<Model>>>,
    /// Of each author the comparable ones among the contributions of earlier rounds, latest first.
    past: Vec<Vec<(u64, Digest, Arc<Model>)>>,
    layout: Layout,
}

impl Heard {
    fn new(view: &View, policy: &Policy, shelf: &Shelf) -> Result<Self, ResolutionError> {
        let entries: Vec<_> = view.visible().values().cloned().collect();
        let layout = Layout::common(&entries, policy, view.roster_len(policy));
        let load = |entry: &Arc<Entry>| {
            let fit = layout.fit(entry);
            if fit != Fit::Comparable {
                // Whatever its tensors are, nobody needs them.
                return Ok((fit, None));
            }
            let model = sound_model(entry, shelf)?;
            let fit = if model.is_some() { fit } else { Fit::Other };
            Ok::<_, ResolutionError>((fit, model))
        };
        let loaded = entries.iter().map(load).collect::<Result<Vec<_>, _>>()?;
        let (fits, models) = loaded.into_iter().unzip();
        let past = |entry: &Arc<Entry>| {
            let mut track = Vec::new();
            for earlier in view.past(&entry.op().op().author) {
                if let ((_, Some(model)), Some((c, root))) =
                    (load(earlier)?, earlier.contribution())
                {
                    track.push((c.round, root, model));
                }
            }
            Ok::<_, ResolutionError>(track)
        };
        let past = entries.iter().map(past).collect::<Result<_, _>>()?;
        Ok(Self { entries, fits, models, past, layout })
    }
}

/// The model that an operation contributes, if its tensors are of the sizes it says and finite.
fn sound_model(entry: &Entry, shelf: &Shelf) -> Result<Option<Arc<Model>>, ResolutionError> {
    let nothing = ResolutionError::Nothing { visible: 0, isolated: 0 };
    let (contribution, root) = entry.contribution().ok_or(nothing)?;
    if entry.sound.get() == Some(&false) {
        return Ok(None);
    }
    match shelf.load(&root, &contribution.manifest) {
        Ok(model) => {
            let is_sound = || shelf.first_beyond(&model, contribution.bound).is_none();
            let sound = *entry.sound.get_or_init(is_sound);
            Ok(sound.then_some(model))
        }
        // Content of another size than its author signed, as everybody sees who has it.
        Err(TensorError::Length { .. }) => {
            entry.sound.get_or_init(|| false);
            Ok(None)
        }
        Err(source) => Err(ResolutionError::Tensor { op: entry.op().id(), source }),
    }
}

/// Scores everybody who can be judged. O(n²) distances the first time, then what is new.
pub(crate) fn table(
    view: &View,
    policy: &Policy,
    shelf: &Shelf,
) -> Result<TrustTable, ResolutionError> {
    let heard = Heard::new(view, policy, shelf)?;
    let roster = view.roster_len(policy);
    let subject = |(entry, fit): (&Arc<Entry>, &Fit)| {
        let op = entry.op().op();
        let (contribution, root) = entry.contribution()?;
        let counts =
            |peer: &PeerId| view.on_roster(policy, peer) && !view.evidence().convicts(peer);
        let attested = if view.attestations().is_empty() {
            NEUTRAL
        } else {
            let of = view.attestations();
            of.lower_median(&op.author, Dimension::Accuracy, &root, roster, counts)
        };
        Some(Subject {
            comparable: *fit == Fit::Comparable,
            known_base: policy.spec().base.is_none() || policy.spec().base == contribution.base,
            attested,
            ..Subject::new(op.author, root, 0, contribution.round)
        })
    };
    let (undecided, decided): (Vec<_>, Vec<_>) =
        heard.entries.iter().zip(&heard.fits).partition(|(_, fit)| **fit == Fit::Undecided);
    let mut subjects: Vec<_> = decided.into_iter().filter_map(subject).collect();
    let mut tracks: Vec<Track<'_>> = Vec::new();
    for ((entry, model), past) in heard.entries.iter().zip(&heard.models).zip(&heard.past) {
        let (Some(model), Some((contribution, root))) = (model, entry.contribution()) else {
            continue;
        };
        let past = past.iter().map(|(round, root, model)| (*round, *root, model));
        let latest = (contribution.round, root, model);
        tracks.push(std::iter::once(latest).chain(past).collect());
    }
    let schema = heard.layout.schema.unwrap_or(Digest::ZERO);
    let scores = with_distances(shelf, schema, &tracks, |geometry, points| {
        let comparable = subjects.iter_mut().filter(|subject| subject.comparable);
        comparable.zip(points).for_each(|(subject, point)| subject.point = *point);
        score(roster, &subjects, geometry, &policy.spec().constants)
    });
    let mut authors: BTreeMap<PeerId, Trust> =
        view.evidence().convicted().into_iter().map(|peer| (peer, Trust::CONVICTED)).collect();
    authors.extend(subjects.iter().map(|subject| subject.author).zip(scores.trust));
    // Nobody is judged by what does not count yet.
    let undecided = undecided.into_iter().map(|(entry, _)| (entry.op().op().author, Trust::FULL));
    authors.extend(undecided);
    Ok(TrustTable { authors, judgement: scores.judgement })
}

/// Why the visible contributions cannot be compared, if they cannot. Needs no tensors. O(n).
pub(crate) fn incomparable(view: &View, policy: &Policy) -> Option<Incomparable> {
    let entries: Vec<_> = view.visible().values().cloned().collect();
    Layout::common(&entries, policy, view.roster_len(policy)).undecided().cloned()
}

/// Steps 1 to 3 of resolve.
pub(crate) fn resolution(
    view: &View,
    policy: &Policy,
    shelf: &Shelf,
    trust: &TrustTable,
) -> Result<Resolution, ResolutionError> {
    let heard = Heard::new(view, policy, shelf)?;
    if let Some(reason) = heard.layout.undecided() {
        return Err(reason.clone().into());
    }
    let declared =
        heard.entries.iter().filter_map(|e| e.contribution()).map(|(c, _)| c.weight.raw());
    let mut sorted: Vec<u64> = declared.clone().collect();
    sorted.sort_unstable();
    let median = sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(0);
    let mut voices = Vec::new();
    for (i, (entry, declared)) in heard.entries.iter().zip(declared).enumerate() {
        let author = entry.op().op().author;
        let (Some(trust), Some((_, root)), Some(model)) =
            (trust.get(&author), entry.contribution(), &heard.models[i])
        else {
            continue;
        };
        // All factors are integers and no product overflows; floats come in at the division.
        let weight = u128::from(declared.min(2 * median)) * u128::from(trust.overall().raw());
        if weight == 0 || trust.is_isolated() {
            continue;
        }
        let ordinary = u128::from(median) * u128::from(Q16::ONE.raw());
        let weight = weight as f64 / ordinary as f64;
        let model = model.clone();
        voices.push(Voice { op: entry.op().id(), author, root, weight, share: 0.0, model });
    }
    if voices.is_empty() {
        let visible = heard.entries.len();
        return Err(ResolutionError::Nothing { visible, isolated: visible });
    }
    voices.sort_by_key(|voice| (voice.root, voice.author));
    #[cfg(feature = "mutants")]
    if crate::mutants::Mutant::ArrivalOrder.is_loose() {
        voices.sort_by_key(|voice| shelf.find(&voice.op).map(|entry| entry.index));
    }
    let total = voices.iter().fold(0.0, |sum, voice| sum + voice.weight);
    voices.iter_mut().for_each(|voice| voice.share = voice.weight / total);
    let base = policy.spec().base.filter(|_| policy.strategy().uses_base());
    let missing = |root| shelf.model(&root).ok_or(ResolutionError::BaseMissing { root });
    let base = base.map(missing).transpose()?;
    Ok(Resolution { policy: policy.clone(), shelf: shelf.clone(), voices, base })
}
