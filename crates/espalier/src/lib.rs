//! Merging models without a server: the facade
