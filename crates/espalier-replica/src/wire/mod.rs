//! The bytes between replicas: frames, messages, and operations as batches pack them.

pub(crate) mod batch;
pub(crate) mod compact;
pub(crate) mod frame;
pub(crate) mod layouts;
pub(crate) mod message;
pub(crate) mod packed_batch;
pub(crate) mod packing;
pub(crate) mod shapes;
