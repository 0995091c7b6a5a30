//! What Byzantine nodes do.
//!
//! An attack on the model changes the tensors that a liar contributes; an attack on the protocol
//! changes what it signs or to whom it shows what. Everything a liar sends goes through the same
//! encoded messages as everybody else's.

mod crowd;
mod erratic;
mod protocol;
mod search;
#[cfg(test)]
mod tests;
mod vectors;

use crate::text::{ParseError, text_serde, unknown, wrong};
use espalier_identity::Digest;

use std::fmt;
use std::str::FromStr;

pub(crate) use protocol::Gang;

/// An attack by name. In what follows m is the mean of the honest deltas and s their standard
/// deviation, per coordinate; a parameter called noise is in units of s.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Attack {
    /// Contribute base − delta instead of base + delta.
    SignFlip,
    /// −T m, with noise.
    Ipm(f64, f64),
    /// m + T s, with noise.
    Alie(f64, f64),
    /// `Alie` with the T that moves the aggregate most, with noise.
    OptimalAlie(f64),
    /// `Ipm` with the T that moves the aggregate most, with noise.
    OptimalIpm(f64),
    /// The delta of one honest node, with noise.
    Mimic(f64),
    /// base + normal noise of S times the delta's root mean square.
    Gaussian(f64),
    /// Contribute base + K × delta.
    Scale(f64),
    /// As far against s as honest nodes are from each other, with noise.
    MinMax(f64),
    /// The same for sums of squared distances, with noise.
    MinSum(f64),
    /// Along one line, up to T honest radii from m.
    Spread(f64),
    /// Three groups with pushes of size T in three directions.
    Groups(f64),
    /// At R times the distance of the h-th nearest honest node from m, in different directions.
    Ring(f64),
    /// Honest-like but for one block of sixteen, pushed by T s.
    Block(f64),
    /// m pushed by T standard deviations along the honest top component, with noise.
    TopComponent(f64, f64),
    /// Honest-like with a common push of T s in one direction, the same in every round.
    Drift(f64),
    /// Train on wrong labels; where there are no labels, as `SignFlip`.
    LabelFlip,
    /// Whatever of a family of pushes moves the aggregate most.
    WhiteBox,
    /// Put NaN into one element of a hundred.
    Nan,
    /// Put infinity into one element of a hundred.
    Inf,
    /// Sign two contributions with one sequence number and show one to each half of the peers.
    Equivocation,
    /// The same towards two halves of the network, with liars as relays that keep them apart.
    EquivocationRelayed,
    /// Sign removals of everybody else's contributions.
    RetractOthers,
    /// Sign in time and show it from this round on; without one from half of the rounds on.
    Withhold(Option<u32>),
    /// Take everything and send nothing.
    Silent,
    /// Send old frames again.
    Replay,
    /// Contribute somebody else's tensors.
    Copy,
    /// Declare a thousand times the weight.
    Overweight,
    /// Declare a training round that is a million ahead.
    FutureRound,
    /// Attest each other the best.
    Praise,
    /// Attest one honest node the worst.
    VoteDown,
    /// Sign a record of evidence against one honest node that proves nothing.
    Slander,
    /// Claim that one honest node contributed NaN, with invented bytes.
    ForgedNan,
    /// Send other bytes than those named, in a signed envelope.
    PayloadMismatch,
    /// Sign operations that say nothing, many in each round.
    Flood,
    /// Crash, forget everything, and use sequence numbers again.
    Amnesia,
    /// Sign at random what no correct node signs.
    Erratic,
}

text_serde!(Attack);

/// An aggregation under attack: from rows, the honest ones first, to one row of the same length.
pub type Target<'a> = dyn Fn(&[Vec<f32>]) -> Vec<f32> + Sync + 'a;

