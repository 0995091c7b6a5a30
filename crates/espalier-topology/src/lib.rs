//! Seeded network graphs, partitions, spectral gap and round bounds
