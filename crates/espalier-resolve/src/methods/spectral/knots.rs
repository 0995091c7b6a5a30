//! `knots`: TIES in the space that the differences of all inputs share (Stoica et al., Model
//! merging with SVD to tie the knots, ICLR 2025, arXiv 2410.19735, section 4).
//!
//! The differences side by side are U S [V₁ᵀ … Vₙᵀ]. U S is common to all; the parts Vᵢᵀ are merged
//! by `ties` into Vᵀ, with its density and weight of each input, and D = U S Vᵀ.

use std::{collections::BTreeMap, sync::Mutex};

use espalier_tensor::Dtype;

use super::{
    Differences, Spectral,
    matrix::{Matrix, outer},
    svd::Svd,
};
use crate::methods::{
    by_magnitude::Largest,
    deltas::Deltas,
    formula::AnyFormula,
    job::{Job, MethodError, Row, Working},
};

#[derive(Debug)]
pub(super) struct Knots {
    pub(super) normalize: bool,
}

impl Spectral for Knots {
    fn merge(&self, job: &Job<'_>, differences: Differences) -> Result<Matrix, MethodError> {
        let (rows, columns) = differences.shape();
        let Differences { matrices, grain, .. } = differences;
        let count = matrices.len();
        let side_by_side: Vec<f64> = (0..rows)
            .flat_map(|row| matrices.iter().flat_map(move |d| d.row(row).iter().copied()))
            .collect();
        drop(matrices);
        let svd = Svd::new(&Matrix::new(rows, count * columns, side_by_side), grain);
        let rank = svd.values.len();
        if rank == 0 {
            return Ok(Matrix::zeros(rows, columns));
        }
        let part = |input: usize| -> Vec<u8> {
            let row = |row: usize| &svd.right.row(row)[input * columns..][..columns];
            (0..rank).flat_map(|at| row(at).iter().flat_map(|value| value.to_le_bytes())).collect()
        };
        let parts: Vec<Vec<u8>> = (0..count).map(part).collect();
        let merged = self.ties(job, &[rank as u64, columns as u64], &parts)?;
        Ok(outer(&svd.left, &svd.values, &Matrix::new(rank, columns, merged)))
    }
}

fn row<'a>(source: &'a Vec<u8>, parameters: &'a BTreeMap<String, String>) -> Row<'a> {
    Row { source, dtype: Dtype::F64, parameters }
}

impl Knots {
    /// TIES of parts, which are differences from zero.
    fn ties(
        &self,
        job: &Job<'_>,
        shape: &[u64],
        parts: &[Vec<u8>],
    ) -> Result<Vec<f64>, MethodError> {
        let (zero, none) = (vec![0; parts[0].len()], BTreeMap::new());
        let inputs = parts.iter().zip(&job.inputs);
        let ties = Job {
            shape,
            inputs: inputs.map(|(part, input)| row(part, input.parameters)).collect(),
            base: Some(row(&zero, &none)),
            working: Working::F64,
            out: Dtype::F64,
            ..job.clone()
        };
        let formula =
            Deltas { sparsify: Largest, elect: true, normalize: self.normalize, lambda: 1.0 };
        let merged = Mutex::new(zero.clone());
        let keep = |start: u64, bytes: &[u8]| {
            let start = start as usize;
            let mut merged = merged.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            merged[start..start + bytes.len()].copy_from_slice(bytes);
            Ok(())
        };
        AnyFormula::run(&formula, &ties, &keep)?;
        let merged = merged.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        let (values, _) = merged.as_chunks::<8>();
        Ok(values.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect())
    }
}
