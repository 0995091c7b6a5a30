"""Times ByzFL's neighbour mixing and trimmed mean where benches/robust.rs times ours.

Twenty vectors of 10^6 normal float32 elements, f = 6: the sizes and the arithmetic of the Rust
benchmark, on all cores. The header of benches/robust.rs has the command for both.
"""

import time

import byzfl
import numpy as np
import torch

MODELS, ELEMENTS, LIARS, RUNS = 20, 1_000_000, 6, 5


def main():
    rows = np.random.default_rng(1).standard_normal((MODELS, ELEMENTS), dtype=np.float32)
    for name, given in [("numpy", rows), ("torch", torch.from_numpy(rows))]:
        times = []
        for _ in range(RUNS + 1):
            start = time.perf_counter()
            mixed = byzfl.NNM(LIARS)(given)
            byzfl.TrMean(LIARS)(mixed)
            times.append(time.perf_counter() - start)
        # The first run warms up.
        best, median = min(times[1:]), sorted(times[1:])[RUNS // 2]
        threads = torch.get_num_threads()
        print(
            f"byzfl {name}: nnm, trimmed-mean of {MODELS} x {ELEMENTS} float32, f = {LIARS}: "
            f"median {1000 * median:.0f} ms, best {1000 * best:.0f} ms ({threads} threads)"
        )


main()
