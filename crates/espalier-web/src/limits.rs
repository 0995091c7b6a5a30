//! How much the server takes on at once. Requests beyond that are refused with a reason.

/// Limits of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Simulations that compute at the same time.
    pub at_once: usize,
    /// Bytes of memory that those may need together; less if the machine has less left.
    pub memory: u64,
    /// Simulations that wait.
    pub waiting: usize,
    /// Simulations that ended and are kept; the oldest goes first.
    pub kept: usize,
    /// Bytes that ended simulations may hold in memory together.
    pub kept_bytes: usize,
    /// Bytes of the events of one simulation.
    pub log_bytes: usize,
    /// Viewers of events at the same time.
    pub viewers: usize,
    /// Other requests at the same time.
    pub requests: usize,
    /// Connections at the same time.
    pub connections: usize,
    /// Bytes of a JSON body.
    pub body: usize,
    /// Bytes of an uploaded file.
    pub upload: u64,
    /// Bytes of all uploaded files together.
    pub uploads: u64,
    /// The greatest number of uploaded files.
    pub files: usize,
    /// The most nodes of a run.
    pub nodes: u32,
    /// The most rounds of a run.
    pub rounds: u32,
    /// Elements of all contributions of a run.
    pub elements: u64,
    /// Nodes times sampled nodes.
    pub sampled: u64,
    /// The most runs of a lab.
    pub cells: usize,
    /// The most nodes of a run of a lab.
    pub cell_nodes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            at_once: 2,
            memory: u64::MAX,
            waiting: 8,
            kept: 16,
            kept_bytes: 512 << 20,
            log_bytes: 128 << 20,
            viewers: 512,
            requests: 64,
            connections: 1_024,
            body: 64 << 10,
            upload: 1 << 30,
            uploads: 4 << 30,
            files: 16,
            nodes: 1_024,
            rounds: 200,
            elements: 1 << 26,
            sampled: 1 << 16,
            cells: 200,
            cell_nodes: 64,
        }
    }
}
