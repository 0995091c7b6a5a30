//! Names, and each vector attack on small matrices: does it do what it says?

use super::crowd::Crowd;
use super::{Attack, Scene, Target};
use crate::seeds::Seeds;
use espalier_identity::Digest;
use espalier_tensor::kernels::squared_distance;
use proptest::prelude::*;

/// Normal rows around (2, 2, …), the first coordinate four times as wide.
fn crowd(rows: usize, len: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut dice = Seeds(seed).rng("attack test", 0);
    let mut value = |k: usize| 2.0 + dice.normal() * if k == 0 { 4.0 } else { 1.0 };
    (0..rows).map(|_| (0..len).map(|k| value(k) as f32).collect()).collect()
}

fn scene<'a>(honest: &'a [Vec<f32>], own: &'a [Vec<f32>]) -> Scene<'a> {
    let roster = honest.len() + own.len();
    Scene { honest, own, roster, key: Digest::ZERO, target: None, previous: None }
}

fn forge(attack: &str, scene: &Scene<'_>) -> Vec<Vec<f32>> {
    attack.parse::<Attack>().expect(attack).forge(scene)
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    libm::sqrt(squared_distance(a, b))
}

fn narrow(row: &[f64]) -> Vec<f32> {
    row.iter().map(|x| *x as f32).collect()
}

/// max |a − b| over all elements of both.
fn apart(a: &[Vec<f32>], b: &[Vec<f32>]) -> f32 {
    let pairs = a.iter().flatten().zip(b.iter().flatten());
    pairs.fold(0.0, |most, (x, y)| most.max((x - y).abs()))
}

#[test]
fn names_read_back() {
    for (form, _) in Attack::FORMS {
        let name = form.split(':').next().unwrap_or(form);
        let attack: Attack = name.parse().expect(name);
        assert_eq!(attack.to_string().parse(), Ok(attack));
        let full = form.replace(":T", ":0.25").replace(":S", ":2").replace(":K", ":3");
        let full = full.replace(":R", ":1.5").replace(":N", ":4");
        let attack: Attack = full.parse().expect(&full);
        assert_eq!(attack.to_string(), full);
    }
    assert_eq!("alie".parse::<Attack>(), "alie:1.5:0".parse());
    assert_ne!("alie".parse::<Attack>(), "alie:1.5:1".parse());
    assert_eq!("alie".parse::<Attack>().expect("alie").to_string(), "alie:1.5");
    assert_eq!("withhold".parse::<Attack>().expect("withhold").to_string(), "withhold");
    let error = "sign-flop".parse::<Attack>().expect_err("no such attack");
    assert!(
        error.to_string().contains("is not an attack (did you mean `sign-flip`?); there are "),
        "{error}"
    );
    let error = "scale:x".parse::<Attack>().expect_err("no number");
    assert_eq!(error.to_string(), "`scale:x` is not scale:K with a finite number");
    let error = "alie:1:2:3".parse::<Attack>().expect_err("one too many");
    assert_eq!(error.to_string(), "`alie:1:2:3` is not alie:T:S with finite numbers");
    assert!("scale:NaN".parse::<Attack>().is_err());
    let error = "withhold:2.5".parse::<Attack>().expect_err("no round");
    assert_eq!(error.to_string(), "`withhold:2.5` is not withhold:N with the number of a round");
    assert!("nan:3".parse::<Attack>().is_err());
}

#[test]
fn what_needs_nobody_elses_rows() {
    let own = [vec![1.0, 2.0, 4.0]];
    let scene = scene(&[], &own);
    assert_eq!(forge("sign-flip", &scene), [[-1.0, -2.0, -4.0]]);
    assert_eq!(forge("label-flip", &scene), [[-1.0, -2.0, -4.0]]);
    assert_eq!(forge("scale:10", &scene), [[10.0, 20.0, 40.0]]);
    assert!(forge("nan", &scene)[0][0].is_nan());
    assert_eq!(forge("inf", &scene)[0][..2], [f32::INFINITY, 2.0]);
    assert_ne!(forge("gaussian:1", &scene), forge("gaussian:2", &scene));
    // Nobody to hide among.
    for (form, _) in Attack::FORMS.iter().filter(|(form, _)| form.contains(":S") || *form == "ring")
    {
        let name = form.split(':').next().unwrap_or(form);
        if name != "gaussian" {
            assert_eq!(forge(name, &scene), own, "{name}");
        }
    }
}

#[test]
fn gaussian_noise_has_the_size_it_says() {
    let own = [vec![2.0; 10_000], vec![2.0; 10_000]];
    let rows = forge("gaussian:3", &scene(&[], &own));
    let size = libm::sqrt(squared_distance(&rows[0], &vec![0.0; 10_000]) / 1e4);
    assert!((size - 6.0).abs() < 0.1, "{size}");
    assert_ne!(rows[0], rows[1]);
}

