"""Load on `clsfw serve`: throughput beside offline `predict`, latency, agreement, memory.

    python tests/bench/serve.py RUN FILE.csv.bz2 --texts 2000 --clients 64 --short 100000

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

import numpy as np

import clsfw


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: str) -> tuple[int, bytes]:
    body = json.dumps({"inputs": text}).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", answer.lower())[1])
    return int(answer.split()[1]), await reader.readexactly(length)


async def load(port: int, texts: list[str], clients: int) -> tuple[list, list[float], float]:
    """Send each text once, from so many clients; return the answers, the seconds of each, and the seconds of all."""
    answers: list = [None] * len(texts)
    seconds = [0.0] * len(texts)
    places = iter(range(len(texts)))

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for i in places:
            began = time.perf_counter()
            answers[i] = await ask(reader, writer, texts[i])
            seconds[i] = time.perf_counter() - began
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return answers, seconds, time.perf_counter() - began


def megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("file")
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=64)
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
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        port = int(re.search(r":(\d+);", server.stderr.readline())[1])
        asyncio.run(load(port, texts[:64], 8))
        answers, seconds, whole = asyncio.run(load(port, texts, args.clients))
        given = [json.loads(body)[0] for _, body in answers]
        flips = sum(one["label"] != classes[0]["label"] for one, classes in zip(expected, given, strict=True))
        apart = max(
            abs(one["scores"][c["label"]] - c["score"]) for one, row in zip(expected, given, strict=True) for c in row
        )
        p50, p99 = np.quantile(seconds, [0.5, 0.99])
        print(f"{len(texts):,} texts, {args.clients} clients: {len(texts) / whole:,.0f} texts a second over HTTP")
        print(f"offline predict {offline:,.0f}; share {len(texts) / whole / offline:.2f}")
        print(f"latency p50 {p50:.3f} s, p99 {p99:.3f} s; {flips} labels differ, probabilities by {apart:.2g} at most")
        for part in range(10 if args.short else 0):
            short = [f"a fine film {i}" for i in range(args.short // 10)]
            _, _, whole = asyncio.run(load(port, short, args.clients))
            print(
                f"after {(part + 1) * len(short):,} short requests {megabytes(server.pid):,.1f} MB, "
                f"{len(short) / whole:,.0f} a second",
                flush=True,
            )
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
