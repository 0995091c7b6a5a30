//! What a join brings, counted: operations, their bytes, and the tensors that have to follow.

use std::ops::AddAssign;

/// What one state brings another; the functions of
/// [this module](crate::counting) say how many bytes of frames that is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gain {
    /// Operations that the receiver did not hold and holds now.
    pub ops: u64,
    /// Their bytes in one batch, with the layouts of their tensors.
    pub op_bytes: u64,
    /// Bytes of tensors that come inside that batch, as their manifests say.
    pub inside_bytes: u64,
    /// Different other tensors that the receiver asks for: of new contributions that are not
    /// removed and not by a convicted author of the genesis, without those that an operation it
    /// held names or that are inside.
    pub contents: u64,
    /// Their bytes, as their manifests say.
    pub content_bytes: u64,
}

impl AddAssign for Gain {
    fn add_assign(&mut self, other: Self) {
        self.ops += other.ops;
        self.op_bytes += other.op_bytes;
        self.inside_bytes += other.inside_bytes;
        self.contents += other.contents;
        self.content_bytes += other.content_bytes;
    }
}