#[test]
fn ipm_and_alie_are_their_formulas() {
    let honest = [vec![1.0, 4.0], vec![3.0, 8.0]];
    let own = [vec![0.0, 0.0], vec![9.0, 9.0]];
    let scene = scene(&honest, &own);
    assert_eq!(forge("ipm", &scene), [[-1.0, -3.0]; 2]);
    assert_eq!(forge("ipm:2", &scene), [[-4.0, -12.0]; 2]);
    assert_eq!(forge("alie", &scene), [[3.5, 9.0]; 2]);
    assert_eq!(forge("alie:0", &scene), [[2.0, 6.0]; 2]);
    assert_eq!(forge("alie:-1", &scene), [[1.0, 4.0]; 2]);
}

#[test]
fn noise_has_the_honest_size_and_differs_between_liars() {
    let honest = crowd(12, 4_000, 1);
    let own = crowd(3, 4_000, 2);
    let scene = scene(&honest, &own);
    let radius = Crowd::new(&honest).radius();
    for attack in ["alie:1.5", "ipm:0.5", "top-component:1.5"] {
        let plain = forge(attack, &scene);
        assert_eq!(plain[0], plain[1], "{attack}");
        let noisy = forge(&format!("{attack}:2"), &scene);
        for (plain, noisy) in plain.iter().zip(&noisy) {
            let size = distance(plain, noisy) / radius;
            assert!((size - 2.0).abs() < 0.1, "{attack}: {size}");
        }
        assert_ne!(noisy[0], noisy[1]);
    }
    for attack in ["mimic", "min-max", "min-sum", "optimal-alie", "optimal-ipm"] {
        let (plain, noisy) = (forge(attack, &scene), forge(&format!("{attack}:1"), &scene));
        assert_eq!(plain[0], plain[2], "{attack}");
        assert_ne!(noisy[0], noisy[2], "{attack}");
    }
}

#[test]
fn mimics_copy_the_honest_row_that_reaches_farthest() {
    let honest = crowd(9, 50, 3);
    let own = crowd(2, 50, 4);
    let copied = forge("mimic", &scene(&honest, &own));
    let mean = Crowd::new(&honest).mean[0];
    let reach = |row: &&Vec<f32>| (f64::from(row[0]) - mean).abs();
    let far = honest.iter().max_by(|a, b| reach(a).total_cmp(&reach(b))).expect("nine");
    assert_eq!(copied, [far.clone(), far.clone()]);
}

/// The slow way of the paper: bisect γ.
fn bisected(honest: &[Vec<f32>], fits: impl Fn(&[f32]) -> bool) -> Vec<f32> {
    let crowd = Crowd::new(honest);
    let at = |gamma: f64| {
        let pushed = crowd.mean.iter().zip(&crowd.deviation).map(|(m, s)| m - gamma * s);
        narrow(&pushed.collect::<Vec<_>>())
    };
    let (mut low, mut high) = (0.0, 100.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if fits(&at(middle)) {
            low = middle;
        } else {
            high = middle;
        }
    }
    at(low)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn min_max_and_min_sum_are_the_largest_that_fit(seed in 0_u64..1000, n in 2_usize..9) {
        let honest = crowd(n, 40, seed);
        let own = crowd(2, 40, seed + 1);
        let to_all = |row: &[f32]| -> Vec<f64> {
            honest.iter().map(|x| squared_distance(x, row)).collect()
        };
        let most = |list: Vec<f64>| list.into_iter().fold(0.0, f64::max);
        let sum = |list: Vec<f64>| list.into_iter().fold(0.0, |sum, x| sum + x);
        let widest = most(honest.iter().map(|x| most(to_all(x))).collect());
        let slow = bisected(&honest, |row| most(to_all(row)) <= widest);
        let fast = forge("min-max", &scene(&honest, &own));
        prop_assert!(apart(&fast[..1], &[slow]) < 1e-3);
        let widest = most(honest.iter().map(|x| sum(to_all(x))).collect());
        let slow = bisected(&honest, |row| sum(to_all(row)) <= widest);
        let fast = forge("min-sum", &scene(&honest, &own));
        prop_assert!(apart(&fast[..1], &[slow]) < 1e-3);
    }
}

#[test]
fn a_line_keeps_its_points_apart_and_on_one_side() {
    let honest = crowd(11, 300, 5);
    let own = crowd(5, 300, 6);
    let rows = forge("spread:2", &scene(&honest, &own));
    let crowd = Crowd::new(&honest);
    let mean = narrow(&crowd.mean);
    for (i, row) in rows.iter().enumerate() {
        let from_mean = distance(row, &mean) / crowd.radius();
        assert!((from_mean - 2.0 * (i + 1) as f64 / 5.0).abs() < 1e-4, "{from_mean}");
        let gap = rows[..i].iter().map(|other| distance(row, other) / crowd.radius());
        assert!(gap.fold(9.0, f64::min) > 0.399);
    }
}

