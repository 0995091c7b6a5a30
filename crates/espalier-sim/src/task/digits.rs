//! The embedded task: small images of handwritten digits and a small network that reads them.
//!
//! E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*, UCI Machine Learning
//! Repository, 1998, CC BY 4.0. 1,797 images of 8 × 8 pixels. Every run splits them by its seed
//! into a common test part, a small public part on which the base model is trained, and one part
//! per node, of which the node keeps a fifth for validation.
//!
//! The network is 64 → 32 → 10 with ReLU and softmax, trained by plain stochastic gradient descent
//! in f32. Loops are written so that no compiler may reorder a sum, and `exp` comes from libm.

use crate::config::Spread;
use crate::seeds::{Dice, Seeds};
use espalier_tensor::Model;
use std::io::Read as _;

const PIXELS: usize = 64;
const HIDDEN: usize = 32;
const CLASSES: usize = 10;
const DATA: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/digits.csv.gz"));

/// Share of the images that are the common test part.
const TEST_SHARE: usize = 5;
/// Share of a node's images that it keeps for validation.
const VALIDATION_SHARE: usize = 5;
/// Images that everybody has: the base model is trained on them.
const PUBLIC: usize = 60;
/// Steps of gradient descent for the base model.
const BASE_STEPS: usize = 120;
/// Steps of gradient descent at a node, however few images it has.
const STEPS: usize = 160;
const BATCH: usize = 8;
const RATE: f32 = 0.1;

/// An image with what it shows.
#[derive(Debug, Clone)]
pub(crate) struct Example {
    pixels: [f32; PIXELS],
    class: usize,
}

/// The images of one run, dealt out.
#[derive(Debug)]
pub(crate) struct Digits {
    test: Vec<Example>,
    public: Vec<Example>,
    nodes: Vec<Part>,
}

/// One node's images.
#[derive(Debug, Default)]
struct Part {
    train: Vec<Example>,
    validation: Vec<Example>,
}

/// Reads the embedded images. They are part of the program, so they are what they should be.
fn images() -> Vec<Example> {
    let mut text = String::new();
    let mut data = flate2::read::GzDecoder::new(DATA);
    data.read_to_string(&mut text).expect("the embedded images unpack");
    let mut rows = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let example = |row: csv::StringRecord| {
        let mut pixels = [0.0; PIXELS];
        for (pixel, field) in pixels.iter_mut().zip(row.iter()) {
            *pixel = field.parse::<f32>().expect("a number") / 16.0;
        }
        Example { pixels, class: row[PIXELS].parse().expect("a class") }
    };
    rows.records().map(|row| example(row.expect("a row of 65 numbers"))).collect()
}

impl Digits {
    /// Deals the images out among `nodes`. Every node gets at least two.
    pub(crate) fn new(nodes: usize, spread: Spread, seeds: Seeds) -> Self {
        let mut all = images();
        let mut dice = seeds.rng("digits split", 0);
        dice.shuffle(&mut all);
        let test = all.split_off(all.len() - all.len() / TEST_SHARE);
        let public = all.split_off(all.len() - PUBLIC);
        let shares = class_shares(nodes, spread, &mut dice);
        let mut parts: Vec<Vec<Example>> = vec![Vec::new(); nodes];
        for example in all {
            let mut ticket = dice.unit() * shares.iter().map(|s| s[example.class]).sum::<f64>();
            let owner = shares.iter().position(|share| {
                ticket -= share[example.class];
                ticket < 0.0
            });
            parts[owner.unwrap_or(nodes - 1)].push(example);
        }
        level(&mut parts);
        let nodes = parts.into_iter().map(|mut train| {
            let keep = train.len() - (train.len() / VALIDATION_SHARE).max(1);
            let validation = train.split_off(keep);
            Part { train, validation }
        });
        Self { test, public, nodes: nodes.collect() }
    }

