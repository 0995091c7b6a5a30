//! Labs: grids of attacks, cell by cell, and the requests about them.

use crate::admit::fits;
use crate::api::{Answer, App};
use crate::board::{Core, Stage, Status, Work};
use crate::error::{Problem, json};
use crate::limits::Limits;
use crate::request::{Names, json_body};
use crate::run::refusal;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use espalier::sim::{
    CellResult, Family, Grid, GridConfig, MAX_SYNTHETIC, grid_html, memory_side_by_side, run_grid,
};
use espalier::topology::Topology;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A grid of attacks.
#[derive(Debug)]
pub(crate) struct Lab {
    core: Core,
    config: GridConfig,
    /// The results so far, in the order in which they came; those of the grid once it has ended.
    found: Mutex<Vec<CellResult>>,
}

/// A lab as it is answered.
#[derive(Serialize)]
struct LabView<'a> {
    id: &'a str,
    status: Status,
    done: u32,
    cells: u32,
    config: &'a GridConfig,
    error: Option<&'a Problem>,
}

#[derive(Serialize)]
struct CellEvent<'a> {
    done: u32,
    cells: u32,
    result: &'a CellResult,
}

#[derive(Serialize)]
struct Ending {
    status: Status,
    /// As `byzantine.json` has it, summaries included.
    grid: Value,
}

impl Lab {
    pub(crate) fn new(core: Core, config: GridConfig) -> Self {
        Self { core, config, found: Mutex::default() }
    }

    fn found(&self) -> MutexGuard<'_, Vec<CellResult>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it found, as far as it came.
    fn grid(&self) -> Grid {
        Grid { config: self.config.clone(), cells: self.found().clone() }
    }

    fn each(&self, result: &CellResult) -> ControlFlow<()> {
        let cells = self.core.stage().of;
        let done = {
            let mut found = self.found();
            found.push(result.clone());
            found.len() as u32
        };
        self.core.reached(done);
        let told = self.core.log.push("cell", &CellEvent { done, cells, result });
        if told && !self.core.is_stopped() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}

impl Work for Lab {
    fn core(&self) -> &Core {
        &self.core
    }

    fn work(&self) {
        let status = match run_grid(&self.config, Vec::new(), &mut |result| self.each(result)) {
            Err(error) => return self.core.fail(refusal(&error)),
            Ok(None) => {
                // As far as it came, in the order of the grid.
                let cells = self.config.cells();
                let place = |result: &CellResult| cells.iter().position(|c| *c == result.cell);
                self.found().sort_by_key(place);
                Status::Stopped
            }
            Ok(Some(grid)) => {
                *self.found() = grid.cells;
                Status::Done
            }
        };
        let grid = self.grid();
        let bytes = grid.cells.len() * 4096;
        self.core.end(status, bytes, |log| {
            let grid = serde_json::from_str(&grid.to_json()).unwrap_or_default();
            log.push("ending", &Ending { status, grid });
        });
    }

    fn value(&self) -> Value {
        let Stage { status, done, of: cells, error, .. } = self.core.stage();
        let (id, config) = (self.core.id.as_str(), &self.config);
        let view = LabView { id, status, done, cells, config, error: error.as_ref() };
        serde_json::to_value(view).unwrap_or_default()
    }
}

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
    Ok(crate::api::download("text/html; charset=utf-8", "byzantine.html", made.into_bytes()))
}
