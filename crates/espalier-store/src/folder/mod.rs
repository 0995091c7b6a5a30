//! A state as a folder of immutable files, each named by its content: copying files is merging.

pub(crate) mod flaw;
pub(crate) mod load;
pub(crate) mod merge;
pub(crate) mod verify;

use crate::error::StoreError;
use espalier_file::{self as file, ReadError, WriteError};
use espalier_identity::{Digest, canonical};
use espalier_replica::{MAX_OP_LEN, OpId, Policy, SignedOp, VerifiedOp};
use espalier_tensor::{Content, Manifest, Model};
use flaw::{Flaw, FlawKind};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file with the policy.
const POLICY: &str = "policy";
/// The file with the base's manifest.
const BASE: &str = "base";
/// The folder of the operations.
const OPS: &str = "ops";
/// The folder of the tensors.
const TENSORS: &str = "tensors";

/// The longest policy that is read: more than the longest roster needs.
const MAX_POLICY_LEN: u64 = 64 << 20;

/// How much of a mapped file is written at a time, in bytes.
const PIECE: usize = 4 << 20;

/// A folder that holds a state.
///
/// What a store of any kind has to do stands here: keep a policy, keep operations and list them,
/// keep tensors and find them by their digest, and [`sync`](Self::sync). Loading, merging and
/// verifying follow from that.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
    policy: Policy,
}

/// What stands in a part of a folder, by its name.
struct Listing {
    named: BTreeSet<Digest>,
    flaws: Vec<Flaw>,
}

impl Folder {
    /// Begins a state under `policy`, in a folder that is made if it is not there. The `base` is
    /// the model that the policy names, if it names one.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Taken`] if there is a state already.
    pub fn create(
        path: impl Into<PathBuf>,
        policy: Policy,
        base: Option<&Model>,
    ) -> Result<Self, StoreError> {
        let folder = Self { path: path.into(), policy };
        if folder.path.join(POLICY).exists() {
            return Err(StoreError::Taken(folder.path));
        }
        match (folder.policy.spec().base, base) {
            (Some(root), Some(base)) if base.root() == root => {}
            (Some(_), None) => return Err(StoreError::NoBase),
            (None, None) => {}
            _ => return Err(StoreError::OtherBase),
        }
        file::make_folder(&folder.path.join(OPS))?;
        file::make_folder(&folder.path.join(TENSORS))?;
        if let Some(base) = base {
            for (_, content) in base.tensors() {
                folder.put_tensor(content)?;
            }
            folder.put_base(&base.manifest)?;
            folder.sync()?;
        }
        // Last, for it makes the folder a state.
        match file::write(folder.path.join(POLICY), &folder.policy.to_bytes(), false) {
            Err(WriteError::Exists(_)) => return Err(StoreError::Taken(folder.path)),
            written => written?,
        }
        file::sync_folder(&folder.path)?;
        Ok(folder)
    }

