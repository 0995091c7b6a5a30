//! The network: 196 pixels, two hidden layers of 256 with ReLU, ten classes with softmax, trained
//! by plain stochastic gradient descent in f32. Every sum has one order.

use crate::{
    adapter::Adapter,
    digits::{Dice, Example, PIXELS},
};

const SIZES: [usize; 4] = [PIXELS, 256, 256, 10];
const LANES: usize = 8;

/// What of a network learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Learns {
    All,
    /// All layers but the last.
    Hidden,
    /// Adapters of this rank, of the weights of all layers but the last.
    Adapters(usize),
}

/// How a network is trained.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Training {
    pub(crate) learns: Learns,
    /// Batches.
    pub(crate) steps: usize,
    pub(crate) rate: f32,
    /// Images in a batch.
    pub(crate) batch: usize,
}

/// A layer. Weights are stored input by input, so that inner loops run over outputs.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(crate) weights: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub(crate) layers: Vec<Layer>,
}

impl Layer {
    fn new(inputs: usize, outputs: usize, dice: &mut Dice) -> Self {
        let scale = libm::sqrtf(2.0 / inputs as f32);
        let weights = dice.normal(inputs * outputs).iter().map(|value| scale * value).collect();
        Self { weights, bias: vec![0.0; outputs] }
    }

    pub(crate) fn outputs(&self) -> usize {
        self.bias.len()
    }

    pub(crate) fn inputs(&self) -> usize {
        self.weights.len() / self.outputs()
    }

    fn zeros(&self) -> Self {
        Self { weights: vec![0.0; self.weights.len()], bias: vec![0.0; self.bias.len()] }
    }

    fn forward(&self, input: &[f32]) -> Vec<f32> {
        let mut out = self.bias.clone();
        for (&x, row) in input.iter().zip(self.weights.chunks_exact(out.len())) {
            if x != 0.0 {
                add(x, row, &mut out);
            }
        }
        out
    }

    /// Adds the gradient that follows from that of the outputs.
    fn learn(&mut self, input: &[f32], gradient: &[f32]) {
        add(1.0, gradient, &mut self.bias);
        for (&x, row) in input.iter().zip(self.weights.chunks_exact_mut(gradient.len())) {
            if x != 0.0 {
                add(x, gradient, row);
            }
        }
    }

    /// The gradient of the inputs; it is zero where an input was.
    fn backward(&self, input: &[f32], gradient: &[f32]) -> Vec<f32> {
        let rows = self.weights.chunks_exact(gradient.len());
        let one = |(&x, row): (&f32, &[f32])| if x > 0.0 { dot(row, gradient) } else { 0.0 };
        input.iter().zip(rows).map(one).collect()
    }

    /// Weights with an output in each row, as a model stores them.
    pub(crate) fn by_output(&self) -> Vec<f32> {
        let (inputs, outputs) = (self.inputs(), self.outputs());
        let element = |place: usize| self.weights[place % inputs * outputs + place / inputs];
        (0..inputs * outputs).map(element).collect()
    }

    /// The inverse of [`Layer::by_output`].
    pub(crate) fn from_output(weights: &[f32], bias: Vec<f32>) -> Self {
        let outputs = bias.len();
        let inputs = weights.len() / outputs;
        let element = |place: usize| weights[place % outputs * inputs + place / outputs];
        Self { weights: (0..inputs * outputs).map(element).collect(), bias }
    }

    fn add(&mut self, factor: f32, other: &Self) {
        add(factor, &other.weights, &mut self.weights);
        add(factor, &other.bias, &mut self.bias);
    }
}

impl Network {
    pub(crate) fn new(dice: &mut Dice) -> Self {
        let layers = SIZES.windows(2).map(|sizes| Layer::new(sizes[0], sizes[1], dice));
        Self { layers: layers.collect() }
    }

