//! Squared distances between contributions, whole and by block.

/// Into how many contiguous blocks a contribution is cut, so that one poisoned block cannot hide
/// in the norm of the whole.
pub const BLOCKS: usize = 16;

/// A symmetric matrix of squared distances, each as a sum over contiguous blocks of coordinates.
///
/// Distances do not depend on an origin, so distances of contributions are distances of deltas.
#[derive(Debug, Clone)]
pub struct DistanceMatrix {
    n: usize,
    /// The whole first, then the blocks: each an n × n matrix, row by row.
    layers: Vec<Vec<f64>>,
}

impl DistanceMatrix {
    /// Fills the matrix of `n` subjects: `pair(i, j, out)` for i < j writes the squared distance
    /// over each of `blocks` blocks. With one block the block test is off.
    pub fn from_fn(n: usize, blocks: usize, mut pair: impl FnMut(usize, usize, &mut [f64])) -> Self {
        let inner = if blocks > 1 { blocks } else { 0 };
        let mut layers = vec![vec![0.0; n * n]; 1 + inner];
        let mut out = vec![0.0; blocks.max(1)];
        for i in 0..n {
            for j in i + 1..n {
                pair(i, j, &mut out);
                let whole = out.iter().fold(0.0, |sum, x| sum + x);
                let values = std::iter::once(whole).chain(out.iter().copied());
                for (layer, value) in layers.iter_mut().zip(values) {
                    layer[i * n + j] = value;
                    layer[j * n + i] = value;
                }
            }
        }
        Self { n, layers }
    }

    /// How many subjects.
    #[must_use]
    pub fn len(&self) -> usize {
        self.n
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// The squared distance over all coordinates.
    #[must_use]
    pub fn whole(&self, i: usize, j: usize) -> f64 {
        self.layers[0][i * self.n + j]
    }

    /// Row `i` of the whole and of each block, in that order.
    pub(crate) fn rows(&self, i: usize) -> impl Iterator<Item = &[f64]> {
        self.layers.iter().map(move |layer| &layer[i * self.n..(i + 1) * self.n])
    }

    pub(crate) fn layer_count(&self) -> usize {
        self.layers.len()
    }
}