    /// Opens a folder: reads its policy and nothing else.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::NotAState`] if there is no policy.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let path = path.into();
        let place = path.join(POLICY);
        match fs::metadata(&place) {
            Ok(about) if about.is_file() => {}
            _ => return Err(StoreError::NotAState(path)),
        }
        let bytes = file::read(&place, MAX_POLICY_LEN)
            .map_err(|source| StoreError::Read { path: place.clone(), source })?;
        let policy = Policy::from_bytes(&bytes);
        let policy = policy.map_err(|source| StoreError::Policy { path: place, source })?;
        Ok(Self { path, policy })
    }

    /// The folder as it was named.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The policy of the state.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Stores an operation; returns true if it was missing or damaged.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_op(&self, op: &VerifiedOp) -> Result<bool, StoreError> {
        let is_here = || self.read_op(&op.id()).is_ok();
        let bytes = canonical::encode(op.signed());
        self.put(self.place(OPS, &op.id()), is_here, |out| out.write_all(&bytes))
    }

    /// All operations that are whole and signed by their authors, by identifier, and the files that
    /// are not such.
    ///
    /// # Errors
    /// [`StoreError::List`].
    pub fn ops(&self) -> Result<(Vec<VerifiedOp>, Vec<Flaw>), StoreError> {
        let Listing { named, mut flaws } = self.list(OPS)?;
        let mut ops = Vec::with_capacity(named.len());
        for id in named {
            match self.read_op(&id) {
                Ok(op) => ops.push(op),
                Err(kind) => flaws.push(Flaw { file: name(OPS, &id), kind }),
            }
        }
        Ok((ops, flaws))
    }

    /// Keeps the bytes of a tensor; true if they were not here, or not whole.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn put_tensor(&self, content: &Content) -> Result<bool, StoreError> {
        let digest = content.digest();
        let is_here = || self.tensor(&digest, content.len() as u64).is_some();
        self.put(self.place(TENSORS, &digest), is_here, |out| {
            for (number, piece) in content.chunks(PIECE).enumerate() {
                out.write_all(piece)?;
                content.release(number * PIECE..number * PIECE + piece.len());
            }
            Ok(())
        })
    }

    /// The bytes of a tensor of at most `limit` bytes, if they are present and whole: mapped, and
    /// read once to be sure of it.
    #[must_use]
    pub fn tensor(&self, digest: &Digest, limit: u64) -> Option<Content> {
        self.read_tensor(digest, limit).ok()
    }

    /// The manifest of the base that the policy names, if it is present and whole.
    #[must_use]
    pub fn base(&self) -> Option<Manifest> {
        let bytes = file::read(self.regular(self.path.join(BASE)).ok()?, MAX_OP_LEN as u64).ok()?;
        let manifest: Manifest = canonical::decode(&bytes).ok()?;
        let is_named = self.policy.spec().base == Some(manifest.root());
        (is_named && manifest.check().is_ok()).then_some(manifest)
    }

    /// Waits until everything that was put here is on the disk, names included.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub fn sync(&self) -> Result<(), StoreError> {
        // One that nothing was put into may not be there.
        let parts = [TENSORS, OPS].map(|part| self.path.join(part)).into_iter();
        let mut there = parts.filter(|part| part.exists());
        Ok(there.try_for_each(|part| file::sync_folder(&part))?)
    }

    fn put_base(&self, manifest: &Manifest) -> Result<bool, StoreError> {
        let bytes = canonical::encode(manifest);
        let is_here = || self.base().is_some();
        self.put(self.path.join(BASE), is_here, |out| out.write_all(&bytes))
    }

    fn place(&self, part: &str, digest: &Digest) -> PathBuf {
        self.path.join(name(part, digest))
    }

    /// Writes a file unless it is here and whole. Others may do the same at this moment: whoever
    /// comes last replaces the file by an equal one.
    fn put(
        &self,
        place: PathBuf,
        is_here: impl FnOnce() -> bool,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<bool, StoreError> {
        match fs::symlink_metadata(&place) {
            Ok(about) if !about.is_file() => return Err(StoreError::NotAFile(place)),
            Ok(_) if is_here() => return Ok(false),
            _ => {}
        }
        if let Some(folder) = place.parent() {
            file::make_folder(folder)?;
        }
        file::write_each([(place, write)], true)?;
        Ok(true)
    }

    /// What has the name of a digest in a part of the folder, and what has another name.
    fn list(&self, part: &str) -> Result<Listing, StoreError> {
        let path = self.path.join(part);
        let failed = |source| StoreError::List { path: path.clone(), source };
        let mut listing = Listing { named: BTreeSet::new(), flaws: Vec::new() };
        let entries = match fs::read_dir(&path) {
            // It has not been copied yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(listing),
            entries => entries.map_err(failed)?,
        };
        for entry in entries {
            let name = entry.map_err(failed)?.file_name();
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            match name.to_str().and_then(|name| name.parse().ok()) {
                Some(digest) => {
                    listing.named.insert(digest);
                }
                None => {
                    let file = Path::new(part).join(name);
                    listing.flaws.push(Flaw { file, kind: FlawKind::Foreign });
                }
            }
        }
        listing.flaws.sort_by(|a, b| a.file.cmp(&b.file));
        Ok(listing)
    }

    /// The same path, if a regular file is there: opening a pipe would wait, and a link leads out
    /// of the folder.
    fn regular(&self, path: PathBuf) -> Result<PathBuf, FlawKind> {
        match fs::symlink_metadata(&path) {
            Ok(about) if about.is_file() => Ok(path),
            Ok(_) => Err(FlawKind::NotAFile),
            Err(error) => Err(FlawKind::of(error)),
        }
    }

    fn read_op(&self, id: &OpId) -> Result<VerifiedOp, FlawKind> {
        let place = self.regular(self.place(OPS, id))?;
        let bytes = file::read(place, MAX_OP_LEN as u64).map_err(|error| match error {
            ReadError::Io(error) => FlawKind::of(error),
            _ => FlawKind::TooLong,
        })?;
        let signed = SignedOp::from_bytes(&bytes).map_err(|_| FlawKind::Damaged)?;
        if signed.id() != *id {
            return Err(FlawKind::Damaged);
        }
        signed.verify().map_err(FlawKind::Refused)
    }

    fn read_tensor(&self, digest: &Digest, limit: u64) -> Result<Content, FlawKind> {
        let place = self.regular(self.place(TENSORS, digest))?;
        let content = Content::open(place, limit).map_err(FlawKind::of)?;
        if content.digest() == *digest { Ok(content) } else { Err(FlawKind::Damaged) }
    }
}

/// The name of a file from the folder on.
fn name(part: &str, digest: &Digest) -> PathBuf {
    Path::new(part).join(digest.to_string())
}