#[test]
fn three_groups_have_three_centres() {
    let honest = crowd(20, 2_000, 7);
    let own = crowd(9, 2_000, 8);
    let rows = forge("groups:30", &scene(&honest, &own));
    let radius = Crowd::new(&honest).radius();
    for i in 0..9 {
        for j in 0..i {
            let gap = distance(&rows[i], &rows[j]) / radius;
            assert_eq!(gap < 2.0, i % 3 == j % 3, "{i} {j}: {gap}");
            assert!(gap > 0.5, "no two are near duplicates");
        }
    }
}

#[test]
fn a_ring_is_just_outside_the_majority_and_in_all_directions() {
    let honest = crowd(9, 500, 9);
    let own = crowd(4, 500, 10);
    let rows = forge("ring", &scene(&honest, &own));
    let crowd = Crowd::new(&honest);
    let mut radii = crowd.radii();
    radii.sort_by(f64::total_cmp);
    // A majority of 13 is 7.
    for row in &rows {
        let at = distance(row, &narrow(&crowd.mean)) / radii[6];
        assert!((at - 1.1).abs() < 1e-4, "{at}");
    }
    let gap = distance(&rows[0], &rows[3]);
    assert!(gap > radii[6], "{gap}");
}

#[test]
fn one_block_is_pushed_and_the_rest_looks_honest() {
    let honest = crowd(20, 1_600, 11);
    let own = crowd(3, 1_600, 12);
    let rows = forge("block:50", &scene(&honest, &own));
    let crowd = Crowd::new(&honest);
    let off = |row: &[f32], k: usize| (f64::from(row[k]) - crowd.mean[k]) / crowd.deviation[k];
    for row in &rows {
        let far: Vec<usize> = (0..1_600).filter(|&k| off(row, k).abs() > 20.0).collect();
        assert_eq!(far.len(), 100);
        assert_eq!((far[0] % 100, far[99] - far[0]), (0, 99), "one contiguous block");
    }
    assert_ne!(rows[0], rows[1]);
    // Rows shorter than sixteen have fewer blocks.
    let short = crowd_of_three();
    assert_eq!(forge("block", &scene(&short, &short[..1])).len(), 1);
}

fn crowd_of_three() -> Vec<Vec<f32>> {
    crowd(3, 3, 13)
}

#[test]
fn the_top_component_is_pushed_along_and_nothing_else() {
    let honest = crowd(40, 30, 14);
    let own = crowd(2, 30, 15);
    let rows = forge("top-component:3", &scene(&honest, &own));
    let crowd = Crowd::new(&honest);
    let (direction, deviation) = crowd.top();
    // The first coordinate is the wide one.
    assert!(direction[0].abs() > 0.95 && (3.0..5.0).contains(&deviation));
    let push = distance(&rows[0], &narrow(&crowd.mean));
    assert!((push / deviation - 3.0).abs() < 1e-4);
    let along: f64 = direction.iter().zip(&crowd.mean).map(|(d, m)| d * m).sum();
    assert!(along < 0.0, "against the mean");
}

#[test]
fn drift_pushes_the_same_way_in_every_round() {
    let own = crowd(4, 200, 17);
    let first = crowd(9, 200, 16);
    let scene_1 = scene(&first, &own);
    let push_1 = scene_1.push(&forge("drift:0.3", &scene_1));
    let second = crowd(9, 200, 18);
    let key = Digest::of_content(b"another round");
    let scene_2 = Scene { key, previous: Some(&push_1), ..scene(&second, &own) };
    let rows = forge("drift:0.3", &scene_2);
    let push_2 = scene_2.push(&rows);
    let deviation = Crowd::new(&second).deviation;
    for (k, deviation) in deviation.iter().enumerate() {
        assert_eq!(push_1[k] < 0.0, push_2[k] < 0.0, "{k}");
        let size = f64::from(push_2[k].abs()) / deviation;
        assert!((size - 0.3).abs() < 1e-3, "{size}");
    }
    assert!(push_1.iter().any(|x| *x < 0.0) && push_1.iter().any(|x| *x > 0.0));
    assert_ne!(rows[0], rows[1]);
    assert!(scene_2.push(&[]).is_empty());
    // What cannot be the last push is none.
    let forgetful = Scene { previous: Some(&[]), ..scene(&first, &own) };
    assert_eq!(forge("drift:0.3", &forgetful), forge("drift:0.3", &scene_1));
}

