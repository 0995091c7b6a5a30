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

/// Neighbours that are counted at a time.
const GROUP: usize = 16;

impl Row {
    /// Puts the points in order that are not yet, with `keys` as scratch: a single one is inserted,
    /// of several all are sorted.
    fn note_nearest(&mut self, keys: &mut Vec<(i64, u32)>) {
        let (known, all) = (self.nearest.len(), self.squared.len());
        self.nearest.reserve(all - known);
        if known > 0 && known + 1 == all {
            let value = &self.squared[known];
            let before = |other: &u32| self.squared[*other as usize].total_cmp(value).is_le();
            let place = self.nearest.partition_point(before);
            self.nearest.insert(place, known as u32);
        } else if known < all {
            keys.clear();
            keys.extend(self.squared.iter().map(total_order).zip(0..));
            keys.sort_unstable();
            self.nearest.clear();
            self.nearest.extend(keys.iter().map(|(_, point)| *point));
        }
    }
}

/// A number whose order is that of [`f64::total_cmp`].
fn total_order(value: &f64) -> i64 {
    let bits = value.to_bits() as i64;
    bits ^ ((bits >> 63) as u64 >> 1) as i64
}

/// Points and their squared distances. A new point costs n distances and n insertions per layer,
/// n new ones n² distances and n sorted lists; what was there stays as it is.
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
        geometry.extend(points, squared);
        geometry
    }

    /// Adds a point; its number. `squared(i)` gives its squared distance to point i over each
    /// block.
    pub fn push(&mut self, squared: impl Fn(usize) -> Vec<f64>) -> usize {
        let new = self.len();
        self.extend(1, |_, old| squared(old));
        new
    }

    /// Adds `points` points. `squared(i, j)` gives the squared distance of point i to point j,
    /// which is before it, over each block; it is called once for each pair.
    pub fn extend(&mut self, points: usize, mut squared: impl FnMut(usize, usize) -> Vec<f64>) {
        let before = self.len();
        let all = before + points;
        for layer in &mut self.layers {
            layer.iter_mut().for_each(|row| row.squared.reserve(points));
            layer.resize_with(all, || Row { squared: Vec::with_capacity(all), ..Row::default() });
        }
        for new in before..all {
            for old in 0..new {
                let parts = squared(new, old);
                let whole = parts.iter().fold(0.0, |sum, part| sum + part);
                let values = std::iter::once(whole).chain(parts);
                for (layer, value) in self.layers.iter_mut().zip(values) {
                    layer[new].squared.push(value);
                    layer[old].squared.push(value);
                }
            }
            self.layers.iter_mut().for_each(|layer| layer[new].squared.push(0.0));
        }
        let mut keys = Vec::new();
        for row in self.layers.iter_mut().flatten() {
            row.note_nearest(&mut keys);
        }
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
    /// If the point does not exist.
    #[must_use]
    pub fn squared(&self, a: usize, b: usize) -> f64 {
        self.layers[0][a].squared[b]
    }

    /// The squared distance of two points over each block: what [`Geometry::push`] was told.
    ///
    /// # Panics
    /// If the point does not exist.
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
    /// points, each of which is present `count` times; infinite if there are fewer.
    pub(crate) fn radius(&self, layer: usize, centre: usize, count: &[u32], h: usize) -> f64 {
        let row = &self.layers[layer][centre];
        let mut inside = 0;
        // Whole groups are passed over until the one in which the ball is full.
        for group in row.nearest.chunks(GROUP) {
            let here = |point: &u32| count[*point as usize] as usize;
            let all = group.iter().map(here).sum::<usize>();
            if inside + all < h {
                inside += all;
                continue;
            }
            for point in group {
                inside += here(point);
                if inside >= h {
                    return row.squared[*point as usize];
                }
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
        /// Points that come together are where they would be if they came one by one, and every
        /// list is a stable sort.
        #[test]
        fn together_is_one_by_one(
            x in prop::collection::vec(-3i8..6, 1..40),
            cuts in prop::collection::vec(0usize..8, 0..12),
            elements in prop::sample::select(vec![9_u64, 4_096]),
        ) {
            let parts = blocks_of(elements);
            let squared = |i: usize, j: usize| -> Vec<f64> {
                let part = |p: usize| f64::from(x[i] - x[j]) * p as f64;
                (0..parts).map(|p| if p % 3 == 1 { -part(p) } else { part(p + 1) }).collect()
            };
            let mut single = Geometry::new(elements);
            (0..x.len()).for_each(|i| assert_eq!(single.push(|j| squared(i, j)), i));
            let mut together = Geometry::new(elements);
            for cut in cuts.into_iter().chain([x.len()]) {
                together.extend(cut.min(x.len() - together.len()), squared);
            }
            for (one, other) in single.layers.iter().zip(&together.layers) {
                for (one, other) in one.iter().zip(other) {
                    let bits = |row: &Row| -> Vec<u64> {
                        row.squared.iter().map(|s| s.to_bits()).collect()
                    };
                    prop_assert_eq!((bits(one), &one.nearest), (bits(other), &other.nearest));
                    let mut sorted: Vec<u32> = (0..x.len() as u32).collect();
                    let at = |p: &u32| one.squared[*p as usize];
                    sorted.sort_by(|a, b| at(a).total_cmp(&at(b)));
                    prop_assert_eq!(&sorted, &one.nearest);
                }
            }
        }

        /// The obvious twin: collect the distances to the bag, sort, take the h-th.
        #[test]
        fn a_radius_is_the_distance_to_the_hth_nearest(
            x in prop::collection::vec(0u8..6, 1..60),
            bag in prop::collection::vec(any::<prop::sample::Index>(), 1..60),
            h in 1usize..62,
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
