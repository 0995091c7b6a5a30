//! A lab: a grid of attacks, computed cell by cell.

use crate::error::Problem;
use crate::run::refusal;
use crate::work::{Core, Stage, Status, Work};
use espalier::sim::{CellResult, Grid, GridConfig, run_grid};
use serde::Serialize;
use serde_json::Value;
use std::ops::ControlFlow;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A grid of attacks.
#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) core: Core,
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
    pub(crate) fn grid(&self) -> Grid {
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
