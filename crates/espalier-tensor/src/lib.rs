//! Named tensors by content hash, safetensors, and deterministic kernels