    /// The network from which everybody starts: seeded, and trained a little on the public part.
    pub(crate) fn base(&self, seeds: Seeds) -> Model {
        let mut dice = seeds.rng("digits base", 0);
        let mut weights = |inputs: usize, outputs: usize| -> Vec<f32> {
            let scale = libm::sqrt(2.0 / inputs as f64);
            (0..inputs * outputs).map(|_| (scale * dice.normal()) as f32).collect()
        };
        let hidden = weights(PIXELS, HIDDEN);
        let output = weights(HIDDEN, CLASSES);
        let (hidden_bias, output_bias) = (vec![0.0; HIDDEN], vec![0.0; CLASSES]);
        let mut network = Network { hidden, hidden_bias, output, output_bias };
        network.descend(&self.public, BASE_STEPS, &mut dice);
        network.to_model()
    }

    /// Trains on the part of `node`, from `start`.
    pub(crate) fn train(&self, node: usize, start: &Model, mut dice: Dice) -> Option<Model> {
        let mut network = Network::from_model(start)?;
        network.descend(&self.nodes[node].train, STEPS, &mut dice);
        Some(network.to_model())
    }

    /// The same with every class c taken for 9 − c.
    pub(crate) fn mislead(&self, node: usize, start: &Model, mut dice: Dice) -> Option<Model> {
        let mut network = Network::from_model(start)?;
        let mut part = self.nodes[node].train.clone();
        part.iter_mut().for_each(|example| example.class = CLASSES - 1 - example.class);
        network.descend(&part, STEPS, &mut dice);
        Some(network.to_model())
    }

    /// The gradient of the loss of a model on the private validation part of `node`.
    pub(crate) fn gradient(&self, node: usize, model: &Model) -> Option<Model> {
        let part = &self.nodes[node].validation;
        Network::from_model(model).map(|network| network.gradient(part.iter()).to_model())
    }

    /// How many images `node` trains on.
    pub(crate) fn samples(&self, node: usize) -> u64 {
        self.nodes[node].train.len() as u64
    }

    /// Accuracy on the common test part, 0 to 1.
    pub(crate) fn accuracy(&self, model: &Model) -> Option<f64> {
        Network::from_model(model).map(|network| network.accuracy(&self.test))
    }

    /// Accuracy on the private validation part of `node`, 0 to 1.
    pub(crate) fn validation(&self, node: usize, model: &Model) -> Option<f64> {
        Network::from_model(model).map(|network| network.accuracy(&self.nodes[node].validation))
    }
}

/// Per node the relative share of each class.
fn class_shares(nodes: usize, spread: Spread, dice: &mut Dice) -> Vec<[f64; CLASSES]> {
    let dirichlet = |dice: &mut Dice, a: f64| {
        let mut shares = vec![[0.0; CLASSES]; nodes];
        for class in 0..CLASSES {
            for share in &mut shares {
                share[class] = dice.gamma(a).max(1e-12);
            }
        }
        shares
    };
    match spread {
        Spread::Iid => vec![[1.0; CLASSES]; nodes],
        Spread::Mild => dirichlet(dice, 10.0),
        Spread::Strong => dirichlet(dice, 1.0),
        Spread::Dirichlet(a) => dirichlet(dice, a),
        Spread::Clusters(k) => {
            let of = |node: usize, class: usize| {
                if class % k as usize == node % k as usize { 1.0 } else { 1e-12 }
            };
            let share = |node| std::array::from_fn(|class| of(node, class));
            (0..nodes).map(share).collect()
        }
    }
}

/// Moves images from the richest to whoever has fewer than two: one to train, one to validate.
fn level(parts: &mut [Vec<Example>]) {
    while let Some(poor) = (0..parts.len()).find(|&i| parts[i].len() < 2) {
        let richest = (0..parts.len()).max_by_key(|&i| (parts[i].len(), std::cmp::Reverse(i)));
        let moved = richest.filter(|&i| parts[i].len() > 2).and_then(|i| parts[i].pop());
        match moved {
            Some(example) => parts[poor].push(example),
            // More nodes than images: the rest share copies.
            None => {
                let copies: Vec<_> = match richest.map(|i| &parts[i]) {
                    Some(part) if part.len() > 1 => part.clone(),
                    _ => parts.iter().flatten().take(2).cloned().collect(),
                };
                parts[poor] = copies;
            }
        }
    }
}

