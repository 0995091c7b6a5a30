//! One operation as an arena holds it.

use crate::signed::fault::{Conviction, Judged};
use crate::signed::op::{Contribution, VerifiedOp};
use espalier_identity::{Digest, Domain};
use espalier_tensor::Manifest;
use std::sync::OnceLock;

static INTEGERS: Domain = Domain::new("espalier integer tensors v1");

/// A verified operation and what follows from it alone.
#[derive(Debug)]
pub struct Entry {
    pub(crate) index: u32,
    pub(crate) op: VerifiedOp,
    /// Root, schema and integers of the tensors it contributes.
    pub(crate) roots: Option<(Digest, Digest, Digest)>,
    /// What it convicts its author of.
    pub(crate) guilt: Option<Conviction>,
    /// The verified record it carries.
    pub(crate) carried: Option<Conviction>,
    /// Whether its tensors can be merged, once they were looked at.
    pub(crate) sound: OnceLock<bool>,
}

impl Entry {
    pub(crate) fn new(index: u32, judged: Judged) -> Self {
        let of = |manifest: &Manifest| (manifest.root(), manifest.schema(), integers(manifest));
        let Judged { op, guilt, carried } = judged;
        let roots = op.contribution().map(|c| of(&c.manifest));
        Self { index, op, roots, guilt, carried, sound: OnceLock::new() }
    }

    /// The operation.
    #[must_use]
    pub fn op(&self) -> &VerifiedOp {
        &self.op
    }

    /// The operation with what it proves, for another arena.
    pub(crate) fn judged(&self) -> Judged {
        let (guilt, carried) = (self.guilt.clone(), self.carried.clone());
        Judged { op: self.op.clone(), guilt, carried }
    }

    /// Everything it proves by itself.
    pub(crate) fn convictions(&self) -> impl Iterator<Item = &Conviction> {
        self.guilt.iter().chain(&self.carried)
    }

    /// The contribution and the root of its tensors.
    #[must_use]
    pub fn contribution(&self) -> Option<(&Contribution, Digest)> {
        Some((self.op.contribution()?, self.roots?.0))
    }
}

/// Commits to the tensors that are not floats: they are passed on and never merged.
fn integers(manifest: &Manifest) -> Digest {
    let others = manifest.tensors().iter().filter(|meta| !meta.dtype.is_float());
    others.fold(INTEGERS.fields(), |hash, meta| hash.digest(&meta.content)).finish()
}
