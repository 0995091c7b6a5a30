//! The trust lattice, the causal trust clock and the geometric trust score