/// Weights are stored input by input, so that inner loops run over outputs.
struct Network {
    hidden: Vec<f32>,
    hidden_bias: Vec<f32>,
    output: Vec<f32>,
    output_bias: Vec<f32>,
}

/// out += input × weights, one input after the other.
fn layer(input: &[f32], weights: &[f32], out: &mut [f32]) {
    for (x, row) in input.iter().zip(weights.chunks_exact(out.len())) {
        for (o, w) in out.iter_mut().zip(row) {
            *o += x * w;
        }
    }
}

impl Network {
    fn to_model(&self) -> Model {
        Model::from_f32(&[
            ("hidden.weight", &[PIXELS as u64, HIDDEN as u64], &self.hidden),
            ("hidden.bias", &[HIDDEN as u64], &self.hidden_bias),
            ("output.weight", &[HIDDEN as u64, CLASSES as u64], &self.output),
            ("output.bias", &[CLASSES as u64], &self.output_bias),
        ])
        .expect("four tensors of fixed shapes")
    }

    fn from_model(model: &Model) -> Option<Self> {
        let tensor = |name: &str, len: usize| model.values_f32(name).filter(|v| v.len() == len);
        Some(Self {
            hidden: tensor("hidden.weight", PIXELS * HIDDEN)?,
            hidden_bias: tensor("hidden.bias", HIDDEN)?,
            output: tensor("output.weight", HIDDEN * CLASSES)?,
            output_bias: tensor("output.bias", CLASSES)?,
        })
    }

    /// Hidden activations and class scores.
    fn forward(&self, example: &Example) -> ([f32; HIDDEN], [f32; CLASSES]) {
        let mut hidden = [0.0; HIDDEN];
        hidden.copy_from_slice(&self.hidden_bias);
        layer(&example.pixels, &self.hidden, &mut hidden);
        hidden.iter_mut().for_each(|h| *h = h.max(0.0));
        let mut scores = [0.0; CLASSES];
        scores.copy_from_slice(&self.output_bias);
        layer(&hidden, &self.output, &mut scores);
        (hidden, scores)
    }

    /// So many steps on batches drawn without replacement, pass by pass.
    fn descend(&mut self, part: &[Example], steps: usize, dice: &mut Dice) {
        let mut order: Vec<usize> = (0..part.len()).collect();
        let mut done = 0;
        while done < steps {
            dice.shuffle(&mut order);
            for batch in order.chunks(BATCH).take(steps - done) {
                self.step(batch.iter().map(|&i| &part[i]), RATE / batch.len() as f32);
                done += 1;
            }
        }
    }

    /// One descent step on the summed cross-entropy of a batch.
    fn step<'a>(&mut self, batch: impl Iterator<Item = &'a Example>, rate: f32) {
        let change = self.gradient(batch);
        let pairs = [
            (&mut self.hidden, change.hidden),
            (&mut self.hidden_bias, change.hidden_bias),
            (&mut self.output, change.output),
            (&mut self.output_bias, change.output_bias),
        ];
        for (weights, change) in pairs {
            weights.iter_mut().zip(change).for_each(|(w, c)| *w -= rate * c);
        }
    }

    /// The gradient of the summed cross-entropy of a batch.
    fn gradient<'a>(&self, batch: impl Iterator<Item = &'a Example>) -> Self {
        let mut change = Self {
            hidden: vec![0.0; self.hidden.len()],
            hidden_bias: vec![0.0; HIDDEN],
            output: vec![0.0; self.output.len()],
            output_bias: vec![0.0; CLASSES],
        };
        for example in batch {
            let (hidden, scores) = self.forward(example);
            let mut error = softmax(&scores);
            error[example.class] -= 1.0;
            let mut back = [0.0; HIDDEN];
            for (h, row) in self.output.chunks_exact(CLASSES).enumerate() {
                let sum = row.iter().zip(&error).fold(0.0, |sum, (w, e)| sum + w * e);
                back[h] = if hidden[h] > 0.0 { sum } else { 0.0 };
            }
            outer(&hidden, &error, &mut change.output);
            outer(&example.pixels, &back, &mut change.hidden);
            layer(&[1.0], &error, &mut change.output_bias);
            layer(&[1.0], &back, &mut change.hidden_bias);
        }
        change
    }

    fn accuracy(&self, examples: &[Example]) -> f64 {
        let right = examples.iter().filter(|example| {
            let (_, scores) = self.forward(example);
            let best =
                (0..CLASSES).max_by(|&a, &b| scores[a].total_cmp(&scores[b]).then(b.cmp(&a)));
            best == Some(example.class)
        });
        right.count() as f64 / examples.len().max(1) as f64
    }
}

