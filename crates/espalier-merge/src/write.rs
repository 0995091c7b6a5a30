//! Merging into a file or a folder.

use std::sync::atomic::AtomicU64;

use crate::{
    copied_files::others, error::MergeError, folder, merge::Merge, models::OpenModel, replace,
    target::MergeTarget, vocabulary_error::VocabularyError,
};

impl Merge<'_> {
    /// Merges into a file or a folder.
    ///
    /// # Errors [`MergeError`]; then nothing that looks finished is left, and what was there before
    /// is as it was. Even with [`MergeTarget::force`], only files that the new model also has are
    /// replaced, and never an input model.
    pub fn write(&self, target: &MergeTarget) -> Result<(), MergeError> {
        // The base's, or the first model's where there is none.
        let model = self.models.get(self.plan.base.unwrap_or(0));
        let base = model.filter(|_| !target.is_file()).and_then(OpenModel::folder);
        let names = base.as_deref().map_or(Ok(Vec::new()), others)?;
        let new = self.vocabulary.is_some_and(|vocabulary| !vocabulary.new.is_empty());
        if new && target.is_file() {
            return Err(VocabularyError::File.into());
        }
        replace::check(target, self.models, &names)?;
        match target.is_file() {
            true => {
                let done = AtomicU64::new(0);
                let all: Vec<usize> = (0..self.plan.tensors.len()).collect();
                let writer = self.write_shard(&all, &target.path, target, &done)?;
                self.check_unchanged()?;
                Ok(writer.finish()?)
            }
            false => folder::write(self, target, base.as_deref(), &names),
        }
    }
}
