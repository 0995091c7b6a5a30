//! Seeded inputs shared by the benchmarks.
