"""The result of a comparison: every run, every pair of runs, and one plain sentence for each pair."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from clsfw.errors import UsageError

if TYPE_CHECKING:
    from clsfw.evidence.findings import Finding

SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Side:
    """One of the runs: its letter, folder name, scores on all test rows, seconds by name, and the model's bytes.

    `findings` is what is to be known beside its scores.
    """

    letter: str
    run: str
    name: str
    accuracy: float
    f1: float
    timings: dict[str, float]
    model_bytes: int
    findings: tuple[Finding, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the side as plain values."""
        return {**vars(self), "findings": [str(finding) for finding in self.findings]}


@dataclass(frozen=True)
class CutByOne:
    """Two runs on the rows whose text just one of them cut, `by_a` of them by the first; the rest as in `Pair`."""

    rows: int
    by_a: int
    difference: float
    interval: tuple[float, float]
    mcnemar_p: float
    bootstrap_p: float
    only_a_right: int
    only_b_right: int

    def sentence(self, a: str, b: str) -> str:
        """Say the result in one plain sentence; `a` and `b` are the letters of the runs."""
        who = {self.rows: f"only {a} cut", 0: f"only {b} cut"}.get(self.by_a, f"either {a} or {b} cut")
        where = f"on the {self.rows:,} texts that {who}"
        if not self.only_a_right and not self.only_b_right:
            return f"{where}: no difference to judge"
        return f"{where}: {told(a, b, self.difference, self.interval, self.mcnemar_p)}"


@dataclass(frozen=True)
class Pair:
    """Two runs on the same rows; differences are those of the first less the second, as shares of 1."""

    a: Side
    b: Side
    rows: int
    difference: float
    interval: tuple[float, float]
    f1_difference: float
    f1_interval: tuple[float, float]
    mcnemar_p: float
    bootstrap_p: float
    only_a_right: int
    only_b_right: int
    both_right: int
    both_wrong: int
    corrected_p: float
    """McNemar's p-value, corrected (Holm) where more than two runs are compared."""
    cut_by_one: CutByOne | None = None
    """The texts that just one of the two cut, as where the other reads them in windows."""

    @property
    def better(self) -> Side | None:
        """The better run, or None where luck may explain the difference."""
        if self.corrected_p >= SIGNIFICANT:
            return None
        return self.a if self.difference > 0 else self.b

    @property
    def sentence(self) -> str:
        """Say the result in one plain sentence; points are hundredths of the accuracy."""
        if not self.only_a_right and not self.only_b_right:  # no resample moves the difference
            return f"no difference to judge: {self.a.letter} and {self.b.letter} are right on the same rows"
        return told(self.a.letter, self.b.letter, self.difference, self.interval, self.corrected_p)

    @property
    def cut_sentence(self) -> str | None:
        """The same for the texts that just one of the two cut, if there are any."""
        return None if self.cut_by_one is None else self.cut_by_one.sentence(self.a.letter, self.b.letter)

    def to_json(self) -> dict[str, Any]:
        """Return the pair as plain values."""
        values = {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}
        better = self.better.letter if self.better else None
        if self.cut_by_one is not None:
            cut = self.cut_by_one
            values["cut_by_one"] = {**vars(cut), "interval": list(cut.interval), "sentence": self.cut_sentence}
        return {**values, "a": self.a.letter, "b": self.b.letter, "better": better, "sentence": self.sentence}


@dataclass(frozen=True, repr=False)
class Comparison:
    """All runs of a comparison, and every pair of them."""

    sides: tuple[Side, ...]
    pairs: tuple[Pair, ...]

    def __repr__(self) -> str:
        """Return one line."""
        return f"<Comparison of {', '.join(side.run for side in self.sides)}: {'; '.join(self.sentence.splitlines())}>"

    def _repr_html_(self) -> str:
        """Return each run with its scores, and the result in words, for a notebook."""
        rows = "".join(
            f"<tr><td>{side.letter}</td><td>{escape(side.run)}</td><td>{side.accuracy:.4f}</td><td>{side.f1:.4f}</td></tr>"
            for side in self.sides
        )
        words = "".join(f"<p><strong>{escape(pair.sentence)}</strong></p>" for pair in self.pairs)
        return f"{words}<table><tr><th></th><th>run</th><th>accuracy</th><th>macro F1</th></tr>{rows}</table>"

    @property
    def sentence(self) -> str:
        """The result in plain words, one line for each pair."""
        return "\n".join(pair.sentence for pair in self.pairs)

    @property
    def pair(self) -> Pair:
        """The only pair of two runs.

        Raises:
            UsageError: more than two runs were compared.

        """
        if len(self.pairs) != 1:
            raise UsageError(f"a comparison of {len(self.sides)} runs has {len(self.pairs)} pairs; look at `pairs`")
        return self.pairs[0]

    @property
    def difference(self) -> float:
        """Of two runs: the accuracy of the first less that of the second."""
        return self.pair.difference

    @property
    def interval(self) -> tuple[float, float]:
        """Of two runs: the 95 % limits of the difference."""
        return self.pair.interval

    @property
    def mcnemar_p(self) -> float:
        """Of two runs: the p-value of McNemar's test."""
        return self.pair.mcnemar_p

    @property
    def bootstrap_p(self) -> float:
        """Of two runs: the p-value by the paired bootstrap."""
        return self.pair.bootstrap_p

    @property
    def only_a_right(self) -> int:
        """Of two runs: how many rows only the first gets right."""
        return self.pair.only_a_right

    @property
    def only_b_right(self) -> int:
        """Of two runs: how many rows only the second gets right."""
        return self.pair.only_b_right

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values; of two runs the pair's values are at the top."""
        runs = [side.to_json() for side in self.sides]
        if len(self.pairs) == 1:
            return {"runs": runs, **self.pairs[0].to_json()}
        return {"runs": runs, "pairs": [pair.to_json() for pair in self.pairs]}


def told(a: str, b: str, difference: float, interval: tuple[float, float], p: float) -> str:
    """Say a difference of two in one plain sentence: who is better, or that luck may explain it."""
    points, (low, high) = 100 * difference, (100 * edge for edge in interval)
    if p >= SIGNIFICANT:
        return (
            f"no evidence of a difference between {a} and {b} "
            f"({points:+.2f} points, 95 % {low:+.2f} to {high:+.2f}, {_p(p)})"
        )
    if points < 0:
        points, low, high = -points, -high, -low
    return f"{b if difference < 0 else a} is better by {points:.1f} points (95 % {low:.1f} to {high:.1f}, {_p(p)})"


def _p(value: float) -> str:
    return f"p = {value:.2g}" if value >= 0.001 else "p < 0.001"  # noqa: PLR2004  # nobody needs more digits
