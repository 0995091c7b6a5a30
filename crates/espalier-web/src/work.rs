//! Something that the server computes: where it stands, and how it is told to stop.

use crate::error::Problem;
use crate::log::Log;
use serde::Serialize;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    Waiting,
    Running,
    Done,
    Stopped,
    Failed,
}

impl Status {
    pub(crate) fn has_ended(self) -> bool {
        matches!(self, Self::Done | Self::Stopped | Self::Failed)
    }
}

/// Its progress.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Stage {
    pub(crate) status: Status,
    #[serde(rename = "round")]
    pub(crate) done: u32,
    #[serde(rename = "rounds")]
    pub(crate) of: u32,
    #[serde(skip)]
    pub(crate) error: Option<Problem>,
    /// What it holds in memory, as far as that is much.
    #[serde(skip)]
    pub(crate) bytes: usize,
}

/// What every run and lab has.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) id: String,
    pub(crate) log: Arc<Log>,
    /// About how many bytes of memory it takes while it computes.
    pub(crate) need: u64,
    stop: AtomicBool,
    stage: Mutex<Stage>,
}

impl Core {
    pub(crate) fn new(id: String, of: u32, need: u64, log_bytes: usize) -> Self {
        let stage = Stage { status: Status::Waiting, done: 0, of, error: None, bytes: 0 };
        let log = Arc::new(Log::new(log_bytes));
        log.push("status", &stage);
        Self { id, log, need, stop: AtomicBool::new(false), stage: Mutex::new(stage) }
    }

    pub(crate) fn stage(&self) -> Stage {
        lock(&self.stage).clone()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// It has come so far.
    pub(crate) fn reached(&self, done: u32) {
        lock(&self.stage).done = done;
    }

    pub(crate) fn begin(&self) -> bool {
        let mut stage = lock(&self.stage);
        let begins = stage.status == Status::Waiting;
        if begins {
            stage.status = Status::Running;
            self.log.push("status", &*stage);
        }
        begins
    }

    /// It is over; `last` writes its last event, if it has one.
    pub(crate) fn end(&self, status: Status, bytes: usize, last: impl FnOnce(&Log)) {
        let mut stage = lock(&self.stage);
        stage.status = status;
        stage.bytes = bytes + self.log.bytes();
        last(&self.log);
        self.log.close();
    }

    pub(crate) fn fail(&self, problem: Problem) {
        #[derive(Serialize)]
        struct Failed<'a> {
            error: &'a Problem,
        }
        let mut stage = lock(&self.stage);
        stage.status = Status::Failed;
        stage.bytes = self.log.bytes();
        self.log.push("failed", &Failed { error: &problem });
        self.log.close();
        stage.error = Some(problem);
    }

    /// Stops what waits or runs; whether there was something to stop.
    pub(crate) fn halt(&self) -> bool {
        let mut stage = lock(&self.stage);
        match stage.status {
            Status::Waiting => {
                stage.status = Status::Stopped;
                self.log.push("status", &*stage);
                self.log.close();
                true
            }
            Status::Running => {
                self.stop.store(true, Ordering::Relaxed);
                true
            }
            Status::Done | Status::Stopped | Status::Failed => false,
        }
    }
}

/// Something to compute.
pub(crate) trait Work: Send + Sync {
    fn core(&self) -> &Core;
    /// Computes it to its end, and says so to its core.
    fn work(&self);
    /// As it is answered.
    fn value(&self) -> Value;
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
