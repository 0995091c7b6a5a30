//! Training a layer through a low-rank adapter: W + P Q, of which only P and Q learn (Hu et al.,
//! LoRA, ICLR 2022, arXiv 2106.09685). P is random at first and Q is zero.

use crate::{
    digits::Dice,
    network::{Layer, add, dot},
};

#[derive(Debug)]
pub(crate) struct Adapter {
    rank: usize,
    /// Row after row: a row for each input of the layer.
    p: Vec<f32>,
    /// A row for each rank.
    q: Vec<f32>,
    frozen: Vec<f32>,
}

impl Adapter {
    pub(crate) fn new(layer: &Layer, rank: usize, dice: &mut Dice) -> Self {
        let inputs = layer.inputs();
        let scale = libm::sqrtf(1.0 / rank as f32);
        let p = dice.normal(inputs * rank).iter().map(|value| scale * value).collect();
        let q = vec![0.0; rank * layer.outputs()];
        Self { rank, p, q, frozen: layer.weights.clone() }
    }

    /// A step along the gradient of the layer's weights.
    pub(crate) fn step(&mut self, layer: &mut Layer, step: f32, gradient: &Layer) {
        let outputs = layer.outputs();
        let (p, q) = (self.p.clone(), self.q.clone());
        let rows = gradient.weights.chunks_exact(outputs);
        for ((row, p), p_new) in rows.zip(p.chunks(self.rank)).zip(self.p.chunks_mut(self.rank)) {
            for (at, q) in q.chunks_exact(outputs).enumerate() {
                p_new[at] += step * dot(row, q);
                add(step * p[at], row, &mut self.q[at * outputs..][..outputs]);
            }
        }
        layer.weights.copy_from_slice(&self.frozen);
        for (row, p) in layer.weights.chunks_exact_mut(outputs).zip(self.p.chunks(self.rank)) {
            for (&p, q) in p.iter().zip(self.q.chunks_exact(outputs)) {
                add(p, q, row);
            }
        }
    }
}
