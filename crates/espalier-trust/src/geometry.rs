//! Squared distances between contributions, whole and by block, with the neighbours of each in
//! order of distance.

/// The number of contiguous blocks into which a contribution is cut, so that one poisoned block
/// cannot hide in the norm of the whole.
pub const BLOCKS: usize = 16;

/// A block of fewer elements than this differs between honest contributions by chance as much as
/// the block test looks for.
const LEAST_OF_A_BLOCK: u64 = 16;

/// The number of blocks into which a contribution of `elements` elements is cut: [`BLOCKS`], or 1
/// where a block would have fewer than 16 elements.
#[must_use]
pub const fn blocks_of(elements: u64) -> usize {
    if elements >= LEAST_OF_A_BLOCK * BLOCKS as u64 { BLOCKS } else { 1 }
}

/// Distances from one point to those before and after it, and all points by distance.
#[derive(Debug, Clone, Default)]
struct Row {
    squared: Vec<f64>,
    /// Points by (distance, number). Sorting them once makes each of many scores over subsets of
    /// the points a walk.
    nearest: Vec<u32>,
}

/// Points and their squared distances. Grows point by point: a new one costs n distances and
/// n insertions per layer, and changes nothing that was there.
///
/// Distances do not depend on an origin, so distances of contributions are distances of deltas.
///
/// ```
/// use espalier_trust::Geometry;
/// let x = [0.0, 3.0, 4.0_f64];
/// let geometry = Geometry::from_fn(1, 3, |i, j| vec![(x[i] - x[j]) * (x[i] - x[j])]);
/// assert_eq!(geometry.squared(0, 2), 16.0);
/// ```
#[derive(Debug, Clone)]
pub struct Geometry {
    /// The number of elements in a contribution.
    elements: u64,
    /// By layer, then by point: the whole first, then the blocks if there is more than one.
    layers: Vec<Vec<Row>>,
}

impl Geometry {
    /// No points yet. Contributions will have `elements` float elements, which decides into how
    /// many blocks they are cut ([`blocks_of`]) and how much chance the score allows for.
    #[must_use]
    pub fn new(elements: u64) -> Self {
        let blocks = blocks_of(elements);
        Self { elements, layers: vec![Vec::new(); if blocks > 1 { 1 + blocks } else { 1 }] }
    }

    /// The geometry of `points` points of `elements` elements, where `squared(i, j)` for i > j
    /// gives the squared distance over each block.
    pub fn from_fn(
        elements: u64,
        points: usize,
        squared: impl Fn(usize, usize) -> Vec<f64>,
    ) -> Self {
        let mut geometry = Self::new(elements);
        for new in 0..points {
            geometry.push(|old| squared(new, old));
        }
        geometry
    }

    /// Adds a point; its number. `squared(i)` gives its squared distance to point i over each
    /// block.
    pub fn push(&mut self, squared: impl Fn(usize) -> Vec<f64>) -> usize {
        let new = self.len();
        let mut rows = vec![Vec::with_capacity(new + 1); self.layers.len()];
        for old in 0..new {
            let parts = squared(old);
            let whole = parts.iter().fold(0.0, |sum, part| sum + part);
            for (row, value) in rows.iter_mut().zip(std::iter::once(whole).chain(parts)) {
                row.push(value);
            }
        }
        for (layer, mut squared) in self.layers.iter_mut().zip(rows) {
            for (row, value) in layer.iter_mut().zip(&squared) {
                row.squared.push(*value);
                let at = |other: &u32| row.squared[*other as usize].total_cmp(value).is_le();
                let place = row.nearest.partition_point(at);
                row.nearest.insert(place, new as u32);
            }
            squared.push(0.0);
            let mut nearest: Vec<u32> = (0..=new as u32).collect();
            nearest.sort_by(|a, b| squared[*a as usize].total_cmp(&squared[*b as usize]));
            layer.push(Row { squared, nearest });
        }
        new
    }

    /// The number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.layers.first().map_or(0, Vec::len)
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The squared distance of two points over all coordinates.
    ///
    /// # Panics
    /// If there is no such point.
    #[must_use]
    pub fn squared(&self, a: usize, b: usize) -> f64 {
        self.layers[0][a].squared[b]
    }

    /// The squared distance of two points over each block: what [`Geometry::push`] was told.
    ///
    /// # Panics
    /// If there is no such point.
    pub fn parts(&self, a: usize, b: usize) -> impl Iterator<Item = f64> {
        let blocks = if self.layers.len() > 1 { &self.layers[1..] } else { &self.layers[..] };
        blocks.iter().map(move |layer| layer[a].squared[b])
    }

    pub(crate) fn layer_count(&self) -> usize {
        self.layers.len()
    }

    /// The number of elements a contribution has in a layer: all, or those of its smallest block.
    pub(crate) fn elements(&self, layer: usize) -> u64 {
        if layer == 0 { self.elements } else { self.elements / BLOCKS as u64 }
    }

    /// The squared radius of the smallest ball around point `centre` that holds `h` of a bag of
    /// points, each of which is there `count` times; infinite if there are fewer.
    pub(crate) fn radius(&self, layer: usize, centre: usize, count: &[u32], h: usize) -> f64 {
        let row = &self.layers[layer][centre];
        let mut inside = 0;
        for &point in &row.nearest {
            inside += count[point as usize] as usize;
            if inside >= h {
                return row.squared[point as usize];
            }
        }
        f64::INFINITY
    }
}

/// How often each of the numbered points occurs.
pub(crate) fn count(points: usize, bag: impl Iterator<Item = usize>) -> Vec<u32> {
    let mut count = vec![0; points];
    bag.for_each(|point| count[point] += 1);
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The obvious twin: collect the distances to the bag, sort, take the h-th.
        #[test]
        fn a_radius_is_the_distance_to_the_hth_nearest(
            x in prop::collection::vec(0u8..6, 1..12),
            bag in prop::collection::vec(any::<prop::sample::Index>(), 1..12),
            h in 1usize..14,
        ) {
            let squared = |i: usize, j: usize| { let d = f64::from(x[i].abs_diff(x[j])); d * d };
            let geometry = Geometry::from_fn(9, x.len(), |i, j| vec![squared(i, j)]);
            let bag: Vec<_> = bag.iter().map(|i| i.index(x.len())).collect();
            let count = count(x.len(), bag.iter().copied());
            for centre in 0..x.len() {
                let mut sorted: Vec<_> = bag.iter().map(|&p| squared(centre, p)).collect();
                sorted.sort_by(f64::total_cmp);
                let expected = sorted.get(h - 1).copied().unwrap_or(f64::INFINITY);
                prop_assert_eq!(geometry.radius(0, centre, &count, h), expected);
            }
        }
    }
}
