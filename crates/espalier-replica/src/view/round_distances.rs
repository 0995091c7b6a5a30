//! An author's contributions over the last training rounds, and how far two authors' are apart.

use crate::arena::Shelf;
use espalier_identity::Digest;
use espalier_tensor::Model;
use espalier_trust::{Geometry, blocks_of};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One author's contributions by round, the latest first; at least one.
pub(crate) type Track<'a> = Vec<(u64, Digest, &'a Arc<Model>)>;

/// Runs `look` on the geometry of the authors with these tracks, with the point of each.
///
/// The squared distance of two authors is the mean over the rounds in which both contributed; if
/// there is none, that of their latest contributions. Averages sharpen what is lasting, and noise
/// drops out (Karimireddy, He, Jaggi, *Learning from History*, arXiv 2012.10333).
pub(crate) fn with_distances<T>(
    shelf: &Shelf,
    schema: Digest,
    tracks: &[Track<'_>],
    look: impl FnOnce(&Geometry, &[usize]) -> T,
) -> T {
    let round = tracks.first().map_or(0, |track| track[0].0);
    if tracks.iter().all(|track| track.len() == 1 && track[0].0 == round) {
        let latest: Vec<(Digest, &Arc<Model>)> =
            tracks.iter().map(|track| (track[0].1, track[0].2)).collect();
        return shelf.with_geometry(schema, round, &latest, look);
    }
    let points: Vec<usize> = (0..tracks.len()).collect();
    look(&averaged(shelf, schema, tracks), &points)
}

/// Sums over common rounds, and how many there were.
type Sum = (Vec<f64>, u32);

fn averaged(shelf: &Shelf, schema: Digest, tracks: &[Track<'_>]) -> Geometry {
    let elements = tracks.first().map_or(0, |track| track[0].2.manifest.float_elements());
    let parts = blocks_of(elements);
    let place = |i: usize, j: usize| i * (i - 1) / 2 + j;
    let mut sums: Vec<Sum> = Vec::new();
    sums.resize(tracks.len() * tracks.len().saturating_sub(1) / 2, (vec![0.0; parts], 0));
    let rounds: BTreeSet<u64> = tracks.iter().flatten().map(|(round, ..)| *round).collect();
    for round in rounds {
        let mut members = Vec::new();
        let mut models: Vec<(Digest, &Arc<Model>)> = Vec::new();
        for (at, track) in tracks.iter().enumerate() {
            if let Some((_, root, model)) = track.iter().find(|(r, ..)| *r == round) {
                members.push(at);
                models.push((*root, model));
            }
        }
        if members.len() < 2 {
            continue;
        }
        shelf.with_geometry(schema, round, &models, |geometry, points| {
            for (i, a) in members.iter().enumerate() {
                for (j, b) in members[..i].iter().enumerate() {
                    let (sum, count) = &mut sums[place(*a, *b)];
                    let parts = geometry.parts(points[i], points[j]);
                    sum.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
                    *count += 1;
                }
            }
        });
    }
    Geometry::from_fn(elements, tracks.len(), |i, j| match &sums[place(i, j)] {
        (_, 0) => {
            let latest = |track: &Track<'_>| (track[0].1, track[0].2.clone());
            let (a, b) = (latest(&tracks[i]), latest(&tracks[j]));
            shelf.squared_across((a.0, &a.1), (b.0, &b.1))
        }
        (sum, count) => sum.iter().map(|sum| sum / f64::from(*count)).collect(),
    })
}
