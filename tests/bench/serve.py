"""Load on `clsfw serve`: throughput beside offline `predict`, latency, agreement, memory.

    python tests/bench/serve.py RUN FILE.csv.bz2 --texts 10000 --clients 64 --each 1 16 --short 100000

The clients are plain sockets of one event loop in this process, on this machine: they cost little beside the server.
"""

from __future__ import annotations

import argparse
import asyncio
import bz2
import csv
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from measure import machine, write_json

import clsfw


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, texts: list[str]) -> tuple[int, bytes]:
    body = json.dumps({"inputs": texts}).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", answer.lower())[1])
    return int(answer.split()[1]), await reader.readexactly(length)


async def load(port: int, texts: list[str], clients: int, each: int = 1) -> tuple[list, list[float], float]:
    """Send each text once, `each` in a request; return the answers, the seconds of each request, and of all."""
    asked = [texts[i : i + each] for i in range(0, len(texts), each)]
    answers: list = [None] * len(asked)
    seconds = [0.0] * len(asked)
    places = iter(range(len(asked)))

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for i in places:
            began = time.perf_counter()
            answers[i] = await ask(reader, writer, asked[i])
            seconds[i] = time.perf_counter() - began
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return answers, seconds, time.perf_counter() - began


def megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def apart(expected: list[dict[str, Any]], given: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """Compare with what `predict` says of the same texts."""
    flips = sum(one["label"] != classes[0]["label"] for one, classes in zip(expected, given, strict=True))
    furthest = max(
        abs(one["scores"][c["label"]] - c["score"]) for one, row in zip(expected, given, strict=True) for c in row
    )
    return {"labels_that_differ": flips, "largest_difference": furthest}


def keep(report: dict[str, Any], found: dict[str, Any], output: Path | None) -> None:
    """Print a finding, and write all so far."""
    print(", ".join(f"{key} {value:.4g}" for key, value in found.items()), flush=True)
    report["found"].append(found)
    if output is not None:
        write_json(output, report)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("file")
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--each", type=int, nargs="+", default=[1], help="texts in a request")
    parser.add_argument("--output", type=Path)
    parser.add_argument("--short", type=int, default=0, help="requests with short texts, to watch the memory")
    args = parser.parse_args()
    with bz2.open(args.file, "rt", encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        texts = [row[0] for _, row in zip(range(args.texts), rows, strict=False)]
    classifier = clsfw.load(args.run)
    classifier(texts[:8])
    began = time.perf_counter()
    expected = classifier(texts)
    offline = len(texts) / (time.perf_counter() - began)
    command = [sys.executable, "-m", "clsfw", "serve", args.run, "--port", "0"]
    report: dict[str, Any] = {"machine": machine(products=False), "load": os.getloadavg(), "found": []}
    report["command"] = [Path(word).name for word in sys.argv]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        port = int(re.search(r":(\d+);", server.stderr.readline())[1])
        asyncio.run(load(port, texts[:64], 8))
        for each in args.each:
            answers, seconds, whole = asyncio.run(load(port, texts, args.clients, each))
            given = [classes for _, body in answers for classes in json.loads(body)]
            p50, p99 = (float(value) for value in np.quantile(seconds, [0.5, 0.99]))
            found = {
                "texts": len(texts), "clients": args.clients, "each": each, "offline_texts_per_second": offline,
                "texts_per_second": len(texts) / whole, "share": len(texts) / whole / offline,
                "p50_seconds": p50, "p99_seconds": p99, **apart(expected, given),
            }  # fmt: skip
            keep(report, found, args.output)
        for part in range(10 if args.short else 0):
            short = [f"a fine film {i}" for i in range(args.short // 10)]
            _, _, whole = asyncio.run(load(port, short, args.clients))
            found = {"short_requests": (part + 1) * len(short), "megabytes": megabytes(server.pid)}
            keep(report, {**found, "requests_per_second": len(short) / whole}, args.output)
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
