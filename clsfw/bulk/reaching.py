"""Says in one message what went wrong with a file, whichever library met it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from clsfw.errors import ClsfwError, DataError, HostError, NetworkError
from clsfw.kit.disk import explained
from clsfw.kit.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clsfw.bulk.places import Place

INSTALL = {
    "s3": 'pip install "clsfw[s3]"',
    "gs": "pip install gcsfs",
    "hf": "pip install huggingface-hub",
}
"""The protocols of object storage, and how their libraries are installed."""

_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, or `gcloud auth application-default login`",
    "hf": "HF_TOKEN, or `hf auth login`",
}
_LIBRARIES = ("aiobotocore", "aiohttp", "botocore", "fsspec", "gcsfs", "google", "httpx", "huggingface_hub", "s3fs")
_NO_CREDENTIALS = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "DefaultCredentialsError",
    "LocalTokenNotFoundError",
}


@contextmanager
def reached(place: Place, doing: str) -> Iterator[None]:
    """Turn what goes wrong in the block into the error of this house that names the place.

    Raises:
        DataError: what is to be read is not there.
        HostError: the operating system or the server refused.
        NetworkError: the server could not be reached.

    """
    try:
        yield
    except ClsfwError:
        raise
    except OSError as exc:
        if place.protocol is None:
            with explained(place.path, doing):
                if doing == "read" and isinstance(exc, FileNotFoundError):
                    raise DataError(f"{place}: no such file") from exc
                raise
        raise _told(place, doing, exc) from exc
    except Exception as exc:
        if place.protocol is None or type(exc).__module__.partition(".")[0] not in _LIBRARIES:
            raise
        raise _told(place, doing, exc) from exc


def _told(place: Place, doing: str, exc: Exception) -> ClsfwError:
    credentials = _CREDENTIALS[place.protocol or "s3"]
    words = clean(str(exc) or type(exc).__name__)[:300]
    if isinstance(exc, FileNotFoundError):
        if doing == "read":
            return DataError(f"{place}: no such file or bucket ({words})")
        return HostError(f"cannot {doing} {place}: there is no such bucket ({words}); make it first")
    if type(exc).__name__ in _NO_CREDENTIALS:
        return HostError(f"cannot {doing} {place}: there are no credentials; set {credentials}")
    if isinstance(exc, PermissionError):
        return HostError(f"cannot {doing} {place}: the server refuses it ({words}); look at {credentials}")
    return NetworkError(
        f"cannot {doing} {place}: the server cannot be reached, or broke off ({words}); the same command goes on"
    )
