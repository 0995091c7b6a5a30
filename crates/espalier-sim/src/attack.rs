//! What Byzantine nodes do.
//!
//! An attack on the model changes the tensors that a liar contributes; an attack on the protocol
//! changes what it signs or to whom it shows what. Everything a liar sends goes through the same
//! encoded messages as everybody else's.

use crate::config::{ParseError, text_serde, unknown, wrong};
use crate::tensors::map_floats;
use espalier_identity::Digest;
use espalier_tensor::{Model, kernels, random::Stream};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An attack by name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Attack {
    /// Contribute base − delta instead of base + delta.
    SignFlip,
    /// Contribute base + K × delta.
    Scale(f64),
    /// Contribute base + normal noise of S times the delta's root mean square.
    Gaussian(f64),
    /// Put NaN into one element of a hundred.
    Nan,
    /// Put infinity into one element of a hundred.
    Inf,
    /// Sign two contributions with one sequence number and show one to each half of the peers.
    Equivocation,
    /// Sign removals of everybody else's contributions.
    RetractOthers,
}

text_serde!(Attack);

impl Attack {
    /// The names as on the command line, with the parameter's default.
    pub const FORMS: [(&'static str, &'static str); 7] = [
        ("sign-flip", "base − delta"),
        ("scale:K", "base + K × delta [K = 10]"),
        ("gaussian:S", "base + normal noise of S × the delta's RMS [S = 10]"),
        ("nan", "NaN in one element of a hundred"),
        ("inf", "infinity in one element of a hundred"),
        ("equivocation", "two contributions with one sequence number"),
        ("retract-others", "signed removals of others' contributions"),
    ];

    /// The tensors this attack contributes in place of an honest node's `model`.
    #[must_use]
    pub fn corrupt(self, model: &Model, base: Option<&Model>, key: Digest) -> Model {
        match self {
            Self::SignFlip => from_base(model, base, |delta| -delta),
            Self::Scale(k) => from_base(model, base, |delta| k * delta),
            Self::Gaussian(s) => {
                let noise = s * rms_of_delta(model, base);
                let stream = Stream::new(key);
                let mut at = 0;
                let mut draws = Vec::new();
                map_floats(model, base, |values, base| {
                    draws.resize(values.len(), 0.0);
                    stream.fill_normal(at, &mut draws);
                    at += values.len() as u64;
                    for (i, value) in values.iter_mut().enumerate() {
                        *value = base.map_or(0.0, |base| base[i]) + noise * f64::from(draws[i]);
                    }
                })
            }
            Self::Nan => poison(model, f64::NAN),
            Self::Inf => poison(model, f64::INFINITY),
            Self::Equivocation | Self::RetractOthers => model.clone(),
        }
    }
}

/// base + change(model − base); without a base the model is its own delta.
fn from_base(model: &Model, base: Option<&Model>, change: impl Fn(f64) -> f64) -> Model {
    map_floats(model, base, |values, base| {
        for (i, value) in values.iter_mut().enumerate() {
            let from = base.map_or(0.0, |base| base[i]);
            *value = from + change(*value - from);
        }
    })
}

fn rms_of_delta(model: &Model, base: Option<&Model>) -> f64 {
    let elements = model.manifest.float_elements().max(1) as f64;
    let zero = || from_base(model, None, |_| 0.0);
    let squared = match base {
        Some(base) => kernels::squared_distance_blocks(model, base, 1)[0],
        None => kernels::squared_distance_blocks(model, &zero(), 1)[0],
    };
    libm::sqrt(squared / elements)
}

fn poison(model: &Model, poison: f64) -> Model {
    let mut at = 0_usize;
    map_floats(model, None, |values, _| {
        for value in values.iter_mut() {
            if at.is_multiple_of(100) {
                *value = poison;
            }
            at += 1;
        }
    })
}

impl FromStr for Attack {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (name, parameter) = match text.split_once(':') {
            Some((name, parameter)) => (name, Some(parameter)),
            None => (text, None),
        };
        let number = |default: f64| match parameter {
            None => Some(default),
            Some(text) => text.parse().ok().filter(|x: &f64| x.is_finite()),
        };
        let plain = |attack| parameter.is_none().then_some(attack);
        let parsed = match name {
            "sign-flip" => plain(Self::SignFlip),
            "scale" => number(10.0).map(Self::Scale),
            "gaussian" => number(10.0).map(Self::Gaussian),
            "nan" => plain(Self::Nan),
            "inf" => plain(Self::Inf),
            "equivocation" => plain(Self::Equivocation),
            "retract-others" => plain(Self::RetractOthers),
            _ => None,
        };
        let bare = |form: &'static str| form.split(':').next().unwrap_or(form);
        let forms = Self::FORMS.map(|(form, _)| form);
        parsed.ok_or_else(|| match forms.iter().find(|form| bare(form) == name) {
            Some(form) if form.contains(':') => wrong(text, format!("{form} with a finite number")),
            Some(form) => wrong(text, format!("{form}, which takes no parameter")),
            None => unknown(text, format!("an attack: {}", forms.join(", ")), &forms.map(bare)),
        })
    }
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SignFlip => f.write_str("sign-flip"),
            Self::Scale(k) => write!(f, "scale:{k}"),
            Self::Gaussian(s) => write!(f, "gaussian:{s}"),
            Self::Nan => f.write_str("nan"),
            Self::Inf => f.write_str("inf"),
            Self::Equivocation => f.write_str("equivocation"),
            Self::RetractOthers => f.write_str("retract-others"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Model, Model) {
        let of = |values: &[f32]| Model::from_f32(&[("w", &[3], values)]).expect("fits");
        (of(&[2.0, 3.0, 5.0]), of(&[1.0, 1.0, 1.0]))
    }

    fn values(model: &Model) -> Vec<f32> {
        model.values_f32("w").expect("there")
    }

    #[test]
    fn each_attack_does_what_it_says() {
        let (model, base) = pair();
        let key = Digest::ZERO;
        let run = |attack: Attack| values(&attack.corrupt(&model, Some(&base), key));
        assert_eq!(run(Attack::SignFlip), [0.0, -1.0, -3.0]);
        assert_eq!(run(Attack::Scale(10.0)), [11.0, 21.0, 41.0]);
        assert!(run(Attack::Nan)[0].is_nan());
        assert_eq!(run(Attack::Inf)[0], f32::INFINITY);
        assert_ne!(run(Attack::Gaussian(1.0)), run(Attack::Gaussian(2.0)));
        assert_eq!(values(&Attack::SignFlip.corrupt(&model, None, key)), [-2.0, -3.0, -5.0]);
    }

    #[test]
    fn names_read_back() {
        for (form, _) in Attack::FORMS {
            let name = form.split(':').next().unwrap_or(form);
            let attack: Attack = name.parse().expect(name);
            assert_eq!(attack.to_string().parse(), Ok(attack));
        }
        let error = "sign-flop".parse::<Attack>().expect_err("no such attack");
        assert!(error.to_string().ends_with("(did you mean `sign-flip`?)"), "{error}");
        let error = "scale:x".parse::<Attack>().expect_err("no number");
        assert_eq!(error.to_string(), "`scale:x` is not scale:K with a finite number");
        assert!("scale:NaN".parse::<Attack>().is_err());
        assert!("nan:3".parse::<Attack>().is_err());
    }
}
