#!/usr/bin/env python3
"""Merges files of 1.1 GB side by side: Espalier, mergekit if it is installed, and a floor that only reads and writes.

Run:  python benches/files/run.py FOLDER [--espalier PATH] [--rounds 3]

FOLDER gets five models of f32 (5.5 GB) and is filled once. Needs numpy and a C compiler. Each merge
is run several times, in turn, so that all meet the same machine; the table has the least wall time,
the processor time of that run, and the greatest resident memory.
"""
import argparse
import json
import os
import shutil
import struct
import subprocess
import sys
import time

import numpy as np

LAYERS, WIDTH, MLP, VOCABULARY = 19, 1024, 2816, 32000
NAMES = ["base", "a", "b", "c", "d"]


def shapes():
    out = {"model.embed_tokens.weight": (VOCABULARY, WIDTH), "model.norm.weight": (WIDTH,)}
    for i in range(LAYERS):
        p = f"model.layers.{i}."
        for name in ["q", "k", "v", "o"]:
            out[p + f"self_attn.{name}_proj.weight"] = (WIDTH, WIDTH)
        out[p + "mlp.gate_proj.weight"] = out[p + "mlp.up_proj.weight"] = (MLP, WIDTH)
        out[p + "mlp.down_proj.weight"] = (WIDTH, MLP)
        out[p + "input_layernorm.weight"] = out[p + "post_attention_layernorm.weight"] = (WIDTH,)
    return dict(sorted(out.items()))


def make(folder, number):
    """A base of small numbers, and models that differ from it by a tenth of them."""
    os.makedirs(folder, exist_ok=True)
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": WIDTH,
        "intermediate_size": MLP, "num_hidden_layers": LAYERS, "num_attention_heads": 16,
        "num_key_value_heads": 16, "vocab_size": VOCABULARY, "tie_word_embeddings": True,
        "torch_dtype": "float32",
    }
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file)
    header, at = {}, 0
    for name, shape in shapes().items():
        size = 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    own = np.random.default_rng(number)
    with open(os.path.join(folder, "model.safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for place, shape in enumerate(shapes().values()):
            values = np.random.default_rng(1000 + place).standard_normal(shape, dtype=np.float32)
            if number:
                values += 0.1 * own.standard_normal(shape, dtype=np.float32)
            file.write((0.02 * values).astype("<f4").tobytes())


def recipe(folder, method, count):
    """A recipe over the first models, in a file."""
    models = NAMES[1 : count + 1]
    lines = [f"merge_method: {method}", "dtype: float32"]
    if method == "slerp":
        lines += ["base_model: a", "parameters: {t: 0.3}"]
    elif method in ("ties", "dare_ties"):
        lines += ["base_model: base", "parameters: {weight: 1, density: 0.5}"]
    else:
        lines += ["parameters: {weight: 1}"]
    lines += ["models:"] + [f"  - model: {model}" for model in models]
    path = os.path.join(folder, f"{method}-{count}.yaml")
    with open(path, "w") as file:
        file.write("\n".join(lines) + "\n")
    return os.path.basename(path)


def measured(command, folder, output):
    """Wall and processor seconds, and megabytes; the output is removed."""
    path = os.path.join(folder, output)
    shutil.rmtree(path, ignore_errors=True)
    if os.path.isfile(path):
        os.remove(path)
    start = time.monotonic()
    child = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    complaint = child.stderr.read()
    _, status, used = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    if status:
        sys.exit(f"{' '.join(command)}: {complaint.decode(errors='replace')[-800:]}")
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--espalier", default="target/release/espalier")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    folder = os.path.abspath(options.folder)
    for number, name in enumerate(NAMES):
        if not os.path.exists(os.path.join(folder, name, "model.safetensors")):
            make(os.path.join(folder, name), number)
    floor = os.path.join(folder, "floor")
    here = os.path.dirname(os.path.abspath(__file__))
    subprocess.run(["cc", "-O3", "-o", floor, os.path.join(here, "floor.c")], check=True)
    espalier = os.path.abspath(options.espalier)
    mergekit = shutil.which("mergekit-yaml")
    print("| Merge | By | Wall | Processor | Memory |\n|---|---|---|---|---|")
    for method, count in [("linear", 2), ("slerp", 2), ("ties", 4), ("dare_ties", 4)]:
        config = recipe(folder, method, count)
        inputs = [f"{name}/model.safetensors" for name in NAMES[1 : count + 1]]
        commands = {
            "floor": [floor, *inputs, "floor.out"],
            "Espalier": [espalier, "merge", "-q", config, "espalier.out"],
            "Espalier, one thread": [espalier, "merge", "-q", "--threads", "1", config, "espalier.out"],
        }
        if mergekit:
            # Without a look for files on the hub.
            quiet = ["--no-copy-tokenizer", "--no-write-model-card", "--quiet"]
            commands["mergekit"] = [mergekit, config, "mergekit.out", "--allow-crimes", *quiet]
        best = {}
        for round_ in range(options.rounds):
            for who, command in commands.items():
                # The slow one is run once.
                if who == "mergekit" and round_:
                    continue
                output = command[-1] if who == "floor" else "espalier.out"
                output = "mergekit.out" if who == "mergekit" else output
                found = measured(command, folder, output)
                best[who] = min(best.get(who, found), found)
        for who, (wall, cpu, memory) in best.items():
            print(f"| {method} of {count} | {who} | {wall:.2f} s | {cpu:.2f} s | {memory:.0f} MB |", flush=True)


main()