/// What the liars of one attack know when they forge a round's contributions: everything.
///
/// Rows are deltas from the base, all of one length; f32, with arithmetic in f64.
pub struct Scene<'a> {
    /// What the honest nodes contribute.
    pub honest: &'a [Vec<f32>],
    /// What each liar would contribute if it were honest.
    pub own: &'a [Vec<f32>],
    /// How many nodes there are in all.
    pub roster: usize,
    /// Key of all randomness.
    pub key: Digest,
    /// The aggregation, for those that search. Without it they assume a coordinate-wise trimmed
    /// mean that cuts off as many rows at both ends as there are liars.
    pub target: Option<&'a Target<'a>>,
    /// The liars' common push in the last round ([`Scene::push`]), for those that remember.
    pub previous: Option<&'a [f32]>,
}

impl fmt::Debug for Scene<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (honest, liars) = (self.honest.len(), self.own.len());
        write!(f, "Scene({honest} honest of {}, {liars} liars)", self.roster)
    }
}

impl Scene<'_> {
    /// How far the mean of `forged` is from the honest mean.
    #[must_use]
    pub fn push(&self, forged: &[Vec<f32>]) -> Vec<f32> {
        if forged.is_empty() || self.honest.is_empty() {
            return Vec::new();
        }
        let means = crowd::trimmed_mean(forged, 0).into_iter();
        let from = means.zip(crowd::trimmed_mean(self.honest, 0));
        from.map(|(forged, honest)| (forged - honest) as f32).collect()
    }
}

impl Attack {
    /// The names as on the command line, with defaults. Noise is 0 unless given.
    pub const FORMS: [(&'static str, &'static str); 37] = [
        ("sign-flip", "base − delta"),
        ("ipm:T:S", "−T × honest mean, noise S [T = 0.5]"),
        ("alie:T:S", "honest mean + T × spread, noise S [T = 1.5]"),
        ("optimal-alie:S", "alie with the worst T, noise S"),
        ("optimal-ipm:S", "ipm with the worst T, noise S"),
        ("mimic:S", "all copy one honest node, noise S"),
        ("gaussian:S", "base + normal noise of S × the delta's RMS [S = 10]"),
        ("scale:K", "base + K × delta [K = 10]"),
        ("min-max:S", "as far off as honest nodes are apart, noise S"),
        ("min-sum:S", "the same by sums of squared distances, noise S"),
        ("spread:T", "along a line, up to T honest radii from the mean [T = 2]"),
        ("groups:T", "three groups with pushes of T [T = 1.5]"),
        ("ring:R", "just outside, at R × the majority's radius [R = 1.1]"),
        ("block:T", "one block of sixteen pushed by T × spread [T = 10]"),
        ("top-component:T:S", "along the honest top component, noise S [T = 1.5]"),
        ("drift:T", "a small push, the same in every round [T = 0.3]"),
        ("label-flip", "trained on 9 − label; without labels as sign-flip"),
        ("white-box", "the worst of many pushes for the merge itself"),
        ("nan", "NaN in one element of a hundred"),
        ("inf", "infinity in one element of a hundred"),
        ("equivocation", "two contributions with one sequence number"),
        ("equivocation-relayed", "the same, with liars as relays that keep the halves apart"),
        ("retract-others", "signed removals of others' contributions"),
        ("withhold:N", "signed in time, shown from round N on [N = half of the rounds]"),
        ("silent", "takes everything, sends nothing"),
        ("replay", "old frames again"),
        ("copy", "another node's tensors as its own"),
        ("overweight", "weight × 1000"),
        ("future-round", "training round + 1,000,000"),
        ("praise", "liars attest each other the best"),
        ("vote-down", "liars attest one honest node the worst"),
        ("slander", "evidence against an honest node that proves nothing"),
        ("forged-nan", "NaN claimed of an honest node, with invented bytes"),
        ("payload-mismatch", "other bytes than those named, in a signed envelope"),
        ("flood", "many operations that say nothing, in the first half of the rounds"),
        ("amnesia", "a crash after which sequence numbers are used again"),
        ("erratic", "whatever no correct node signs, at random"),
    ];

