//! The score compared with a separate program in another language: `fixtures/trust/make.py`.

use super::*;
use crate::geometry::blocks_of;
use espalier_testkit::fixture_path;

/// The same numbers as the program draws.
struct Dice(u64);

impl Dice {
    fn draw(&mut self) -> f64 {
        (0..4).fold(0.0, |total, _| {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005);
            self.0 = self.0.wrapping_add(1_442_695_040_888_963_407);
            total + (self.0 >> 40) as f64 / f64::from(1 << 24) - 0.5
        })
    }

    fn row(&mut self, scale: f64, d: usize) -> Vec<f64> {
        (0..d).map(|_| scale * self.draw()).collect()
    }
}

struct Case<'a> {
    kind: &'a str,
    n: usize,
    f: usize,
    d: usize,
    seed: u64,
    shift: f64,
    noise: f64,
}

impl Case<'_> {
    fn contributions(&self) -> Vec<Vec<f64>> {
        let mut dice = Dice(self.seed);
        let push = dice.row(1.0, self.d);
        let size = |i: usize| if self.kind == "uneven" { 1.0 + (i % 4) as f64 / 4.0 } else { 1.0 };
        let mut rows: Vec<Vec<f64>> =
            (0..self.n - self.f).map(|i| dice.row(size(i), self.d)).collect();
        if self.kind == "groups" {
            let other = dice.row(1.0, self.d);
            for row in rows.iter_mut().step_by(3) {
                row.iter_mut().zip(&other).for_each(|(x, o)| *x += o);
            }
        }
        for _ in 0..self.f {
            let own = dice.row(self.noise, self.d);
            let own = if self.kind == "copies" { vec![0.0; self.d] } else { own };
            let pushed = if self.kind == "block" { self.d / 16 } else { self.d };
            let liar = own
                .iter()
                .enumerate()
                .map(|(k, o)| self.shift * if k < pushed { push[k] } else { 0.0 } + o);
            rows.push(liar.collect());
        }
        rows
    }
}

fn squared_by_block(a: &[f64], b: &[f64]) -> Vec<f64> {
    let pairs: Vec<_> = a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).collect();
    pairs.chunks(a.len() / blocks_of(a.len() as u64)).map(|block| block.iter().sum()).collect()
}

#[test]
fn every_case_of_the_fixture_agrees_with_the_program() {
    let text = std::fs::read_to_string(fixture_path("trust/cases.txt")).expect("the fixture");
    let mut cases = 0;
    for line in text.lines() {
        let (case, weights) = line.split_once(" | ").expect("a case and its weights");
        let word: Vec<&str> = case.split(' ').collect();
        let number = |at: usize| word[at].parse::<f64>().expect("a number");
        let [n, f, d] = [2, 3, 4].map(|at| number(at) as usize);
        let (shift, noise) = (number(6), number(7));
        let rows =
            Case { kind: word[1], n, f, d, seed: number(5) as u64, shift, noise }.contributions();
        let profile = if word[0] == "strict" { Profile::Strict } else { Profile::Clustered };
        let geometry = Geometry::from_fn(d as u64, n, |i, j| squared_by_block(&rows[i], &rows[j]));
        let subject = |i: usize| {
            let bytes = [i as u8; 32];
            Subject::new(PeerId::from_bytes(bytes), Digest::from_bytes(bytes), i, 0)
        };
        let subjects: Vec<_> = (0..n).map(subject).collect();
        let trust = score(n, &subjects, &geometry, &profile.constants()).trust;
        let found: Vec<f64> = trust.iter().map(|t| t.overall().to_f64()).collect();
        let expected: Vec<f64> = weights.split(' ').map(|w| w.parse().expect("w")).collect();
        let far = found.iter().zip(&expected).any(|(x, y)| (x - y).abs() > 2e-4);
        assert!(!far, "{case}:\nfound    {found:.3?}\nexpected {expected:.3?}");
        cases += 1;
    }
    assert!(cases >= 100, "{cases} cases");
}
