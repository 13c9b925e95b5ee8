"""Finds how many texts should make a block, where nodes are lost while many of them label a large number of texts.

A block is done whole or again: a large one loses more with its node and leaves others without work at the end, a small
one pays more often for what each block costs whatever its size (asking for work, opening a file, storing a part). The
simulation hands out blocks in order to whoever is free. Nodes are lost at random, at a rate that does not change with
time, and come back after a while; their block is done again by the next one that is free. Speeds differ among nodes.

    python tests/bench/block_size.py --texts 1e9 --nodes 100 --rate 17000 --loss-hours 24
    python tests/bench/block_size.py --output tests/bench/results/block_size.json

Without arguments it prints the cases of docs/explanation/scale.md.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import random
import statistics
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

MOST_BLOCKS = 200_000
"""More are not simulated: the smallest blocks of a case are left out."""


@dataclass(frozen=True)
class Case:
    """What is to be labelled, by whom, and what goes wrong."""

    texts: float
    nodes: int
    rate: float
    """Texts a second that one node labels."""
    loss_hours: float
    """Mean time until a given node is lost."""
    back_seconds: float = 300.0
    """Until a node that was lost, or another one in its place, works again: start, imports, model."""
    block_seconds: float = 0.5
    """What each block costs whatever its size."""
    spread: float = 0.1
    """Standard deviation of the logarithm of the nodes' speeds."""

    @property
    def loss_rate(self) -> float:
        """Losses of one node a second."""
        return 0.0 if math.isinf(self.loss_hours) else 1 / (self.loss_hours * 3600)


@dataclass(frozen=True)
class Outcome:
    """What became of one simulated job."""

    seconds: float
    losses: int
    wasted: float
    """Node-seconds of blocks that were begun and lost."""
    ideal: float
    """Seconds that the same nodes would take if blocks cost nothing, none was lost, and all ended together."""


def expected_seconds(case: Case, block: float) -> float:
    """Return the mean time that one node takes for one block, losses and returns counted.

    With losses at a constant rate l, work of t seconds that begins again after each, and r seconds until it does, the
    mean is (1/l + r) (e^(l t) - 1): see A. Duda, "The effects of checkpointing on program execution time", 1983.
    """
    work = case.block_seconds + block / case.rate
    if not case.loss_rate:
        return work
    return (1 / case.loss_rate + case.back_seconds) * math.expm1(case.loss_rate * work)


def best_of_one(case: Case) -> float:
    """Return the block for which `expected_seconds` is smallest for each text: of one node with work for ever.

    With x = block / rate and c = block_seconds the derivative is zero where e^(l (c + x)) (l x - 1) + 1 = 0, which
    grows with x; for l c far below 1 that is near Young's sqrt(2 c / l).
    """
    rate = case.loss_rate
    low, high = 0.0, 1 / rate
    for _ in range(200):
        middle = (low + high) / 2
        if math.exp(rate * (case.block_seconds + middle)) * (rate * middle - 1) + 1 < 0:
            low = middle
        else:
            high = middle
    return high * case.rate


def simulate(case: Case, block: float, seed: int) -> Outcome:
    """Label all texts once."""
    draw = random.Random(seed)
    speeds = [math.exp(draw.gauss(0.0, case.spread)) if case.spread else 1.0 for _ in range(case.nodes)]
    whole, rest = divmod(case.texts, block)
    left = [rest] * bool(rest) + [block] * int(whole)  # taken from its end
    again: list[tuple[float, float]] = []  # blocks that were lost: since when, and their texts
    free = [(0.0, node) for node in range(case.nodes)]  # a heap: the node that is free first comes first
    lost_at = [_next_loss(case, draw, 0.0) for _ in range(case.nodes)]
    seconds, losses, wasted = 0.0, 0, 0.0
    while left or again:
        now, node = heapq.heappop(free)
        back = lost_at[node] + case.back_seconds
        if lost_at[node] < now:  # lost while it had nothing to do
            lost_at[node] = _next_loss(case, draw, back)
            heapq.heappush(free, (max(now, back), node))
            continue
        if again and again[0][0] <= now:
            texts = heapq.heappop(again)[1]
        elif left:
            texts = left.pop()
        else:  # it can only wait for what others have not yet lost
            heapq.heappush(free, (again[0][0], node))
            continue
        done = now + case.block_seconds + texts / (case.rate * speeds[node])
        if lost_at[node] < done:
            losses += 1
            wasted += lost_at[node] - now
            heapq.heappush(again, (lost_at[node], texts))
            lost_at[node] = _next_loss(case, draw, back)
            heapq.heappush(free, (back, node))
        else:
            seconds = max(seconds, done)
            heapq.heappush(free, (done, node))
    return Outcome(seconds, losses, wasted, case.texts / (case.rate * sum(speeds)))