    /// The inputs of all layers, and the scores of the classes.
    fn forward(&self, pixels: &[f32]) -> Vec<Vec<f32>> {
        let mut values = vec![pixels.to_vec()];
        for (depth, layer) in self.layers.iter().enumerate() {
            let mut out = layer.forward(&values[depth]);
            if depth + 1 < self.layers.len() {
                out.iter_mut().for_each(|value| *value = value.max(0.0));
            }
            values.push(out);
        }
        values
    }

    /// Descends along the gradient of batches drawn without replacement, pass by pass.
    pub(crate) fn train(&mut self, examples: &[Example], training: &Training, dice: &mut Dice) {
        let mut order: Vec<usize> = Vec::new();
        let learning = self.layers.len() - usize::from(training.learns != Learns::All);
        let mut adapters: Vec<Adapter> = match training.learns {
            Learns::Adapters(rank) => {
                let layers = self.layers[..learning].iter();
                layers.map(|layer| Adapter::new(layer, rank, dice)).collect()
            }
            Learns::All | Learns::Hidden => Vec::new(),
        };
        for _ in 0..training.steps {
            let mut gradients: Vec<Layer> =
                self.layers[..learning].iter().map(Layer::zeros).collect();
            for _ in 0..training.batch {
                let next = order.pop().unwrap_or_else(|| {
                    order = (0..examples.len()).collect();
                    dice.shuffle(&mut order);
                    order.pop().unwrap_or_default()
                });
                self.learn(&examples[next], &mut gradients);
            }
            let step = -training.rate / training.batch as f32;
            for (at, (layer, gradient)) in self.layers.iter_mut().zip(&gradients).enumerate() {
                match adapters.get_mut(at) {
                    Some(adapter) => adapter.step(layer, step, gradient),
                    None => layer.add(step, gradient),
                }
            }
        }
    }

    /// Adds the gradient of one example for the first layers.
    fn learn(&self, example: &Example, gradients: &mut [Layer]) {
        let values = self.forward(&example.pixels);
        let mut gradient = softmax(&values[self.layers.len()]);
        gradient[example.class] -= 1.0;
        for depth in (0..self.layers.len()).rev() {
            if let Some(layer) = gradients.get_mut(depth) {
                layer.learn(&values[depth], &gradient);
            }
            if depth > 0 {
                gradient = self.layers[depth].backward(&values[depth], &gradient);
            }
        }
    }

    /// The share of examples that it reads correctly.
    pub(crate) fn accuracy(&self, examples: &[Example]) -> f64 {
        let reads = |example: &&Example| {
            let values = self.forward(&example.pixels);
            let scores = &values[self.layers.len()];
            let best = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
            best == Some(example.class)
        };
        examples.iter().filter(reads).count() as f64 / examples.len() as f64
    }

    /// self + λ (other − self).
    pub(crate) fn towards(&self, other: &Self, factor: f64) -> Self {
        let move_to = |(a, b): (&f32, &f32)| (f64::from(*a) + factor * f64::from(b - a)) as f32;
        let values = |a: &[f32], b: &[f32]| a.iter().zip(b).map(move_to).collect();
        let layer = |(a, b): (&Layer, &Layer)| Layer {
            weights: values(&a.weights, &b.weights),
            bias: values(&a.bias, &b.bias),
        };
        Self { layers: self.layers.iter().zip(&other.layers).map(layer).collect() }
    }
}

fn softmax(scores: &[f32]) -> Vec<f32> {
    let largest = scores.iter().copied().fold(f32::MIN, f32::max);
    let powers: Vec<f32> = scores.iter().map(|score| libm::expf(score - largest)).collect();
    let sum: f32 = powers.iter().fold(0.0, |sum, power| sum + power);
    powers.iter().map(|power| power / sum).collect()
}

#[inline(never)]
pub(crate) fn add(factor: f32, row: &[f32], out: &mut [f32]) {
    for (sum, &x) in out.iter_mut().zip(row) {
        *sum += factor * x;
    }
}

#[inline(never)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest = a_rest.iter().zip(b_rest).map(|(a, b)| a * b);
    sums.into_iter().chain(rest).fold(0.0, |sum, value| sum + value)
}
