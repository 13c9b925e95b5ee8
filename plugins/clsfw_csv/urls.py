"""Which URLs may be followed, and how one is shown without its secrets."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from clsfw import DataError

_SECRET = re.compile(r"auth|credential|key|pass|pwd|secret|sig|token", re.IGNORECASE)


def redact(url: str) -> str:
    """Show a URL without user, password, and the query values that are likely secrets."""
    try:
        parts = urlsplit(url)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return re.sub(r"//[^/]*@", "//", url.split("?", maxsplit=1)[0])
    query = "&".join(f"{name}={'...' if _SECRET.search(name) else value}" for name, value in pairs)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


def check_url(url: str, came_from: str | None = None) -> None:
    """Refuse a URL that is not safe to read: plain http beyond this machine, or a redirect into a private network.

    `came_from` is the URL that redirected here.

    Raises:
        DataError: it is refused.

    """
    name = redact(url)
    where = name if came_from is None else f"{redact(came_from)}: redirects to {name}, which"
    try:
        scheme, host = urlsplit(url).scheme.lower(), urlsplit(url).hostname
    except ValueError as exc:
        raise DataError(f"{name}: is not a URL: {exc}") from exc
    if not host and scheme in ("http", "https"):
        raise DataError(f"{name}: names no host")
    if host and re.search(r"[^\w.:-]", host):  # a name server would be asked for it
        raise DataError(f"{name}: is not a URL: there is no host {host!r}")
    if scheme not in ("http", "https"):
        raise DataError(f"{where}: is not https; give an https URL or a local path as source")
    if scheme == "http" and not _is_loopback(host):
        raise DataError(
            f"{where}: is plain http, which anyone on the way can change; give its https URL, "
            "or download the file yourself and give its path"
        )
    if came_from is not None and _is_private(host) and not _is_private(urlsplit(came_from).hostname):
        raise DataError(f"{where}: is an address of a private network; give that URL as source if it is meant")


def _is_loopback(host: str | None) -> bool:
    address = _address(host)
    return address.is_loopback if address is not None else host == "localhost"


def _is_private(host: str | None) -> bool:
    address = _address(host)
    return not address.is_global if address is not None else host == "localhost"


def _address(host: str | None) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host or "")
    except ValueError:
        return None
