//! How much memory a merge of one tensor needs.

use super::{
    job::{Job, Working},
    rows::PIECE,
    spectral::DECOMPOSING,
};

/// Methods that look for the largest elements of differences before anything is merged.
const SELECTING: [&str; 6] =
    ["ties", "breadcrumbs", "breadcrumbs-ties", "sce", "localize-stitch", "arcee-fusion"];

/// Methods that compute with a vector for each input.
const OF_VECTORS: [&str; 4] = ["multislerp", "karcher", "model-stock", "sce"];

impl Job<'_> {
    /// Whether the method holds its inputs as a whole and not piece by piece.
    #[must_use]
    pub fn holds_all(&self) -> bool {
        DECOMPOSING.contains(&self.method.name)
    }

    /// The bytes of buffers that [`Job::run`] needs on so many threads, at most, but for inputs
    /// whose elements are arranged against the samples that selections begin with.
    #[must_use]
    pub fn memory(&self, threads: usize) -> u64 {
        let element = match self.working {
            Working::F64 => 8,
            Working::F32 | Working::Bf16 | Working::F16 => 4,
        };
        let all = self.shape.iter().fold(1_u64, |all, &size| all.saturating_mul(size));
        let row = self.shape.last().copied().unwrap_or(1);
        let rows = self.inputs.len() as u64 + u64::from(self.base.is_some());
        let widest = self.inputs.iter().chain(&self.base).map(|row| row.dtype.size()).max();
        let inputs = self.inputs.len() as u64;
        // Values of all inputs and the base, of the result and of two steps between or more, and
        // the bytes that are read and written.
        let vectors = if OF_VECTORS.contains(&self.method.name) { inputs } else { 0 };
        let of_element =
            element * (rows + 3 + vectors) + widest.unwrap_or(0) as u64 + self.out.size() as u64;
        let piece = (PIECE as u64).max(row).min(all);
        let pieces = piece.saturating_mul(of_element).saturating_mul(threads as u64);
        let held = if self.holds_all() {
            all.saturating_mul(8 * (inputs + 4))
        } else if SELECTING.contains(&self.method.name) {
            // A thirtieth of the magnitudes is collected, in lists that grow, and once more.
            (all / 10).saturating_mul(element * inputs)
        } else {
            0
        };
        pieces.saturating_add(held)
    }
}
