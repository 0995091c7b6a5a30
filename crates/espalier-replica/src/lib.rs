//! Signed operations, the merge state, the wire format and the gossip state machine