/// out[i, j] += a[i] b[j].
fn outer(a: &[f32], b: &[f32], out: &mut [f32]) {
    for (x, row) in a.iter().zip(out.chunks_exact_mut(b.len())) {
        for (o, y) in row.iter_mut().zip(b) {
            *o += x * y;
        }
    }
}

fn softmax(scores: &[f32; CLASSES]) -> [f32; CLASSES] {
    let top = scores.iter().copied().fold(f32::MIN, f32::max);
    let mut out = scores.map(|s| libm::expf(s - top));
    let sum = out.iter().fold(0.0, |sum, x| sum + x);
    out.iter_mut().for_each(|x| *x /= sum);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_is_dealt_exactly_once() {
        for spread in [Spread::Iid, Spread::Dirichlet(0.1), Spread::Clusters(2)] {
            let digits = Digits::new(9, spread, Seeds(3));
            let dealt: usize =
                digits.nodes.iter().map(|n| n.train.len() + n.validation.len()).sum();
            assert_eq!(dealt + digits.test.len() + digits.public.len(), 1797);
            assert!(digits.nodes.iter().all(|n| !n.train.is_empty() && !n.validation.is_empty()));
        }
    }

    /// Regression: with no two images at one node the levelling never ended.
    #[test]
    fn everybody_gets_two_images_however_few_there_are() {
        let image = images().swap_remove(0);
        let mut parts = vec![vec![image.clone()], vec![], vec![image], vec![]];
        level(&mut parts);
        assert!(parts.iter().all(|part| part.len() >= 2));
        let digits = Digits::new(1500, Spread::Iid, Seeds(1));
        assert!(digits.nodes.iter().all(|n| !n.train.is_empty() && !n.validation.is_empty()));
    }

    #[test]
    fn the_gradient_is_the_derivative_of_the_loss() {
        let example = images().swap_remove(5);
        let digits = Digits::new(2, Spread::Iid, Seeds(1));
        let base = || Network::from_model(&digits.base(Seeds(1))).expect("its own model");
        let loss = |network: &Network| {
            let (_, scores) = network.forward(&example);
            -libm::log(f64::from(softmax(&scores)[example.class]))
        };
        // A step of rate 1 moves each weight by minus its derivative.
        let mut stepped = base();
        stepped.step([&example].into_iter(), 1.0);
        for index in [3, 200, 777, 1999] {
            let derivative = f64::from(base().hidden[index] - stepped.hidden[index]);
            let (mut up, mut down) = (base(), base());
            up.hidden[index] += 1e-2;
            down.hidden[index] -= 1e-2;
            let slope = (loss(&up) - loss(&down)) / 2e-2;
            assert!((derivative - slope).abs() < 1e-3, "{index}: {derivative} and {slope}");
        }
    }

    #[test]
    fn training_learns() {
        let digits = Digits::new(8, Spread::Iid, Seeds(1));
        let base = digits.base(Seeds(1));
        let before = digits.accuracy(&base).expect("reads");
        let trained = digits.train(0, &base, Seeds(1).rng("t", 0)).expect("reads");
        let after = digits.accuracy(&trained).expect("reads");
        assert!(before < 0.85 && after > before + 0.05, "{before} became {after}");
        let misled = digits.mislead(0, &base, Seeds(1).rng("t", 0)).expect("reads");
        let wrong = digits.accuracy(&misled).expect("reads");
        assert!(wrong < 0.3, "{before} became {wrong}");
    }
}
