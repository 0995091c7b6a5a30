//! Reading a tensor whose rows stand in another order than its file has them.

use std::{io, sync::Arc};

use espalier_tensor::{read_f64, write_f64};

use crate::model_files::ModelFiles;

/// The place of a row that is not there.
pub(crate) const NONE: u32 = u32::MAX;

/// The rows of a tensor in another order than its file has.
#[derive(Debug)]
pub(crate) struct AlignedRows {
    /// For each row its place in the file, or [`NONE`].
    pub(crate) rows: Arc<Vec<u32>>,
    /// Those that rows come from that are not there, in the order of the models.
    pub(crate) donors: Arc<Vec<Donor>>,
}

/// A tensor of another model with its rows.
#[derive(Debug)]
pub(crate) struct Donor {
    pub(crate) files: Arc<ModelFiles>,
    pub(crate) index: usize,
    pub(crate) rows: Arc<Vec<u32>>,
}

impl AlignedRows {
    /// The number of rows.
    pub(crate) fn count(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Reads bytes from `start` on, of tensor `index` in these files.
    pub(crate) fn read(
        &self,
        files: &ModelFiles,
        index: usize,
        start: u64,
        mut out: &mut [u8],
    ) -> io::Result<()> {
        let width = files.row_bytes(index);
        let mut at = start;
        while !out.is_empty() {
            // A row without bytes has nothing to read.
            let (row, within) = ((at / width) as usize, at % width);
            let own = self.rows.get(row).copied().ok_or(io::ErrorKind::UnexpectedEof)?;
            let mut len = (width - within).min(out.len() as u64);
            if own != NONE {
                // As many rows as stand one after the other in the file, too.
                let mut next = row + 1;
                while len < out.len() as u64
                    && self.rows.get(next).is_some_and(|&place| {
                        place != NONE && u64::from(place) == u64::from(own) + (next - row) as u64
                    })
                {
                    len = (len + width).min(out.len() as u64);
                    next += 1;
                }
            }
            let (part, rest) = out.split_at_mut(len as usize);
            match own {
                NONE => self.mean(files, index, row, within, part)?,
                own => files.read(index, u64::from(own) * width + within, part)?,
            }
            at += len;
            out = rest;
        }
        Ok(())
    }

    /// The mean over the donors that have a row, in the type of the tensor that lacks it.
    fn mean(
        &self,
        files: &ModelFiles,
        index: usize,
        row: usize,
        within: u64,
        out: &mut [u8],
    ) -> io::Result<()> {
        let dtype = files.shapes()[index].dtype;
        let count = out.len() / dtype.size();
        let first = within / dtype.size() as u64;
        let (mut sum, mut values) = (vec![0.0; count], vec![0.0; count]);
        let mut bytes = Vec::new();
        let mut voices = 0.0;
        for donor in self.donors.iter().filter(|donor| donor.rows[row] != NONE) {
            let dtype = donor.files.shapes()[donor.index].dtype;
            bytes.resize(count * dtype.size(), 0);
            let start = u64::from(donor.rows[row]) * donor.files.row_bytes(donor.index);
            donor.files.read(donor.index, start + first * dtype.size() as u64, &mut bytes)?;
            read_f64(dtype, &bytes, &mut values);
            sum.iter_mut().zip(&values).for_each(|(sum, value)| *sum += value);
            voices += 1.0;
        }
        sum.iter_mut().for_each(|sum| *sum /= voices);
        write_f64(dtype, &sum, out);
        Ok(())
    }
}
