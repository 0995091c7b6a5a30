//! Join semilattices, dots, version vectors and causal contexts
