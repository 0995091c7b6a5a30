//! Which methods merge well: eight tasks, one network for each, and one network merged of all.
//!
//! The tasks are to read handwritten digits that are turned by 0°, 45° … 315°. A base network is
//! trained on a few digits turned in all these ways; for each task its hidden layers are trained
//! further, while the last layer stays: once all their weights, and once through adapters of low
//! rank. The eight networks are merged by each method, and the accuracy of the result is its mean
//! over the eight tasks.
//!
//! Where a method has a factor λ for what it adds to the base, the λ that is best on validation
//! images is taken, of the same values for all methods; what is reported is the accuracy on images
//! that neither training nor this choice have seen. Three seeds deal out the images and start the
//! networks. The same bits come out on every machine.
//!
//! ```text
//! cargo run --release -p espalier-resolve --example quality
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

mod adapter;
mod digits;
mod merge;
mod network;

use digits::{Dice, Example, Images};
use merge::{Candidate, candidates};
use network::{Learns, Network, Training};
use rayon::prelude::*;

const SEEDS: u32 = 3;
/// The tasks, by how far the digits are turned.
const DEGREES: [f64; 8] = [0.0, 45.0, 90.0, 135.0, 180.0, 225.0, 270.0, 315.0];
/// What λ may be.
const FACTORS: [f64; 18] =
    [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0];
/// Images on which the base network is trained, each turned in one of these ways.
const SHOWN: usize = 200;
const BASE: Training = Training { learns: Learns::All, steps: 3000, rate: 0.05, batch: 16 };
/// The two ways to train a network for a task.
const FULL: Training = Training { learns: Learns::Hidden, steps: 1100, rate: 0.05, batch: 16 };
const ADAPTERS: Training = Training { learns: Learns::Adapters(8), ..FULL };

/// What one seed found of a method, or of something to compare it with.
struct Found {
    factor: Option<f64>,
    accuracy: f64,
}

/// Everything that one seed deals out and trains.
struct Course {
    base: Network,
    tuned: Vec<Network>,
    validation: Vec<Vec<Example>>,
    test: Vec<Vec<Example>>,
}

impl Course {
    fn new(images: &Images, seed: u32, training: &Training) -> Self {
        let (train, validation, test) = images.dealt(&mut Dice::new("deal", seed, 0));
        let mut dice = Dice::new("base", seed, 0);
        let mixed: Vec<Example> = train[..SHOWN]
            .iter()
            .map(|image| image.turned(DEGREES[dice.below(DEGREES.len())]))
            .collect();
        let mut base = Network::new(&mut dice);
        base.train(&mixed, &BASE, &mut dice);
        let turned = |images: &[Example], degrees: f64| -> Vec<Example> {
            images.iter().map(|image| image.turned(degrees)).collect()
        };
        let tune = |(task, &degrees): (usize, &f64)| {
            let mut network = base.clone();
            let mut dice = Dice::new("task", seed, task as u32);
            network.train(&turned(&train, degrees), training, &mut dice);
            network
        };
        let tuned = DEGREES.par_iter().enumerate().map(tune).collect();
        let all = |images: &[Example]| DEGREES.map(|degrees| turned(images, degrees)).to_vec();
        Self { validation: all(&validation), test: all(&test), base, tuned }
    }

    /// The accuracy of each task's own network, changed in some way.
    fn own(&self, change: impl Fn(Network) -> Network + Sync) -> f64 {
        let tasks = self.tuned.par_iter().zip(&self.test);
        let each: Vec<f64> =
            tasks.map(|(own, task)| 100.0 * change(own.clone()).accuracy(task)).collect();
        each.iter().sum::<f64>() / each.len() as f64
    }

    fn judge(&self, candidate: &Candidate) -> Found {
        let merged = candidate.merge(&self.base, &self.tuned);
        if !candidate.scales() {
            return Found { factor: None, accuracy: accuracy(&merged, &self.test) };
        }
        let score = |factor: f64| accuracy(&self.base.towards(&merged, factor), &self.validation);
        let scores: Vec<f64> = FACTORS.par_iter().map(|&factor| score(factor)).collect();
        let best = (0..FACTORS.len()).rev().max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        let factor = FACTORS[best.unwrap_or_default()];
        let accuracy = accuracy(&self.base.towards(&merged, factor), &self.test);
        Found { factor: Some(factor), accuracy }
    }
}

/// The mean over the tasks, in percent.
fn accuracy(network: &Network, tasks: &[Vec<Example>]) -> f64 {
    100.0 * tasks.iter().map(|task| network.accuracy(task)).sum::<f64>() / tasks.len() as f64
}

fn main() {
    let images = Images::read();
    for (title, training) in [("All weights", FULL), ("Adapters of rank 8", ADAPTERS)] {
        println!("{title}:\n");
        table(&images, &training);
        println!();
    }
}

/// Prints what all methods make of networks that were trained in one way.
fn table(images: &Images, training: &Training) {
    let courses: Vec<Course> =
        (1..=SEEDS).map(|seed| Course::new(images, seed, training)).collect();
    let plain = |accuracy: f64| Found { factor: None, accuracy };
    let base = courses.iter().map(|course| plain(accuracy(&course.base, &course.test)));
    let own = |course: &Course| plain(course.own(|own| own));
    let mut lines = vec![
        line("base network", "", &base.collect::<Vec<_>>()),
        line("its own network for each task", "", &courses.iter().map(own).collect::<Vec<_>>()),
    ];
    for candidate in candidates().filter(|candidate| candidate.name() == "star") {
        let cut = |course: &Course| plain(course.own(|own| candidate.merge(&course.base, &[own])));
        let found: Vec<Found> = courses.iter().map(cut).collect();
        lines.push(line("its own network, by `star` alone", &candidate.parameters(), &found));
    }
    for candidate in candidates() {
        let found: Vec<Found> = courses.iter().map(|course| course.judge(&candidate)).collect();
        lines.push(line(&format!("`{}`", candidate.name()), &candidate.parameters(), &found));
    }
    lines.sort_by(|a, b| a.0.total_cmp(&b.0));
    println!("| Method | Parameters | λ of each seed | Accuracy | Seeds |");
    println!("|---|---|---|---|---|");
    lines.iter().for_each(|(_, text)| println!("{text}"));
}

/// A line of the table, with the accuracy by which it is sorted.
fn line(name: &str, parameters: &str, found: &[Found]) -> (f64, String) {
    let mean = found.iter().map(|found| found.accuracy).sum::<f64>() / found.len() as f64;
    let list = |texts: Vec<String>| texts.join(", ");
    let factors =
        list(found.iter().filter_map(|found| found.factor).map(|f| f.to_string()).collect());
    let each = list(found.iter().map(|found| format!("{:.1}", found.accuracy)).collect());
    let shown = |text: &str| if text.is_empty() { "–".to_owned() } else { text.to_owned() };
    let (parameters, factors) = (shown(parameters), shown(&factors));
    (mean, format!("| {name} | {parameters} | {factors} | {mean:.1} | {each} |"))
}
