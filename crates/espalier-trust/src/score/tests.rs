//! The score on made-up geometry: what it must find, and what it must leave alone.

use super::verdict::nth_smallest;
use super::*;
use proptest::prelude::*;

fn subjects(n: usize) -> Vec<Subject> {
    let peer = |i: usize| PeerId::from_bytes([i as u8; 32]);
    (0..n).map(|i| Subject::new(peer(i), Digest::from_bytes([i as u8; 32]), i, 0)).collect()
}

/// Squared distances of points on a line.
fn line(points: &[f64]) -> Geometry {
    Geometry::from_fn(points.len(), 1, |i, j| {
        vec![(points[i] - points[j]) * (points[i] - points[j])]
    })
}

fn isolated(trust: &[Trust]) -> Vec<usize> {
    (0..trust.len()).filter(|&i| trust[i].is_isolated()).collect()
}

fn strict(roster: usize, subjects: &[Subject], distances: &Geometry) -> Vec<Trust> {
    score(roster, subjects, distances, &Profile::Strict.constants())
}

#[test]
fn no_verdict_before_a_majority_is_present() {
    let trust = strict(10, &subjects(5), &line(&[0.0, 1.0, 2.0, 50.0, 900.0]));
    assert!(trust.iter().all(|t| *t == Trust::FULL));
    let trust = strict(7, &subjects(5), &line(&[0.0, 1.0, 2.0, 50.0, 900.0]));
    assert_eq!(isolated(&trust), [4], "five of seven hold a majority");
}

#[test]
fn identical_contributions_are_all_trusted() {
    let trust = strict(6, &subjects(6), &line(&[2.0; 6]));
    assert!(trust.iter().all(|t| *t == Trust::FULL));
}

#[test]
fn a_majority_of_replicas_outweighs_a_spread_minority() {
    let trust = strict(7, &subjects(7), &line(&[1.0, 1.0, 1.0, 1.0, 5.0, 9.0, -4.0]));
    assert_eq!(isolated(&trust), [4, 5, 6]);
}

#[test]
fn copies_of_a_minority_share_one_mass() {
    // Seven apart, two equal: the two weigh as one.
    let points = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 3.5, 3.5];
    let trust = strict(9, &subjects(9), &line(&points));
    assert_eq!(trust[7].provenance, Q16::from_raw(32_768));
    assert_eq!(trust[0].provenance, Q16::ONE);
}

#[test]
fn one_poisoned_block_does_not_hide_in_the_norm() {
    // 16 blocks of honest noise 1; the last author moves one block by 6: the whole rises little.
    let n = 8;
    let noise = |i: usize, j: usize, b: usize| 1.0 + 0.01 * ((i * 7 + j * 7 + b) % 5) as f64;
    let distances = Geometry::from_fn(n, 16, |i, j| {
        let poison = |b| if i == n - 1 && b == 3 { 6.0 } else { 0.0 };
        (0..16).map(|b| noise(i, j, b) + poison(b)).collect()
    });
    let trust = strict(n, &subjects(n), &distances);
    assert_eq!(isolated(&trust), [n - 1]);
}

#[test]
fn incomparable_subjects_are_isolated_and_measure_nothing() {
    let mut subjects = subjects(5);
    subjects[2].comparable = false;
    let distances = Geometry::from_fn(5, 1, |i, j| {
        vec![if i == 2 || j == 2 { f64::NAN } else { (i - j) as f64 }]
    });
    assert_eq!(isolated(&strict(5, &subjects, &distances)), [2]);
}

#[test]
fn recency_weighs_by_the_lag_behind_the_majority() {
    let mut subjects = subjects(5);
    for (subject, round) in subjects.iter_mut().zip([4, 4, 4, 2, 5]) {
        subject.round = round;
    }
    let trust = strict(5, &subjects, &line(&[0.0, 1.0, 2.0, 3.0, 4.0]));
    let recency: Vec<_> = trust.iter().map(|t| t.recency.raw()).collect();
    assert_eq!(recency, [65_536, 65_536, 65_536, 21_845, 65_536]);
    assert!(!trust[3].is_isolated());
}

