"""Damaged run directories that are signed again: what a hostile or half-broken one may hold while its hashes fit."""

from __future__ import annotations

import json
import random

from clsfw.kit import manifest

JSON = ("metrics.json", "timings.json", "run.json", "model/clsfw.json", "model/tfidf.json", "model/vocabulary.json")
LINES = ("history.jsonl", "predictions.csv", "resolved.toml")
CHECKPOINT = ("checkpoint.json", "timings.json", "history.jsonl", "state/fitted.safetensors")
VALUES = (
    None,
    True,
    -1,
    0,
    2**70,
    10**400,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "x",
    "\ud800",
    "\x1b[2J",
    "a\0b",
    [],
    [1, "x"],
    [[]],
    {},
    {"a": {}},
    {"use": 1},
)
CELLS = (
    "",
    "x",
    "-1",
    str(2**70),
    "1e400",
    "nan",
    '"',
    "\0",
    "a,b",
    "'=x",
    "|",
    "{}",
    "[",
    "9" * 5000,
    '{"step": "x"}',
)


def sign(folder):
    """Make the manifests fit what the directory holds now."""
    for checkpoint in folder.glob("checkpoints/step-1"):
        facts = manifest.read(checkpoint / "checkpoint.json")
        if facts is not None and "files" in facts:
            facts["files"] = manifest.take(checkpoint, ("state", "history.jsonl", "timings.json"))
            (checkpoint / "checkpoint.json").write_text(json.dumps(facts))
    names = (*manifest_names(folder), "model")
    found = manifest.take(folder, names)
    (folder / "manifest.json").write_text(json.dumps({"schema": 1, "files": found}))
    record = manifest.read(folder / "run.json")
    if record is not None:
        record["manifest"] = manifest.sha256(folder / "manifest.json")
        (folder / "run.json").write_text(json.dumps(record))


def manifest_names(folder):
    kept = {"run.json", "manifest.json", "lock"}
    return sorted(path.name for path in folder.iterdir() if path.is_file() and path.name not in kept)


def mutate(folder, seed):
    """Change a run directory in one or two places, sign it again, and say what was changed."""
    rng = random.Random(seed)
    told = [_change(folder, rng) for _ in range(rng.choice((1, 1, 2)))]
    sign(folder)
    return "; ".join(told)


def _change(folder, rng):
    files = (*JSON, *JSON, *LINES, "model/model.safetensors", "seen_texts.npy")
    name = rng.choice((*files, f"checkpoints/step-1/{rng.choice(CHECKPOINT)}"))
    path = folder / name
    if not path.exists():  # only an interrupted run has checkpoints
        name = "run.json"
        path = folder / name
    try:
        if path.suffix == ".json" and rng.random() < 0.9:
            value, told = _change_value(json.loads(path.read_text()), rng)
            path.write_text(json.dumps(value))
        elif path.suffix in {".jsonl", ".csv", ".toml"} and rng.random() < 0.8:
            told = _change_line(path, rng)
        else:
            told = _change_bytes(path, rng)
    except ValueError:  # an earlier change left no text or no JSON
        told = _change_bytes(path, rng)
    return f"{name}: {told}"


def _change_value(root, rng):
    """Replace, remove or add a value somewhere in a tree of JSON."""
    if rng.random() < 0.05:
        value = rng.choice(VALUES)
        return value, f"all is {value!r:.40}"
    node, where = root, []
    while isinstance(node, (dict, list)):
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return root, f"{where} is empty"
        key = rng.choice(keys)
        where.append(key)
        if isinstance(node[key], (dict, list)) and rng.random() < 0.7:
            node = node[key]
            continue
        way = rng.choice(("replace", "replace", "replace", "remove", "add"))
        value = rng.choice(VALUES)
        if way == "remove":
            del node[key]
        elif way == "add" and isinstance(node, dict):
            node[f"{key}2"] = value
        elif way == "add":
            node.append(value)
        else:
            node[key] = value
        return root, f"{way} {where} {value!r:.40}"
    return root, "nothing"


def _change_line(path, rng):
    lines = path.read_text().split("\n")
    index = rng.randrange(len(lines))
    way = rng.choice(("cell", "cell", "line", "twice", "drop", "first"))
    if way == "cell":
        cut = "=" if path.suffix == ".toml" else "," if path.suffix == ".csv" else ":"
        cells = lines[index].split(cut)
        cells[rng.randrange(len(cells))] = rng.choice(CELLS)
        lines[index] = cut.join(cells)
    elif way == "line":
        lines[index] = rng.choice(CELLS)
    elif way == "twice":
        lines.insert(index, lines[index])
    elif way == "drop":
        del lines[index]
    else:
        lines[0] = rng.choice(CELLS)
    path.write_text("\n".join(lines))
    return f"{way} at line {index + 1}"


def _change_bytes(path, rng):
    data = bytearray(path.read_bytes())
    if not data or rng.random() < 0.1:
        path.write_bytes(b"")
        return "emptied"
    for _ in range(rng.choice((1, 3))):
        data[rng.randrange(min(len(data), 400))] = rng.randrange(256)
    path.write_bytes(bytes(data[: rng.choice((len(data), len(data), len(data) // 2))]))
    return "other bytes"
