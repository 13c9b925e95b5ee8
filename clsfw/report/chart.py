"""Charts as SVG: two axes with round numbers, and lines, bars and dots between them.

Colours are those of the page's style, so one picture serves light, dark and paper. Same numbers, same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING

from clsfw.report.markup import Html, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from clsfw.report.scale import Scale

    Points = Iterable[tuple[float, float]]

INK, FIRST, SECOND, SOFT, PAGE = "currentColor", "var(--first)", "var(--second)", "var(--soft)", "var(--page)"

_LETTER = 5.0  # units that a letter of the axes takes on average, and a bit more
_TEXT, _TITLE = 9, 10  # units of height
_TOP, _RIGHT, _TICKS, _BELOW, _KEY = 20, 14, 16, 14, 15  # units around the axes
_SAMPLE = 18  # units for what a name in the key belongs to
_FEW_POINTS = 30  # of a line with dots; more would run into one another
_MANY_POINTS = 1500  # of a line; of more, some could not be told apart


@dataclass(frozen=True)
class Look:
    """How a line or a dot is drawn; `dash` are the strokes of a dashed line, the shapes dot, ring and cross."""

    colour: str = FIRST
    width: float = 1.6
    dash: str = ""
    shape: str = "dot"

    def line(self, points: Sequence[tuple[float, float]]) -> Html:
        """Draw a line through places of the picture."""
        more = {"stroke_linejoin": "round"} | ({"stroke_dasharray": self.dash} if self.dash else {})
        at = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
        return tag("polyline", points=at, fill="none", stroke=self.colour, stroke_width=f"{self.width:g}", **more)

    def dot(self, x: float, y: float, radius: float) -> Html:
        """Draw a dot at a place of the picture."""
        if self.shape == "cross":
            strokes = f"M{x - radius:.2f} {y - radius:.2f}l{2 * radius:g} {2 * radius:g}m0 {-2 * radius:g}"
            return tag("path", d=f"{strokes}l{-2 * radius:g} {2 * radius:g}", stroke=self.colour)
        ring = {"fill": "none", "stroke": self.colour} if self.shape == "ring" else {"fill": self.colour}
        return tag("circle", cx=f"{x:.2f}", cy=f"{y:.2f}", r=f"{radius:.2f}", **ring)


class Chart:
    """A chart that is drawn step by step; what has a label is named in the key below."""

    def __init__(self, name: str, size: tuple[int, int], x: Scale, y: Scale, *, title: str, below: str) -> None:
        """Begin with axes; `name` makes the ids of this chart unlike those of others on the page."""
        self._name, (self._width, self._height) = name, size
        self._x, self._y, self._title, self._below = x, y, title, below
        self._left = 10 + _LETTER * max((len(words) for _, words in y.ticks), default=0)
        self._right, self._bottom = self._width - _RIGHT, self._height - _TICKS - _BELOW
        self._parts: list[Html] = []
        self._key: list[tuple[str, Html]] = []

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the place of a value in the picture."""
        across, up = self._x.share(x), self._y.share(y)
        return self._left + across * (self._right - self._left), self._bottom - up * (self._bottom - _TOP)

    def line(self, points: Points, look: Look, *, label: str = "", dotted: bool = False) -> None:
        """Draw a line, with a dot at each point if `dotted` and there are few."""
        places = [self.at(x, y) for x, y in points if isfinite(x) and isfinite(y)]
        if not places:
            return
        self._parts.append(look.line(places if len(places) <= _MANY_POINTS else _thinned(places)))
        sample = look.line([(0, -3), (_SAMPLE - 4, -3)])
        if dotted and len(places) <= _FEW_POINTS:
            self._parts += [look.dot(x, y, 1.9) for x, y in places]
            sample = Html(sample.text + look.dot(_SAMPLE / 2 - 2, -3, 1.9).text)
        self._name_it(label, sample)

    def dots(self, points: Points, look: Look, *, radii: Sequence[float] | float = 2.2, label: str = "") -> None:
        """Draw dots, with one radius or a radius for each."""
        each = list(points)
        sizes = [radii] * len(each) if isinstance(radii, float) else radii
        shown = [(x, y, radius) for (x, y), radius in zip(each, sizes, strict=True) if isfinite(x) and isfinite(y)]
        self._parts += [look.dot(*self.at(x, y), radius) for x, y, radius in shown]
        if shown:
            self._name_it(label, look.dot(_SAMPLE / 2 - 2, -3, 2.2))

    def bars(self, boxes: Iterable[tuple[float, float, float, float]], colour: str, *, label: str = "") -> None:
        """Draw bars from left to right and from low to high; those of the second colour are hatched, too."""
        hatched = f"url(#{self._name}-hatch)" if colour == SECOND else ""
        if hatched:
            stripe = tag("path", d="M0 4L4 0", stroke=PAGE, stroke_width="0.8")
            kind = {"width": "4", "height": "4", "patternUnits": "userSpaceOnUse"}
            self._parts.append(tag("pattern", stripe, id=f"{self._name}-hatch", **kind))
        for left, right, low, high in boxes:
            if high > low:
                (x, bottom), (end, top) = self.at(left, low), self.at(right, high)
                self._parts.append(_box((x, top, end - x, bottom - top), colour, hatched))
        self._name_it(label, _box((2, -7, 10, 8), colour, hatched))

    def mark(self, x: float, words: str, colour: str) -> None:
        """Draw a line upright at a value, with words beside it."""
        place, _ = self.at(x, self._y.low)
        turned = self._x.share(x) > 0.6  # noqa: PLR2004  # words to the right of it would leave the picture
        self._parts.append(Look(colour, 1.4).line([(place, self._bottom), (place, _TOP)]))
        anchor = "end" if turned else "start"
        self._parts.append(_text(words, place + (-4 if turned else 4), _TOP + 8, colour, anchor=anchor))

    def svg(self, told: str) -> Html:
        """Return the picture as a part of the page; `told` says in words what it shows."""
        height = self._height + (_KEY if self._key else 0)
        drawn = [*self._parts, *self._axes(), *self._named()]
        size = {"viewBox": f"0 0 {self._width} {height}", "style": f"max-width: {self._width / 12:.1f}rem"}
        return tag("svg", *drawn, role="img", aria_label=told, font_size=str(_TEXT), **size)

    def _axes(self) -> Iterable[Html]:
        yield Look(SOFT, 0.8).line([(self._left, _TOP), (self._left, self._bottom), (self._right, self._bottom)])
        for value, words in self._x.ticks:
            x, _ = self.at(value, self._y.low)
            yield Look(SOFT, 0.8).line([(x, self._bottom), (x, self._bottom + 3)])
            yield _text(words, x, self._bottom + 13, INK, anchor="middle")
        for value, words in self._y.ticks:
            _, y = self.at(self._x.low, value)
            yield Look(SOFT, 0.8).line([(self._left - 3, y), (self._left, y)])
            yield _text(words, self._left - 5, y + 3, INK, anchor="end")
        yield _text(self._title, self._left, 11, INK, size=_TITLE)
        yield _text(self._below, (self._left + self._right) / 2, self._bottom + _TICKS + 10, INK, anchor="middle")

    def _name_it(self, label: str, sample: Html) -> None:
        if label:
            self._key.append((label, sample))

    def _named(self) -> Iterable[Html]:
        """Draw the key: below, for dots and bars may lie anywhere within."""
        x, y = self._left, self._height + 8
        for label, sample in self._key:
            yield tag("g", sample, transform=f"translate({x:.2f} {y:.2f})")
            yield _text(label, x + _SAMPLE, y, INK)
            x += _SAMPLE + 12 + _LETTER * len(label)


def _box(place: tuple[float, float, float, float], colour: str, hatched: str) -> Html:
    """Draw a box at x and y with a width and a height."""
    given = dict(zip(("x", "y", "width", "height"), (f"{value:.2f}" for value in place), strict=True))
    plain = tag("rect", **given, fill=colour, stroke=PAGE, stroke_width="0.8")
    return Html(plain.text + tag("rect", **given, fill=hatched).text) if hatched else plain


def _text(words: str, x: float, y: float, colour: str, *, anchor: str = "start", size: int = _TEXT) -> Html:
    more = {} if anchor == "start" else {"text_anchor": anchor}
    more |= {} if size == _TEXT else {"font_size": str(size)}
    return tag("text", words, x=f"{x:.2f}", y=f"{y:.2f}", fill=colour, **more)


def _thinned(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the first, highest, lowest and last place of each column of the picture: the line looks the same."""
    columns: dict[int, list[tuple[float, float]]] = {}
    for place in places:
        columns.setdefault(round(place[0]), []).append(place)

    def height(place: tuple[float, float]) -> float:
        return place[1]

    return [
        place
        for column in columns.values()
        for place in sorted({column[0], min(column, key=height), max(column, key=height), column[-1]})
    ]
