"""HTML that cannot be forgotten to be escaped: a plain string is always text, and only `Html` is markup."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clsfw.kit.text import clean_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

VOID = frozenset({"br", "hr", "meta"})


@dataclass(frozen=True)
class Html:
    """Markup that this package made."""

    text: str


Child = Html | str


def tag(name: str, /, *children: Child, **attributes: str) -> Html:
    """Make an element; strings are escaped, `class_` and `for_` stand for `class` and `for`."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{_escape(value)}"' for key, value in attributes.items())
    if name in VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{join(children).text}</{name}>")


def join(children: Iterable[Child], between: str = "") -> Html:
    """Put parts one after the other."""
    return Html(between.join(child.text if isinstance(child, Html) else _escape(child) for child in children))


def table(
    head: Sequence[Child], rows: Iterable[Sequence[Child]], *, class_: str = "", name: str = "Table, scrolls sideways"
) -> Html:
    """Make a table whose first column names the row, in a box that scrolls where a phone is too narrow.

    The box can be scrolled by the keyboard, and is called `name` there.
    """
    top = tag("tr", *(tag("th", cell, scope="col") if cell else tag("td") for cell in head))
    body = [tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:])) for row in rows]
    made = tag("table", *([tag("thead", top)] if head else []), tag("tbody", *body), class_=class_)
    return tag("div", made, class_="scroll", tabindex="0", role="group", aria_label=name)


def details(summary: str, *children: Child) -> Html:
    """Make a part that opens at a touch; on paper it stays as it is."""
    return tag("details", tag("summary", summary), *children)


def percent(share: float, digits: int = 1) -> str:
    """Write a share as `89.1 %`, with a blank that does not break."""
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def _escape(text: str) -> str:
    return html.escape(clean_lines(text), quote=True)
