//! Looking at every file.

use crate::error::StoreError;
use crate::folder::flaw::{Flaw, FlawKind};
use crate::folder::load::{Limits, Loaded, Missing, claim, missing_of};
use crate::folder::{BASE, Folder, Listing, OPS, POLICY, TENSORS, name};
use std::fs;
use std::path::PathBuf;

/// What [`Folder::verify`] found.
#[derive(Debug)]
pub struct Audit {
    /// The state, the operations that wait, and every file that is passed over. The tensors that
    /// are whole are in the state's arena.
    pub loaded: Loaded,
    /// What a merge may need and is not here, or not whole.
    pub missing: Vec<Missing>,
    /// The number of tensors that are present, whole, and named by an operation.
    pub tensors: usize,
}

impl Audit {
    /// Whether the state is complete and no file of it is damaged.
    #[must_use]
    pub fn passes(&self) -> bool {
        let Loaded { waiting, flaws, state } = &self.loaded;
        let complete = waiting.iter().all(|op| !state.accepts(&op.op().author));
        complete && self.missing.is_empty() && flaws.iter().all(|flaw| flaw.kind.is_harmless())
    }
}

impl Folder {
    /// Reads and checks every file.
    ///
    /// # Errors
    /// [`StoreError::List`].
    pub fn verify(&self) -> Result<Audit, StoreError> {
        let mut loaded = self.load()?;
        let mut claimed = Limits::new();
        let ops = loaded.state.ops().chain(&loaded.waiting);
        ops.filter_map(|op| op.contribution()).for_each(|c| claim(&mut claimed, &c.manifest));
        let mut missing = self.load_base(&loaded.state);
        if let Some(base) = self.base() {
            claim(&mut claimed, &base);
        } else if let (Some(_), Ok(_)) =
            (self.policy.spec().base, fs::symlink_metadata(self.path.join(BASE)))
        {
            loaded.flaws.push(Flaw { file: BASE.into(), kind: FlawKind::Damaged });
        }
        let Listing { named, flaws } = self.list(TENSORS)?;
        loaded.flaws.extend(flaws);
        let mut tensors = 0;
        for digest in named {
            let found = match claimed.get(&digest) {
                Some(limit) => self.read_tensor(&digest, *limit),
                None => Err(FlawKind::Unclaimed),
            };
            match found {
                Ok(content) => {
                    tensors += 1;
                    loaded.state.arena().store().put(content);
                }
                Err(kind) => loaded.flaws.push(Flaw { file: name(TENSORS, &digest), kind }),
            }
        }
        missing.extend(missing_of(&loaded.state));
        loaded.flaws.extend(self.strangers()?);
        loaded.flaws.sort_by(|a, b| a.file.cmp(&b.file));
        Ok(Audit { loaded, missing, tensors })
    }

    /// What stands next to the parts of the state.
    fn strangers(&self) -> Result<Vec<Flaw>, StoreError> {
        let failed = |source| StoreError::List { path: self.path.clone(), source };
        let mut flaws = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let file = PathBuf::from(entry.map_err(failed)?.file_name());
            let hidden = file.as_os_str().as_encoded_bytes().starts_with(b".");
            let ours = [POLICY, BASE, OPS, TENSORS].iter().any(|ours| file.as_os_str() == *ours);
            if !hidden && !ours {
                flaws.push(Flaw { file, kind: FlawKind::Foreign });
            }
        }
        Ok(flaws)
    }
}
