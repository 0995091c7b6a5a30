//! The score on made-up geometry: what it must find, and what it must leave alone.

use super::verdict::nth_smallest;
use super::*;
use proptest::prelude::*;

fn subjects(n: usize) -> Vec<Subject> {
    let peer = |i: usize| PeerId::from_bytes([i as u8; 32]);
    (0..n).map(|i| Subject::new(peer(i), Digest::from_bytes([i as u8; 32]), i, 0)).collect()
}

#[test]
fn the_first_constant_that_is_out_of_order_is_named() {
    for profile in [Profile::Strict, Profile::Clustered] {
        assert_eq!(profile.constants().out_of_order(), None);
    }
    type Change = fn(&mut Constants);
    let wrong: [(&str, Change); 13] = [
        ("c1_64ths", |c| c.c1_64ths = 63),
        ("c2_64ths", |c| c.c2_64ths = c.c1_64ths),
        ("block_64ths", |c| c.block_64ths = 63),
        ("few_64ths", |c| c.few_64ths = 64_000),
        ("duplicate_divisor", |c| c.duplicate_divisor = 0),
        ("split_64ths", |c| c.split_64ths = 0),
        ("gap_64ths", |c| c.gap_64ths = 64_000),
        ("few_gap_64ths", |c| c.few_gap_64ths = 64_000),
        ("explained_percent", |c| c.explained_percent = 101),
        ("shared_percent", |c| c.shared_percent = 101),
        ("splits", |c| c.splits = 65),
        ("side_percent", |c| c.side_percent = 101),
        ("history", |c| c.history = MAX_HISTORY + 1),
    ];
    for (name, change) in wrong {
        let mut constants = Profile::Strict.constants();
        change(&mut constants);
        assert_eq!(constants.out_of_order().map(|(field, ..)| field), Some(name));
    }
}

/// As many elements as contributions of one block may have: next to no noise to allow for.
const ONE_BLOCK: u64 = 255;

/// Squared distances of points on a line.
fn line(points: &[f64]) -> Geometry {
    Geometry::from_fn(ONE_BLOCK, points.len(), |i, j| {
        vec![(points[i] - points[j]) * (points[i] - points[j])]
    })
}

fn isolated(trust: &[Trust]) -> Vec<usize> {
    (0..trust.len()).filter(|&i| trust[i].is_isolated()).collect()
}

fn strict(roster: usize, subjects: &[Subject], distances: &Geometry) -> Vec<Trust> {
    score(roster, subjects, distances, &Profile::Strict.constants()).trust
}

#[test]
fn no_verdict_before_a_majority_is_present() {
    let trust = strict(10, &subjects(5), &line(&[0.0, 1.0, 2.0, 50.0, 900.0]));
    assert!(trust.iter().all(|t| *t == Trust::FULL));
    let trust = strict(7, &subjects(5), &line(&[0.0, 1.0, 2.0, 50.0, 900.0]));
    assert_eq!(isolated(&trust), [4], "five of seven hold a majority");
}

#[test]
fn where_distances_say_nothing_there_is_no_verdict() {
    let judgement = |roster, points: &[f64], elements| {
        let geometry = Geometry::from_fn(elements, points.len(), |i, j| {
            vec![(points[i] - points[j]) * (points[i] - points[j])]
        });
        let scores =
            score(roster, &subjects(points.len()), &geometry, &Profile::Strict.constants());
        if scores.judgement != Judgement::Judged {
            assert!(scores.trust.iter().all(|trust| *trust == Trust::FULL));
        }
        scores.judgement
    };
    let points = [0.0, 1.0, 2.0, 3.0, 900.0];
    assert_eq!(judgement(5, &points, 255), Judgement::Judged);
    assert_eq!(judgement(5, &points, 1), Judgement::FewElements { elements: 1 });
    assert_eq!(judgement(5, &points, 0), Judgement::FewElements { elements: 0 });
    assert_eq!(judgement(3, &points[..3], 255), Judgement::FewAuthors { roster: 3 });
    let waiting = Judgement::NoMajority { comparable: 5, needed: 6 };
    assert_eq!(judgement(10, &points, 255), waiting);
    assert_eq!(
        waiting.to_string(),
        "fewer comparable contributions than a majority of the roster: 5, not 6"
    );
}

/// A coalition may not give up one of its members so that too few stand for a split.
#[test]
fn a_split_counts_those_present_and_not_those_left_standing() {
    // Six apart, three pushed the same way, and one of the coalition far out.
    let place = |i: usize| match i {
        0..6 => (0.0, 1.0),
        9 => (0.0, 40.0),
        _ => (2.0, 1.0),
    };
    let geometry = Geometry::from_fn(ONE_BLOCK, 10, |i, j| {
        let ((a, own), (b, other)) = (place(i), place(j));
        vec![(a - b) * (a - b) / 4.0 + own * own + other * other]
    });
    assert_eq!(isolated(&strict(10, &subjects(10), &geometry)), [6, 7, 8, 9]);
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
    let distances = Geometry::from_fn(4096, n, |i, j| {
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
    let distances = Geometry::from_fn(ONE_BLOCK, 5, |i, j| {
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
    let geometry = Geometry::from_fn(ONE_BLOCK, 11, |i, j| {
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

    /// The promise of `docs/TRUST.md`: with f ≤ h − 2 liars anywhere, an honest author is isolated
    /// by its radius only if Δ² > c2 δ², as widened for few authors.
    #[test]
    fn honest_authors_fall_only_where_they_are_spread_unevenly(
        honest in prop::collection::vec((0.0f64..3.0, 0.0f64..3.0), 3..8),
        liars in prop::collection::vec((-4.0f64..7.0, -4.0f64..7.0), 0..3),
        near in prop::collection::vec((any::<prop::sample::Index>(), -0.1f64..0.1), 0..3),
    ) {
        let beside = |(to, by): &(prop::sample::Index, f64)| {
            let (x, y) = honest[to.index(honest.len())];
            (x + by, y - by)
        };
        let points: Vec<(f64, f64)> =
            honest.iter().copied().chain(liars).chain(near.iter().map(beside)).collect();
        let (n, f) = (points.len(), points.len() - honest.len());
        let h = majority(n);
        // Without the split, which begins at ten authors.
        prop_assume!(n < 10 && f + 2 <= h);
        let squared = |i: usize, j: usize| {
            let (dx, dy) = (points[i].0 - points[j].0, points[i].1 - points[j].1);
            dx * dx + dy * dy
        };
        let geometry = Geometry::from_fn(ONE_BLOCK, n, |i, j| vec![squared(i, j)]);
        let constants = Profile::Strict.constants();
        let trust = strict(n, &subjects(n), &geometry);
        // Groups change who counts.
        prop_assume!(trust.iter().all(|t| t.provenance == Q16::ONE));
        let pairs = (0..honest.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
        let between: Vec<f64> = pairs.map(|(i, j)| squared(i, j)).collect();
        let greatest = between.iter().copied().fold(0.0, f64::max);
        let least = between.iter().copied().fold(f64::INFINITY, f64::min);
        let c2 = 2.75 * noise::widening(&constants, 2.75, h, ONE_BLOCK);
        if trust[..honest.len()].iter().any(Trust::is_isolated) {
            prop_assert!(greatest > c2 * least * (1.0 - 1e-4), "{greatest} {least} {trust:?}");
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
