//! What the server computes: runs and labs, those that wait, those under way, those that ended.
//!
//! They take turns in the order in which they came, several at once as far as memory reaches. A
//! thread of its own computes each; if it panics, that is this run's failure and nobody else's.

use crate::error::Problem;
use crate::lab::Lab;
use crate::limits::Limits;
use crate::run::Run;
use crate::work::{Core, Stage, Status, Work, lock};
use axum::http::StatusCode;
use espalier::sim::memory_left;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

/// A kind of work, and where it is kept.
pub(crate) trait Kind: Work + Sized + 'static {
    const NAME: &'static str;
    fn table(tables: &mut Tables) -> &mut VecDeque<Arc<Self>>;
}

impl Kind for Run {
    const NAME: &'static str = "run";
    fn table(tables: &mut Tables) -> &mut VecDeque<Arc<Self>> {
        &mut tables.runs
    }
}

impl Kind for Lab {
    const NAME: &'static str = "lab";
    fn table(tables: &mut Tables) -> &mut VecDeque<Arc<Self>> {
        &mut tables.labs
    }
}

/// Everything that is to be computed, is computed or was.
#[derive(Debug)]
pub(crate) struct Board {
    limits: Limits,
    tables: Mutex<Tables>,
}

/// By kind, and in the order of their turns.
#[derive(Default)]
pub(crate) struct Tables {
    numbers: u64,
    /// The earliest first.
    runs: VecDeque<Arc<Run>>,
    labs: VecDeque<Arc<Lab>>,
    waiting: VecDeque<Arc<dyn Work>>,
    running: usize,
    /// What those that run need together, in bytes.
    taken: u64,
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tables").field("running", &self.running).finish_non_exhaustive()
    }
}

impl Board {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, tables: Mutex::default() }
    }

    /// All of one kind, the latest first.
    pub(crate) fn all<W: Kind>(&self) -> Vec<Arc<W>> {
        W::table(&mut lock(&self.tables)).iter().rev().cloned().collect()
    }

    /// # Errors
    /// 404 if there is none of this name.
    pub(crate) fn find<W: Kind>(&self, id: &str) -> Result<Arc<W>, Problem> {
        let mut tables = lock(&self.tables);
        let found = W::table(&mut tables).iter().find(|work| work.core().id == id).cloned();
        found.ok_or_else(|| {
            let message = format!("there is no such {}; it may have been forgotten", W::NAME);
            Problem::not_found(message)
        })
    }

    /// `of` is how far it can come, `need` the memory that it takes.
    ///
    /// # Errors
    /// 429 if too many wait.
    pub(crate) fn add<W: Kind>(
        self: &Arc<Self>,
        make: impl FnOnce(Core) -> W,
        of: u32,
        need: u64,
    ) -> Result<Arc<W>, Problem> {
        let work = {
            let mut tables = lock(&self.tables);
            let work = Arc::new(make(self.core(&mut tables, W::NAME, of, need)?));
            W::table(&mut tables).push_back(work.clone());
            tables.waiting.push_back(work.clone());
            work
        };
        self.go_on();
        Ok(work)
    }

    fn core(&self, tables: &mut Tables, kind: &str, of: u32, need: u64) -> Result<Core, Problem> {
        tables.waiting.retain(|work| work.core().stage().status == Status::Waiting);
        if tables.waiting.len() >= self.limits.waiting && !self.has_room(tables) {
            let message = format!(
                "{} simulations are waiting already; try again later",
                tables.waiting.len()
            );
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many", message));
        }
        tables.numbers += 1;
        Ok(Core::new(format!("{kind}-{}", tables.numbers), of, need, self.limits.log_bytes))
    }

    /// Stops what waits or runs, and forgets what has ended; whether it was stopped.
    pub(crate) fn remove(&self, work: &dyn Work) -> bool {
        let core = work.core();
        let stopped = core.halt();
        if !stopped {
            let mut tables = lock(&self.tables);
            tables.runs.retain(|run| run.core().id != core.id);
            tables.labs.retain(|lab| lab.core().id != core.id);
        }
        stopped
    }

    /// Stops everything.
    pub(crate) fn stop_all(&self) {
        let tables = lock(&self.tables);
        for run in &tables.runs {
            run.core().halt();
        }
        for lab in &tables.labs {
            lab.core().halt();
        }
    }

    /// Whether the next that waits may begin: next to others, only if memory is left for it when
    /// they have taken what they need.
    fn has_room(&self, tables: &Tables) -> bool {
        let next = tables.waiting.front().map_or(0, |work| work.core().need);
        let fits = || {
            let need = tables.taken.saturating_add(next);
            need <= memory_left().map_or(u64::MAX, |left| left.bytes).min(self.limits.memory)
        };
        tables.running == 0 || tables.running < self.limits.at_once && fits()
    }

    /// Lets as many compute as may.
    fn go_on(self: &Arc<Self>) {
        let mut tables = lock(&self.tables);
        while self.has_room(&tables) {
            let Some(work) = tables.waiting.pop_front() else { break };
            if !work.core().begin() {
                continue;
            }
            let need = work.core().need;
            tables.running += 1;
            tables.taken += need;
            let (board, computed) = (self.clone(), work.clone());
            let thread = std::thread::Builder::new().name(work.core().id.clone());
            let spawned = thread.spawn(move || {
                let work = computed;
                if catch_unwind(AssertUnwindSafe(|| work.work())).is_err() {
                    work.core().fail(Problem::defect(
                        "this run failed because of a defect in the simulator",
                    ));
                }
                drop(work);
                board.one_ended(need);
            });
            if spawned.is_err() {
                work.core().fail(Problem::busy("the system cannot start a thread for this run"));
                tables.running -= 1;
                tables.taken -= need;
            }
        }
        self.trim(&mut tables);
    }

    fn one_ended(self: &Arc<Self>, need: u64) {
        {
            let mut tables = lock(&self.tables);
            tables.running -= 1;
            tables.taken -= need;
        }
        self.go_on();
    }

    /// Forgets the oldest that ended until the others fit.
    fn trim(&self, tables: &mut Tables) {
        loop {
            let stages: Vec<_> = tables.runs.iter().map(|run| run.core().stage()).collect();
            let labs: Vec<_> = tables.labs.iter().map(|lab| lab.core().stage()).collect();
            let bytes: usize = stages.iter().chain(&labs).map(|stage| stage.bytes).sum();
            let heavy = bytes > self.limits.kept_bytes;
            let surplus = |stages: &[Stage]| {
                let ended = stages.iter().filter(|stage| stage.status.has_ended()).count();
                // The last is looked at by somebody, however heavy it is.
                let place = stages.iter().position(|stage| stage.status.has_ended());
                place.filter(|_| ended > self.limits.kept || heavy && ended > 1)
            };
            if let Some(place) = surplus(&stages) {
                tables.runs.remove(place);
            } else if let Some(place) = surplus(&labs) {
                tables.labs.remove(place);
            } else {
                break;
            }
        }
    }
}
