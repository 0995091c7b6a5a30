//! Changing a model's floats block by block, at its own precision.

use espalier_tensor::{Content, Model, read_f64, write_f64};

const BLOCK: usize = 4096;

/// A model of the same schema whose float elements `change` computed, block by block in manifest
/// order: it gets the elements and, if there is a base of the same schema, the base's. Computed in
/// f64 and rounded once; tensors of other types are shared as they are.
pub(crate) fn map_floats(
    model: &Model,
    base: Option<&Model>,
    mut change: impl FnMut(&mut [f64], Option<&[f64]>),
) -> Model {
    let (mut values, mut from) = (vec![0.0; BLOCK], vec![0.0; BLOCK]);
    let mut contents = Vec::with_capacity(model.len());
    for (index, (meta, content)) in model.tensors().enumerate() {
        if !meta.dtype.is_float() {
            contents.push(content.clone());
            continue;
        }
        let step = BLOCK * meta.dtype.size();
        let mut out = vec![0; content.len()];
        for (at, bytes) in content.chunks(step).enumerate() {
            let count = bytes.len() / meta.dtype.size();
            read_f64(meta.dtype, bytes, &mut values[..count]);
            let range = at * step..at * step + bytes.len();
            let base = base.map(|base| {
                read_f64(meta.dtype, &base.content(index)[range.clone()], &mut from[..count]);
                &from[..count]
            });
            change(&mut values[..count], base);
            write_f64(meta.dtype, &values[..count], &mut out[range]);
        }
        contents.push(Content::from(out));
    }
    let named = model.tensors().zip(contents);
    let tensors = named
        .map(|((meta, _), content)| (meta.name.clone(), meta.dtype, meta.shape.clone(), content));
    Model::from_contents(tensors.collect()).expect("the same names and shapes as a checked model")
}

/// model − base, or the model itself without a base.
pub(crate) fn row_of(model: &Model, base: Option<&Model>) -> Vec<f32> {
    let mut row = Vec::with_capacity(model.manifest.float_elements() as usize);
    map_floats(model, base, |values, base| {
        let delta = |(i, x): (usize, &f64)| (x - base.map_or(0.0, |base| base[i])) as f32;
        row.extend(values.iter().enumerate().map(delta));
    });
    row
}

/// base + `row`, or `row` itself without a base, with the layout of `like`.
pub(crate) fn model_of(like: &Model, base: Option<&Model>, row: &[f64]) -> Model {
    let mut at = 0;
    map_floats(like, base, |values, base| {
        for (i, value) in values.iter_mut().enumerate() {
            *value = base.map_or(0.0, |base| base[i]) + row[at];
            at += 1;
        }
    })
}

/// `model` with the opposite delta.
pub(crate) fn flipped(model: &Model, base: Option<&Model>) -> Model {
    let own = row_of(model, base);
    let row: Vec<f32> = own.iter().map(|x| -x).collect();
    with_row(model, base, &own, &row)
}

/// base + `row`, but for the elements that are as in `own`, which keep those of `model`.
pub(crate) fn with_row(model: &Model, base: Option<&Model>, own: &[f32], row: &[f32]) -> Model {
    let mut at = 0;
    map_floats(model, base, |values, base| {
        for (i, value) in values.iter_mut().enumerate() {
            if row[at].to_bits() != own[at].to_bits() {
                *value = base.map_or(0.0, |base| base[i]) + f64::from(row[at]);
            }
            at += 1;
        }
    })
}