    /// Whether it lies by its tensors, so that [`Attack::forge`] shows all of it.
    #[must_use]
    pub fn changes_models(self) -> bool {
        !matches!(
            self,
            Self::Equivocation
                | Self::EquivocationRelayed
                | Self::RetractOthers
                | Self::Withhold(_)
                | Self::Silent
                | Self::Replay
                | Self::Copy
                | Self::Overweight
                | Self::FutureRound
                | Self::Praise
                | Self::VoteDown
                | Self::Slander
                | Self::ForgedNan
                | Self::PayloadMismatch
                | Self::Flood
                | Self::Amnesia
                | Self::Erratic
        )
    }

    /// What the liars of this attack contribute in this scene: one row for each of `scene.own`, the
    /// same on any number of threads. Attacks that lie otherwise leave their own rows as they are.
    ///
    /// Cost: a few passes over the rows, with `mimic`, `min-max`, `min-sum`, `top-component` and
    /// `groups` n² d; `optimal-alie` and `optimal-ipm` call the target 24 times, `white-box` 110
    /// times.
    ///
    /// ```
    /// use espalier_sim::{Attack, Scene};
    /// let (honest, own) = ([vec![1.0, 4.0], vec![3.0, 4.0]], [vec![2.0, 4.0]]);
    /// let scene = Scene {
    ///     honest: &honest,
    ///     own: &own,
    ///     roster: 3,
    ///     key: espalier_identity::Digest::ZERO,
    ///     target: None,
    ///     previous: None,
    /// };
    /// assert_eq!(Attack::Ipm(0.5, 0.0).forge(&scene), [[-1.0, -2.0]]);
    /// assert_eq!(Attack::Alie(1.5, 0.0).forge(&scene), [[3.5, 4.0]]);
    /// ```
    ///
    /// # Panics
    /// If the rows do not have one length, or the target returns another one.
    #[must_use]
    pub fn forge(self, scene: &Scene<'_>) -> Vec<Vec<f32>> {
        vectors::forge(self, scene)
    }

    /// The name and the parameters, the noise last.
    fn parts(self) -> (&'static str, Vec<f64>) {
        match self {
            Self::SignFlip => ("sign-flip", vec![]),
            Self::Ipm(t, s) => ("ipm", vec![t, s]),
            Self::Alie(t, s) => ("alie", vec![t, s]),
            Self::OptimalAlie(s) => ("optimal-alie", vec![s]),
            Self::OptimalIpm(s) => ("optimal-ipm", vec![s]),
            Self::Mimic(s) => ("mimic", vec![s]),
            Self::Gaussian(s) => ("gaussian", vec![s]),
            Self::Scale(k) => ("scale", vec![k]),
            Self::MinMax(s) => ("min-max", vec![s]),
            Self::MinSum(s) => ("min-sum", vec![s]),
            Self::Spread(t) => ("spread", vec![t]),
            Self::Groups(t) => ("groups", vec![t]),
            Self::Ring(r) => ("ring", vec![r]),
            Self::Block(t) => ("block", vec![t]),
            Self::TopComponent(t, s) => ("top-component", vec![t, s]),
            Self::Drift(t) => ("drift", vec![t]),
            Self::LabelFlip => ("label-flip", vec![]),
            Self::WhiteBox => ("white-box", vec![]),
            Self::Nan => ("nan", vec![]),
            Self::Inf => ("inf", vec![]),
            Self::Equivocation => ("equivocation", vec![]),
            Self::EquivocationRelayed => ("equivocation-relayed", vec![]),
            Self::RetractOthers => ("retract-others", vec![]),
            Self::Withhold(until) => ("withhold", until.into_iter().map(f64::from).collect()),
            Self::Silent => ("silent", vec![]),
            Self::Replay => ("replay", vec![]),
            Self::Copy => ("copy", vec![]),
            Self::Overweight => ("overweight", vec![]),
            Self::FutureRound => ("future-round", vec![]),
            Self::Praise => ("praise", vec![]),
            Self::VoteDown => ("vote-down", vec![]),
            Self::Slander => ("slander", vec![]),
            Self::ForgedNan => ("forged-nan", vec![]),
            Self::PayloadMismatch => ("payload-mismatch", vec![]),
            Self::Flood => ("flood", vec![]),
            Self::Amnesia => ("amnesia", vec![]),
            Self::Erratic => ("erratic", vec![]),
        }
    }

