"""Pictures written as SVG by hand: a matrix of mistakes and F1 of many classes, each part with a title of its own.

Colours come from the page's style, so one picture serves light, dark and paper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clsfw.kit.text import clean
from clsfw.report.markup import Html, percent, tag

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clsfw.evidence.metrics import ClassScores

MOST_IN_MATRIX = 80
"""Of more classes a matrix shows those with the most mistakes."""

_CELL = 11  # pixels
_LETTER = 4.9  # pixels that a letter of 8.5 takes on average
_LONGEST_NAME = 26
_MOST_TITLES = 3000  # a title costs 80 bytes
_LINE = 14  # pixels between two classes of the dot plot
_TWO_COLUMNS = 30  # from so many classes on
_WIDTH = 300  # pixels of a column of dots
_NEAR = 0.6  # how much less each earlier neighbour counts when similar classes are put side by side


def strip(value: float, limits: Sequence[float], axis: tuple[float, float], published: float | None = None) -> Html:
    """Draw an interval as a line, the score as a dot, and a published value as a stroke across."""

    def at(number: float) -> str:
        return f"{min(100.0, max(0.0, 100 * (number - axis[0]) / (axis[1] - axis[0]))):.1f}%"

    line = tag("line", x1=at(limits[0]), x2=at(limits[1]), y1="50%", y2="50%", stroke="var(--first)", stroke_width="2")
    parts = [line, tag("circle", cx=at(value), cy="50%", r="4", fill="var(--first)")]
    if published is not None:
        x = at(published)
        parts.append(tag("line", x1=x, x2=x, y1="10%", y2="90%", stroke="var(--second)", stroke_width="2"))
    return tag("svg", *parts, class_="strip", aria_hidden="true")


def mistakes_matrix(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> Html:
    """Draw true classes down and predicted ones across; the size of a square is the number of mistakes.

    The scale is that of the mistakes alone, the diagonal is marked and not measured, and classes that are often
    confused are side by side.
    """
    order = similar(matrix, MOST_IN_MATRIX)
    names = [_short(labels[i]) for i in order]
    edge = 12 + _LETTER * max(map(len, names))
    size = edge + _CELL * len(order) + 14
    errors = [
        (matrix[true][said], row, column)
        for row, true in enumerate(order)
        for column, said in enumerate(order)
        if row != column and matrix[true][said]
    ]
    most = max((count for count, _, _ in errors), default=1)
    parts = [_name(edge, i, name) for i, name in enumerate(names)]
    for i in range(len(order)):
        at = f"{edge + _CELL * i:.0f}"
        parts.append(tag("rect", x=at, y=at, width=str(_CELL), height=str(_CELL), class_="diagonal"))
    for count, row, column in sorted(errors, key=lambda error: -error[0]):
        side = _CELL * (0.45 + 0.55 * (count / most) ** 0.5)
        x, y = (edge + _CELL * place + (_CELL - side) / 2 for place in (column, row))
        words = f"{labels[order[row]]} → {labels[order[column]]}: {count:,}"
        inside = [tag("title", words)] if len(errors) <= _MOST_TITLES else []
        parts.append(tag("rect", *inside, x=f"{x:.1f}", y=f"{y:.1f}", width=f"{side:.1f}", height=f"{side:.1f}"))
    told = f"Mistakes by true class (down) and predicted class (across); the largest square is {most:,} texts"
    return tag(
        "svg", *parts, role="img", aria_label=told, class_="mistakes", viewBox=f"0 0 {size:.0f} {size:.0f}",
        style=f"width: {size:.0f}px",
    )  # fmt: skip


def _name(edge: float, i: int, name: str) -> Html:
    """Write a class at its row, and upright at its column."""
    middle = edge + _CELL * (i + 0.5)
    row = tag("text", name, x=f"{edge - 5:.0f}", y=f"{middle + 3:.1f}", text_anchor="end")
    turn = f"translate({middle + 3:.1f} {edge - 5:.0f}) rotate(-90)"
    return Html(row.text + tag("text", name, transform=turn).text)


def similar(matrix: Sequence[Sequence[int]], most: int) -> list[int]:
    """Return the classes with the most mistakes, each beside those that it is most often confused with."""
    count = len(matrix)
    between = [[matrix[i][j] + matrix[j][i] if i != j else 0 for j in range(count)] for i in range(count)]
    wrong = [sum(row) for row in between]
    left = sorted(range(count), key=lambda i: (-wrong[i], i))[:most]
    order: list[int] = []
    pull = dict.fromkeys(left, 0.0)  # how often each is confused with those placed last
    while left:
        following = max(left, key=lambda i: (pull[i], wrong[i], -i))
        left.remove(following)
        order.append(following)
        pull = {i: _NEAR * pull[i] + between[following][i] for i in left}
    return order


def dots(classes: Mapping[str, ClassScores]) -> Html:
    """Draw F1 of each class as a dot on its interval, the weakest first."""
    each = sorted(classes.items(), key=lambda item: (item[1]["f1"], item[0]))
    columns = 2 if len(each) >= _TWO_COLUMNS else 1
    lines = -(-len(each) // columns)
    names = 12 + _LETTER * max(len(_short(name)) for name, _ in each)
    width, height = columns * (names + _WIDTH + 20), _LINE * lines + 24
    parts = []
    for column in range(columns):
        left = column * (names + _WIDTH + 20) + names
        for share in (0.0, 0.5, 1.0):
            x = f"{left + 6 + share * (_WIDTH - 12):.0f}"
            parts += [
                tag("line", x1=x, x2=x, y1="14", y2=str(height), class_="rule"),
                tag("text", f"{share:g}", x=x, y="9", text_anchor="middle"),
            ]
        for line, (name, scores) in enumerate(each[column * lines : (column + 1) * lines]):
            y = f"{24 + _LINE * line:.0f}"
            parts.append(
                tag("text", _short(name), x=f"{left - 4:.0f}", y=f"{21 + _LINE * line + 6}", text_anchor="end")
            )
            parts.append(_dot(name, scores, left, y))
    told = f"F1 of each class, from {each[0][1]['f1']:.2f} ({each[0][0]}) to {each[-1][1]['f1']:.2f} ({each[-1][0]})"
    return tag(
        "svg", *parts, role="img", aria_label=told, class_="dots", viewBox=f"0 0 {width:.0f} {height}",
        style=f"width: {width:.0f}px",
    )  # fmt: skip


def _dot(name: str, scores: ClassScores, left: float, y: str) -> Html:
    def at(share: float) -> str:
        return f"{left + 6 + min(1.0, share) * (_WIDTH - 12):.1f}"

    limits = scores["intervals"].get("f1")
    line = [tag("line", x1=at(limits[0]), x2=at(limits[1]), y1=y, y2=y, class_="span")] if limits else []
    words = f"{name}: F1 {scores['f1']:.2f}, recall {percent(scores['recall'])}, {scores['support']:,} texts"
    return tag("g", tag("title", words), *line, tag("circle", cx=at(scores["f1"]), cy=y, r="3.5"))


def _short(label: str) -> str:
    text = clean(label)
    return text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"


def seeds(values: Sequence[float], mean: float, limits: Sequence[float], axis: tuple[float, float]) -> Html:
    """Draw the score of each seed as a small dot, their mean as a large one, and its interval as a line."""

    def at(number: float) -> str:
        return f"{min(100.0, max(0.0, 100 * (number - axis[0]) / (axis[1] - axis[0]))):.1f}%"

    parts = [
        tag("line", x1=at(limits[0]), x2=at(limits[1]), y1="65%", y2="65%", stroke="var(--first)", stroke_width="2")
    ]
    parts += [
        tag("circle", cx=at(value), cy="25%", r="2.5", fill="var(--second)", fill_opacity="0.8") for value in values
    ]
    parts.append(tag("circle", cx=at(mean), cy="65%", r="4", fill="var(--first)"))
    return tag("svg", *parts, class_="strip", aria_hidden="true")
