//! Merge strategies: pure functions of ordered weighted tensors
