//! `espalier state init`.

use crate::args::InitArgs;
use crate::failure::Failure;
use crate::state::{say, shown};
use anyhow::anyhow;
use espalier::file;
use espalier::replica::{Policy, PolicyError, PolicySpec};
use espalier::resolve::StrategyError;
use espalier::store::{Folder, StoreError};
use espalier::tensor::{Model, open_safetensors};
use std::collections::BTreeMap;
use std::path::Path;

/// The longest policy that is read.
const MAX_POLICY_LEN: u64 = 64 << 20;

pub(crate) fn run(args: &InitArgs, quiet: bool) -> Result<(), Failure> {
    let base = args.base.as_deref().map(open_model).transpose()?;
    let policy = match &args.policy {
        Some(file) => read_policy(file)?,
        None => policy_of(args, base.as_ref())?,
    };
    let folder = Folder::create(&args.dir, policy, base.as_ref()).map_err(|error| match error {
        StoreError::NoBase => {
            Failure::Input(anyhow!("--policy: it names a base model; give that with --base"))
        }
        StoreError::OtherBase => {
            Failure::Input(anyhow!("--base: it is not the base model that the policy names"))
        }
        error => error.into(),
    })?;
    let spec = folder.policy().spec();
    let members = match spec.roster.len() {
        0 => "open to everybody".to_owned(),
        members => file::count(members, "member"),
    };
    let (dir, strategy) = (shown(&args.dir), folder.policy().strategy().name());
    say(
        quiet,
        &format!(
            "began a state in {dir}: {strategy}, {members}\n\
             policy {}\n\
             next: espalier state add {dir} MODEL --key FILE (`espalier key new FILE` makes \
             one)\n",
            folder.policy().hash()
        ),
    )
}

/// A model with its digests.
pub(super) fn open_model(path: &Path) -> Result<Model, Failure> {
    Ok(open_safetensors(path)?.into_model()?)
}

fn policy_of(args: &InitArgs, base: Option<&Model>) -> Result<Policy, Failure> {
    let mut parameters = BTreeMap::new();
    for (key, value) in &args.parameters {
        if parameters.insert(key.clone(), value.clone()).is_some() {
            return Err(Failure::usage(format!("--param: {key} is given twice")));
        }
    }
    let of_base =
        |base: &Model| PolicySpec { base: Some(base.root()), ..PolicySpec::for_model(base) };
    let spec = PolicySpec {
        strategy: args.strategy.clone(),
        parameters,
        roster: args.members.clone(),
        ..base.map_or_else(PolicySpec::any_schema, of_base)
    };
    let policy = Policy::new(spec).map_err(|error| {
        let flag = match &error {
            PolicyError::Strategy(
                StrategyError::Unknown { .. } | StrategyError::Elsewhere { .. },
            ) => "--strategy",
            PolicyError::Strategy(_) => "--param",
            _ => "--member",
        };
        Failure::of(error.blame(), error).within(flag)
    })?;
    if base.is_none() && policy.strategy().needs_base() {
        let problem =
            format!("--strategy: {} needs a base model; give it with --base", args.strategy);
        return Err(Failure::usage(problem));
    }
    Ok(policy)
}

/// A policy from a file: the canonical bytes of another state, or JSON.
fn read_policy(path: &Path) -> Result<Policy, Failure> {
    let place = || format!("--policy: {}", path.display());
    let bytes = file::read(path, MAX_POLICY_LEN).map_err(|e| Failure::from(e).within(place()))?;
    if bytes.trim_ascii_start().starts_with(b"{") {
        let spec: PolicySpec = serde_json::from_slice(&bytes)
            .map_err(|error| Failure::Input(error.into()).within(place()))?;
        return Policy::new(spec).map_err(|e| Failure::of(e.blame(), e).within(place()));
    }
    Policy::from_bytes(&bytes).map_err(|e| Failure::of(e.blame(), e).within(place()))
}