#[test]
fn a_majority_measuring_harm_isolates() {
    let mut subjects = subjects(5);
    subjects[1].attested = Q16::ZERO;
    let trust = strict(5, &subjects, &line(&[0.0, 1.0, 2.0, 3.0, 4.0]));
    assert!(trust[1].is_isolated());
}

#[test]
fn only_clear_measurements_count_and_good_ones_bring_back_an_outlier() {
    let accuracy = |attested: u32| {
        let mut subjects = subjects(5);
        (subjects[1].attested, subjects[4].attested) = (Q16::from_raw(attested), Q16::ONE);
        let trust = strict(5, &subjects, &line(&[0.0, 1.0, 2.0, 3.0, 90.0]));
        assert!(!trust[4].is_isolated());
        trust[1].accuracy.raw()
    };
    assert_eq!([20_000, 32_768, 45_000].map(accuracy), [65_536; 3]);
    assert_eq!(accuracy(8192), 32_768);
}

#[test]
fn a_group_that_a_majority_measures_as_good_is_no_collusion() {
    // Seven near each other, four elsewhere; the radius of both is the same.
    let points = |i: usize| if i < 7 { 0.0 } else { 4.0 };
    let geometry = Geometry::from_fn(11, 1, |i, j| {
        vec![1.0 + (points(i) - points(j)) * (points(i) - points(j)) / 16.0]
    });
    let mut subjects = subjects(11);
    assert_eq!(isolated(&strict(11, &subjects, &geometry)), [7, 8, 9, 10]);
    for subject in &mut subjects[7..10] {
        subject.attested = Q16::from_raw(40_000);
    }
    assert!(isolated(&strict(11, &subjects, &geometry)).is_empty());
}

/// The obvious twin of [`nth_smallest`].
fn by_sorting(mut values: Vec<f64>, k: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values[k - 1]
}

proptest! {
    #[test]
    fn selection_equals_sorting(
        values in prop::collection::vec(-9.0f64..9.0, 1..30),
        k in 1usize..30,
    ) {
        prop_assume!(k <= values.len());
        prop_assert_eq!(nth_smallest(values.iter().copied(), k), by_sorting(values.clone(), k));
    }

    /// Whatever the liars do, steps 2 and 4 leave a majority standing, and everybody who stands
    /// apart from the honest ball by more than c2 radii is out.
    #[test]
    fn a_majority_always_stands_and_far_liars_fall(
        noise in prop::collection::vec(0.0f64..0.01, 6..12),
        liars in prop::collection::vec(prop_oneof![-90.0f64..-50.0, 50.0f64..90.0], 0..6),
    ) {
        prop_assume!(liars.len() < noise.len());
        // Spaced, so that no two honest authors look like copies of each other.
        let spaced = |(i, noise): (usize, &f64)| i as f64 * 0.15 + noise;
        let honest: Vec<f64> = noise.iter().enumerate().map(spaced).collect();
        let points: Vec<f64> = honest.iter().chain(&liars).copied().collect();
        let n = points.len();
        let trust = strict(n, &subjects(n), &line(&points));
        prop_assert!(trust.iter().filter(|t| !t.is_isolated()).count() >= majority(n));
        if honest.len() >= majority(n) {
            // The ball that holds h is at most the honest diameter wide, so nobody at 50 is in it.
            for liar in &trust[honest.len()..] {
                prop_assert!(liar.is_isolated());
            }
        }
    }

    /// The order in which subjects are listed changes nothing.
    #[test]
    fn the_score_is_equivariant(
        points in prop::collection::vec(-5.0f64..5.0, 3..10),
        turn in 0usize..10,
    ) {
        let n = points.len();
        let turn = turn % n;
        let straight = strict(n, &subjects(n), &line(&points));
        let mut turned_points = points.clone();
        turned_points.rotate_left(turn);
        let mut turned_subjects = subjects(n);
        turned_subjects.rotate_left(turn);
        turned_subjects.iter_mut().enumerate().for_each(|(point, s)| s.point = point);
        let mut turned = strict(n, &turned_subjects, &line(&turned_points));
        turned.rotate_right(turn);
        prop_assert_eq!(turned, straight);
    }
}
