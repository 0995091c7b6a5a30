//! The requests about labs.

use crate::admission::fits;
use crate::app::{Answer, App, download};
use crate::error::{Problem, json};
use crate::lab::Lab;
use crate::limits::Limits;
use crate::request::{Names, json_body};
use crate::run::refusal;
use crate::work::Work as _;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use espalier::sim::{Family, GridConfig, MAX_SYNTHETIC, grid_html, memory_side_by_side};
use espalier::topology::Topology;
use serde::Deserialize;
use std::sync::Arc;

/// The body that asks for a lab.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    grid: GridConfig,
}

/// Refuses what would take too long, does not fit or names a file. Returns the number of runs, and
/// about how many bytes of memory they take.
fn admit(grid: &GridConfig, limits: &Limits) -> Result<(u32, u64), Problem> {
    let wrong = |field: &str, message: String| Problem::field("bad-config", field, message);
    if grid.topologies.iter().any(|topology| matches!(topology, Topology::File(_))) {
        return Err(wrong("topologies", "files of the server are not read".into()));
    }
    if let Some(nodes) = grid.nodes.iter().find(|n| !(2..=limits.cell_nodes).contains(n)) {
        let message = format!("2 to {} nodes, not {nodes}", limits.cell_nodes);
        return Err(wrong("nodes", message));
    }
    match &grid.model {
        Family::Path(_) => {
            return Err(wrong("model", "a lab needs digits or synthetic:SHAPE".into()));
        }
        Family::Synthetic(shape) => {
            let elements = shape.iter().try_fold(1_u64, |all, size| all.checked_mul(*size));
            let most = limits.elements / u64::from(limits.cell_nodes) / 4;
            if elements.is_none_or(|elements| elements > most.min(MAX_SYNTHETIC)) {
                return Err(wrong("model", format!("at most {most} elements in a lab")));
            }
        }
        Family::Digits => {}
    }
    if let Some(retrain) = grid.retrain {
        let rounds = retrain.every.saturating_mul(retrain.times.saturating_add(1));
        if retrain.every < 2 || rounds > limits.rounds {
            let message = format!("every 2 rounds or more, at most {} in all", limits.rounds);
            return Err(wrong("retrain", message));
        }
    }
    let axes = [
        grid.attacks.len(),
        grid.shares.len(),
        grid.spreads.len(),
        grid.topologies.len(),
        grid.nodes.len(),
        grid.seeds.len(),
    ];
    let most = axes.iter().fold(1_usize, |cells, len| cells.saturating_mul(*len));
    // A share without liars makes one cell for all attacks, so that there may be fewer.
    let cells = if most > 1 << 16 { most } else { grid.cells().len() };
    if cells > limits.cells {
        let message =
            format!("{cells} runs are more than the limit of {}; ask for fewer", limits.cells);
        return Err(wrong("attacks", message));
    }
    grid.check().map_err(|error| refusal(&error))?;
    if grid.attacks.len() > 1 && grid.cells().iter().all(|c| c.share.of(c.nodes) == 0) {
        return Err(wrong("attacks", "there are no liars; name shares above 0".into()));
    }
    let need = memory_side_by_side(grid.cells().iter().map(|cell| cell.config(grid)));
    fits("this lab", need)?;
    Ok((cells as u32, need))
}

pub(crate) async fn start(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Answer {
    let asked: Asked = json_body(&headers, body, app.limits.body).await?;
    let (cells, need) = admit(&asked.grid, &app.limits)?;
    let lab = app.board.add(|core| Lab::new(core, asked.grid), cells, need)?;
    Ok(json(StatusCode::CREATED, &lab.value()))
}

pub(crate) async fn page(State(app): State<Arc<App>>, Names(id): Names<String>) -> Answer {
    let lab = app.board.find::<Lab>(&id)?;
    if !lab.core.stage().status.has_ended() {
        let message = "this lab has not ended; its report comes when it ends";
        return Err(Problem::new(StatusCode::CONFLICT, "not-ended", message));
    }
    let made = app.compute(move || grid_html(&lab.grid())).await?;
    Ok(download("text/html; charset=utf-8", "byzantine.html", made.into_bytes()))
}
