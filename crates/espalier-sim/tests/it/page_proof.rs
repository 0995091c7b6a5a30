//! The page checks inclusion proofs by a script of its own. What the script calls the domains, and
//! what it puts into each hash, must be what the replicas do.

use espalier_identity::{Digest, Domain, Keypair};
use espalier_page::REPORT;
use espalier_replica::{Draft, MergeState, Policy, PolicySpec, Provenance};
use espalier_tensor::Model;

/// The domains as the script names them.
struct Domains {
    leaf: Domain,
    branch: Domain,
    bound: Domain,
}

impl Domains {
    fn of_the_script() -> Self {
        let script = REPORT.script_with("const PROOF_DOMAINS").expect("a script");
        let named = |name: &str| {
            let (_, rest) = script.split_once(&format!("  {name}: '")).expect(name);
            Domain::new(rest.split_once('\'').expect("a string").0)
        };
        Self { leaf: named("leaf"), branch: named("branch"), bound: named("bound") }
    }

    /// The `bound_root` to which a proof leads, step by step as the script goes.
    fn follow(&self, proof: &Provenance) -> Digest {
        let key = &proof.inclusion.key;
        let leaf = self.leaf.fields().digest(key).digest(&proof.inclusion.value).finish();
        let root = proof.inclusion.path.iter().fold(leaf, |hash, step| {
            let byte = key.as_bytes()[usize::from(step.bit >> 3)];
            let right = (byte >> (7 - (step.bit & 7))) & 1 == 1;
            let (l, r) = if right { (&step.sibling, &hash) } else { (&hash, &step.sibling) };
            self.branch.fields().number(u64::from(step.bit)).digest(l).digest(r).finish()
        });
        let bound = self.bound.fields().digest(&proof.state_hash);
        bound.digest(&proof.evidence_root).digest(&root).finish()
    }
}

fn state(authors: u8) -> MergeState {
    let mut state = MergeState::new(Policy::new(PolicySpec::any_schema()).expect("a policy"));
    for author in 0..authors {
        let model = Model::from_f32(&[("w", &[2], &[1.0, f32::from(author)])]).expect("a model");
        state.add(&Keypair::from_seed([author; 32]), Draft::new("m", model)).expect("added");
    }
    state
}

#[test]
fn the_script_names_the_domains_of_the_replicas() {
    let domains = Domains::of_the_script();
    let state = state(20);
    for op in state.ops() {
        let proof = state.provenance(&op.id()).expect("held");
        assert_eq!(domains.follow(&proof), state.bound_root());
    }
}

#[test]
fn the_script_reads_the_fields_of_a_proof() {
    let state = state(3);
    let id = state.ops().next().expect("an operation").id();
    let proof = state.provenance(&id).expect("held");
    let json = serde_json::to_value(&proof).expect("JSON");
    let script = REPORT.script_with("const PROOF_DOMAINS").expect("a script");
    for name in ["inclusion", "state_hash", "evidence_root"] {
        assert!(json.get(name).is_some() && script.contains(name), "{name}");
    }
    for name in ["key", "value", "path"] {
        assert!(json["inclusion"].get(name).is_some() && script.contains(name), "{name}");
    }
    assert_eq!(json["inclusion"]["key"], id.to_string());
    assert!(json["inclusion"]["path"][0]["bit"].is_u64());
}