/// Squared distance of the mean of everything from the honest mean.
fn harm(target: &Target<'_>, honest: &[Vec<f32>], forged: &[Vec<f32>]) -> f64 {
    let mean = narrow(&Crowd::new(honest).mean);
    squared_distance(&target(&[honest, forged].concat()), &mean)
}

/// The mean of the rows within `radius` of the coordinate-wise median.
fn ball(rows: &[Vec<f32>], radius: f64) -> Vec<f32> {
    let centre = super::crowd::trimmed_mean(rows, rows.len());
    let near = |row: &&Vec<f32>| distance(row, &narrow(&centre)) <= radius;
    narrow(&super::crowd::trimmed_mean(&rows.iter().filter(near).cloned().collect::<Vec<_>>(), 0))
}

#[test]
fn searches_beat_every_fixed_factor_they_could_have_chosen() {
    let honest = crowd(13, 64, 19);
    let own = crowd(5, 64, 20);
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let target = |rows: &[Vec<f32>]| {
        asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        ball(rows, 14.0)
    };
    let plain = scene(&honest, &own);
    let aimed = Scene { target: Some(&target), ..scene(&honest, &own) };
    let of = |rows: Vec<Vec<f32>>| harm(&|rows| ball(rows, 14.0), &honest, &rows);
    let questions = |attack: &str| {
        asked.store(0, std::sync::atomic::Ordering::Relaxed);
        let harm = of(forge(attack, &aimed));
        (harm, asked.load(std::sync::atomic::Ordering::Relaxed))
    };
    let (alie, asked_alie) = questions("optimal-alie");
    let (ipm, asked_ipm) = questions("optimal-ipm");
    let (white, asked_white) = questions("white-box");
    assert_eq!([asked_alie, asked_ipm, asked_white], [24, 24, 110]);
    for t in [0.1, 0.5, 1.0, 1.5, 2.0, 5.0] {
        assert!(alie >= of(forge(&format!("alie:{t}"), &plain)), "alie:{t}");
        assert!(ipm >= of(forge(&format!("ipm:{t}"), &plain)), "ipm:{t}");
    }
    // Noise costs it room, but it may choose among more directions.
    assert!(white > 0.5 * alie.max(ipm), "{white} against {alie} and {ipm}");
    // A search that knows the target is not worse than one that guesses it.
    assert!(alie >= of(forge("optimal-alie", &plain)));
}

#[test]
fn a_target_that_breaks_is_not_taken_for_a_success() {
    let honest = crowd(5, 8, 21);
    let own = crowd(2, 8, 22);
    let target = |rows: &[Vec<f32>]| {
        let last = &rows[rows.len() - 1];
        last.iter().map(|x| if x.abs() > 10.0 { f32::NAN } else { *x }).collect::<Vec<_>>()
    };
    let scene = Scene { target: Some(&target), ..scene(&honest, &own) };
    for attack in ["optimal-alie", "optimal-ipm", "white-box"] {
        let rows = forge(attack, &scene);
        assert!(rows.iter().flatten().all(|x| x.is_finite() && x.abs() <= 20.0), "{attack}");
    }
}

#[test]
fn every_attack_forges_a_row_per_liar_whatever_the_scene() {
    let one = [vec![1.0_f32, 2.0]];
    let same = [[3.0_f32, 3.0]; 4].map(Vec::from);
    let empty = [Vec::new(), Vec::new()];
    for (form, _) in Attack::FORMS {
        let name = form.split(':').next().unwrap_or(form);
        assert_eq!(forge(name, &scene(&one, &[])).len(), 0, "{name}");
        assert_eq!(forge(name, &scene(&empty, &empty)), empty, "{name}");
        for (honest, own) in [(&one[..], &same[..]), (&same[..], &one[..])] {
            let rows = forge(name, &scene(honest, own));
            assert_eq!(rows.len(), own.len(), "{name}");
            let finite = rows.iter().flatten().all(|x| x.is_finite());
            assert_eq!(finite, !["nan", "inf"].contains(&name), "{name}");
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let honest = crowd(7, 5_000, 23);
    let own = crowd(3, 5_000, 24);
    let scene = scene(&honest, &own);
    let single = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    let many = rayon::ThreadPoolBuilder::new().num_threads(5).build().expect("five threads");
    for (form, _) in Attack::FORMS {
        let name = form.split(':').next().unwrap_or(form);
        let bits =
            |rows: Vec<Vec<f32>>| rows.iter().flatten().map(|x| x.to_bits()).collect::<Vec<_>>();
        let one = single.install(|| bits(forge(name, &scene)));
        assert_eq!(one, many.install(|| bits(forge(name, &scene))), "{name}");
    }
}