def _next_loss(case: Case, draw: random.Random, now: float) -> float:
    return now + draw.expovariate(case.loss_rate) if case.loss_rate else math.inf


def sizes(case: Case) -> list[float]:
    """Return the blocks to try: 1, 2 and 5 times powers of ten, not too many to simulate, and enough for all nodes."""
    found = [digit * 10.0**power for power in range(3, 9) for digit in (1, 2, 5)]
    return [size for size in found if case.texts / size <= MOST_BLOCKS and size * case.nodes <= case.texts]


def table(case: Case, turns: int) -> list[dict[str, float]]:
    """Simulate every size of block; times are medians of so many turns."""
    rows = []
    for block in sizes(case):
        outcomes = [simulate(case, block, seed) for seed in range(turns)]
        middle = statistics.median(outcome.seconds for outcome in outcomes)
        rows.append(
            {
                "block": block,
                "blocks": math.ceil(case.texts / block),
                "block_minutes": block / case.rate / 60,
                "hours": middle / 3600,
                "longest_hours": max(outcome.seconds for outcome in outcomes) / 3600,
                "over_ideal": statistics.median(outcome.seconds / outcome.ideal for outcome in outcomes) - 1,
                "losses": statistics.median(outcome.losses for outcome in outcomes),
                "wasted_node_hours": statistics.median(outcome.wasted for outcome in outcomes) / 3600,
            }
        )
    return rows


def good(rows: list[dict[str, float]], within: float = 0.01) -> tuple[float, float]:
    """Return the smallest and the largest block of those about the best that take at most 1 % longer than it."""
    best = min(range(len(rows)), key=lambda i: rows[i]["hours"])
    limit = rows[best]["hours"] * (1 + within)
    low = high = best
    while low > 0 and rows[low - 1]["hours"] <= limit:
        low -= 1
    while high + 1 < len(rows) and rows[high + 1]["hours"] <= limit:
        high += 1
    return rows[low]["block"], rows[high]["block"]


CASES = {
    "100 GPUs, each lost once a day": Case(texts=1e9, nodes=100, rate=17_000, loss_hours=24),
    "100 GPUs, each lost once an hour": Case(texts=1e9, nodes=100, rate=17_000, loss_hours=1),
    "one GPU, lost once a day": Case(texts=1e9, nodes=1, rate=17_000, loss_hours=24, spread=0.0),
    "1,600 pairs of processors, each lost once a day": Case(texts=1e9, nodes=1600, rate=300, loss_hours=24),
    "the same of uneven speed": Case(texts=1e9, nodes=1600, rate=300, loss_hours=24, spread=0.25),
}


def main() -> None:
    """Print a table for each case, and keep it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--texts", type=float)
    parser.add_argument("--nodes", type=int, default=100)
    parser.add_argument("--rate", type=float, default=17_000, help="texts a second of one node")
    parser.add_argument("--loss-hours", type=float, default=24, help="mean time until a node is lost; inf for never")
    parser.add_argument("--back-seconds", type=float, default=300)
    parser.add_argument("--block-seconds", type=float, default=0.5, help="what a block costs whatever its size")
    parser.add_argument("--spread", type=float, default=0.1)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    cases = CASES
    if options.texts:
        given = {name: value for name, value in vars(options).items() if name in Case.__annotations__}
        cases = {"as asked for": replace(next(iter(CASES.values())), **given)}
    report: dict[str, Any] = {"command": sys.argv, "turns": options.turns, "cases": []}
    for name, case in cases.items():
        rows = table(case, options.turns)
        low, high = good(rows)
        print(f"\n{name}: {asdict(case)}")
        for row in rows:
            print(
                f"{row['block']:>12,.0f} texts {row['block_minutes']:9.2f} min {row['hours']:9.3f} h "
                f"{row['over_ideal']:+8.1%} {row['losses']:6.0f} losses {row['wasted_node_hours']:8.2f} h wasted"
            )
        one = best_of_one(case) if case.loss_rate else math.inf
        print(f"within 1 % of the best: {low:,.0f} to {high:,.0f} texts; one node with work for ever: {one:,.0f}")
        report["cases"].append({"name": name, **asdict(case), "rows": rows, "good": [low, high], "one_node": one})
    if options.output:
        options.output.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
