"""The two pages of the server, which load nothing from anywhere: what a browser may run is named by its hash."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Page:
    """A page, and the policy under which a browser shows it."""

    html: str
    policy: str


def read_page(name: str) -> Page:
    """Read a page of this folder."""
    return _page((Path(__file__).parent / name).read_text(encoding="utf-8"))


def docs_page(openapi: dict[str, Any]) -> Page:
    """Write the page that shows an OpenAPI document."""
    frame = (Path(__file__).parent / "docs.html").read_text(encoding="utf-8")
    return _page(frame.replace("<!--paths-->", "\n".join(_paths(openapi))))


def _page(html: str) -> Page:
    def hashes(tag: str) -> str:
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digests = (base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in found)
        return " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"

    policy = (
        f"default-src 'none'; script-src {hashes('script')}; style-src {hashes('style')}; "
        "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    )
    return Page(html, policy)


def _paths(openapi: dict[str, Any]) -> Iterator[str]:
    for path, methods in openapi["paths"].items():
        for method, about in methods.items():
            yield f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
            yield f"<p>{escape(about.get('description', ''))}</p>"
            body = about.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            if body:
                yield from _fields(body, openapi)
            yield "<table>"
            for code, answer in about["responses"].items():
                yield f"<tr><td><code>{escape(code)}</code></td><td>{escape(answer['description'])}</td></tr>"
            yield "</table>"


def _fields(schema: dict[str, Any], openapi: dict[str, Any]) -> Iterator[str]:
    """List the fields of a body, and an example."""
    about = openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    yield "<table>"
    for name, field in about["properties"].items():
        yield f"<tr><td><code>{escape(name)}</code></td><td>{escape(field.get('description', ''))}</td></tr>"
    yield "</table>"
    for example in about.get("examples", ()):
        yield f"<pre>{escape(json.dumps(example))}</pre>"