    fn from_parts(name: &str, numbers: &[f64]) -> Option<Self> {
        let at = |place: usize, default: f64| numbers.get(place).copied().unwrap_or(default);
        Some(match name {
            "sign-flip" => Self::SignFlip,
            "ipm" => Self::Ipm(at(0, 0.5), at(1, 0.0)),
            "alie" => Self::Alie(at(0, 1.5), at(1, 0.0)),
            "optimal-alie" => Self::OptimalAlie(at(0, 0.0)),
            "optimal-ipm" => Self::OptimalIpm(at(0, 0.0)),
            "mimic" => Self::Mimic(at(0, 0.0)),
            "gaussian" => Self::Gaussian(at(0, 10.0)),
            "scale" => Self::Scale(at(0, 10.0)),
            "min-max" => Self::MinMax(at(0, 0.0)),
            "min-sum" => Self::MinSum(at(0, 0.0)),
            "spread" => Self::Spread(at(0, 2.0)),
            "groups" => Self::Groups(at(0, 1.5)),
            "ring" => Self::Ring(at(0, 1.1)),
            "block" => Self::Block(at(0, 10.0)),
            "top-component" => Self::TopComponent(at(0, 1.5), at(1, 0.0)),
            "drift" => Self::Drift(at(0, 0.3)),
            "label-flip" => Self::LabelFlip,
            "white-box" => Self::WhiteBox,
            "nan" => Self::Nan,
            "inf" => Self::Inf,
            "equivocation" => Self::Equivocation,
            "equivocation-relayed" => Self::EquivocationRelayed,
            "retract-others" => Self::RetractOthers,
            "withhold" => Self::Withhold(match numbers.first() {
                None => None,
                Some(round) => Some(whole(*round)?),
            }),
            "silent" => Self::Silent,
            "replay" => Self::Replay,
            "copy" => Self::Copy,
            "overweight" => Self::Overweight,
            "future-round" => Self::FutureRound,
            "praise" => Self::Praise,
            "vote-down" => Self::VoteDown,
            "slander" => Self::Slander,
            "forged-nan" => Self::ForgedNan,
            "payload-mismatch" => Self::PayloadMismatch,
            "flood" => Self::Flood,
            "amnesia" => Self::Amnesia,
            "erratic" => Self::Erratic,
            _ => return None,
        })
    }
}

/// A round by number.
fn whole(number: f64) -> Option<u32> {
    let round = number as u32;
    (f64::from(round) == number).then_some(round)
}

impl FromStr for Attack {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bare = |form: &'static str| form.split(':').next().unwrap_or(form);
        let forms = Self::FORMS.map(|(form, _)| form);
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or(text);
        let Some(form) = forms.iter().find(|form| bare(form) == name) else {
            let names = forms.map(bare);
            return Err(unknown(text, format!("an attack: {}", forms.join(", ")), &names));
        };
        let finite = |part: &str| part.parse().ok().filter(|x: &f64| x.is_finite());
        let numbers: Option<Vec<f64>> = parts.map(finite).collect();
        let most = form.matches(':').count();
        let numbers = numbers.filter(|numbers| numbers.len() <= most);
        numbers.and_then(|numbers| Self::from_parts(name, &numbers)).ok_or_else(|| {
            wrong(
                text,
                match most {
                    0 => format!("{form}, which takes no parameter"),
                    1 if name == "withhold" => format!("{form} with the number of a round"),
                    1 => format!("{form} with a finite number"),
                    _ => format!("{form} with finite numbers"),
                },
            )
        })
    }
}

/// A second parameter is left out where it is 0, which is its default.
impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, numbers) = self.parts();
        f.write_str(name)?;
        for (place, number) in numbers.iter().enumerate() {
            if place == 0 || *number != 0.0 {
                write!(f, ":{number}")?;
            }
        }
        Ok(())
    }
}
