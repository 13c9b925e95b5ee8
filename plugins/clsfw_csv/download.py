"""Downloads a file once, whatever the line does, and keeps it by its content.

In the folder `downloads` of the cache, `HASH.json` remembers what a URL gave (HASH is the URL's own), `HASH.part` is
what a cut download left to go on from, and a file named by a SHA-256 is the content with that hash.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from clsfw import NetworkError
from clsfw.kit import alone, cache_directory, explained, rename, sync, write_json
from clsfw_csv.inputs import check_pin, read_json, sha256_of
from clsfw_csv.transfer import Policy, Transfer, Version
from clsfw_csv.urls import check_url, redact

if TYPE_CHECKING:
    from pathlib import Path

    from clsfw import Reporter

POLICY = Policy()


def download(url: str, sha256: str | None, max_bytes: int, reporter: Reporter) -> tuple[Path, str]:
    """Return a local copy of what the URL holds, and its SHA-256; pinned content that is already here needs no network.

    Raises:
        DataError: the URL is refused, or its content is not the pinned one, too large, or a web page.
        NetworkError: it cannot be had, and no copy is in the cache.
        HostError: the cache cannot be written.

    """
    name = redact(url)
    check_url(url)
    folder = cache_directory("downloads")
    if sha256 is not None and _is_intact(folder, sha256):
        return folder / sha256, sha256
    key = hashlib.sha256(url.encode()).hexdigest()[:32]
    with alone(folder / f"{key}.lock", f"downloading {name}", reporter):
        transfer = Transfer(url, folder / f"{key}.part", max_bytes, reporter, POLICY)
        digest = _fetch(transfer, sha256, folder / f"{key}.json")
    if sha256 is None:
        reporter.warn(
            f'{name}: its content is not pinned; to get the same each time, add to [data]: sha256 = "{digest}"'
        )
    return folder / digest, digest


def _fetch(transfer: Transfer, sha256: str | None, record: Path) -> str:
    """Bring the content into the cache and give its hash; `record` is the file that remembers it."""
    name, part, folder = redact(transfer.url), transfer.part, record.parent
    known, version = _remembered(record) if sha256 is None else (None, None)
    try:
        got = transfer.run(version)
    except NetworkError as exc:
        if known is not None:
            transfer.reporter.warn(f"{exc}; the copy in the cache is used, which may be out of date")
            return known
        raise NetworkError(f"{exc}; give a local copy as source, or run once with a network to fill the cache") from exc
    if got is None:
        if known is None:
            raise NetworkError(f"{name}: the server says that nothing has changed, though nothing is in the cache")
        return known
    with explained(folder):
        digest = sha256_of(part)
        note = part.with_name(f"{part.name}.json")
        note.unlink(missing_ok=True)
        if sha256 is not None and digest != sha256:
            part.unlink()
            check_pin(name, digest, sha256)
        sync(part)
        rename(part, folder / digest)
        sync(folder)
    write_json(record, {"url": name, "sha256": digest, "etag": got.etag, "modified": got.modified})
    return digest


def _remembered(record: Path) -> tuple[str | None, Version | None]:
    """Return the hash and the version of what this URL gave last time, if that is still in the cache."""
    try:
        match read_json(record):
            case {
                "sha256": str(digest),
                "etag": str() | None as etag,
                "modified": str() | None as modified,
            } if _is_intact(record.parent, digest):
                return digest, Version(etag, modified)
    except (OSError, ValueError):
        pass  # no record, or a damaged one: it is as if nothing had been downloaded
    return None, None


def _is_intact(folder: Path, digest: str) -> bool:
    try:
        return sha256_of(folder / digest) == digest
    except OSError:
        return False
