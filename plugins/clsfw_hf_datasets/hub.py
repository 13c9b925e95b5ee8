"""Opens a data set of the Hugging Face hub, with one quick look at whether the hub answers."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import datasets
import huggingface_hub
from datasets import load_dataset_builder
from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from clsfw import ClsfwError, DataError, NetworkError
from clsfw_hf_datasets.opening import Opened, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clsfw import Reporter
    from clsfw_hf_datasets import HfDatasetSettings

_SECONDS = 10.0


def open_hub(settings: HfDatasetSettings, reporter: Reporter) -> Opened:
    """Open a data set of the hub: whole from the cache or the hub, or only its first rows where the settings say so.

    Raises:
        DataError: there is no such data set, revision or configuration.
        NetworkError: the hub cannot be reached, or refuses, and the cache has no copy.

    """
    try:
        info = _ask(settings)
    except NetworkError as exc:
        return _open_cached(settings, reporter, exc)
    builder = _builder(info.id, settings.name, info.sha)
    with broken_off(settings.path):
        if settings.rows is not None:
            parts = builder.as_streaming_dataset()
        else:
            reporter.note(f"fetching {info.id} from {constants.ENDPOINT}, or from the cache if it is there")
            builder.download_and_prepare()
            parts = builder.as_dataset()
    return Opened(parts, {"dataset": info.id, "revision": info.sha})


def _ask(settings: HfDatasetSettings) -> Any:
    """Ask the hub once, so that a dead line is known within seconds.

    Raises:
        DataError: the hub knows no such data set or revision.
        NetworkError: the hub does not answer, or does not help.

    """
    path, hub = settings.path, constants.ENDPOINT
    try:
        return huggingface_hub.HfApi().dataset_info(path, revision=settings.revision, timeout=_SECONDS)
    except HFValidationError as exc:
        raise DataError(f"{path!r} is neither a file or folder here nor a name on the hub: {one_line(exc)}") from exc
    except RevisionNotFoundError as exc:
        raise DataError(f"{path}: has no revision {settings.revision!r} at {hub}") from exc
    except GatedRepoError as exc:
        raise NetworkError(f"{path}: is gated; accept its terms at {hub}/datasets/{path}, then set HF_TOKEN") from exc
    except OfflineModeIsEnabled as exc:
        raise NetworkError(f"{path}: HF_HUB_OFFLINE is set, so {hub} is not asked") from exc
    except HfHubHTTPError as exc:
        status = exc.response.status_code
        if isinstance(exc, RepositoryNotFoundError) or status in (401, 403, 404):  # the hub hides what is private
            raise DataError(
                f"no data set {path!r} at {hub}, and no file or folder of that name here; check the spelling "
                "(if it is private, set HF_TOKEN)"
            ) from exc
        raise NetworkError(f"{path}: {hub} answered with error {status}") from exc
    except Exception as exc:
        # Which errors an HTTP client raises without a network differs between versions of the hub's library.
        raise NetworkError(f"{path}: cannot reach {hub} ({one_line(exc)})") from exc


def _open_cached(settings: HfDatasetSettings, reporter: Reporter, reason: NetworkError) -> Opened:
    with _offline():
        try:
            builder = load_dataset_builder(f"hf://datasets/{settings.path}", settings.name)
            parts = builder.as_dataset()
        except Exception as exc:
            # Whatever the library says of its cache, what counts is that the hub is out of reach.
            # A limit of rows is streamed, of which nothing stays.
            fill = "run once with a network" + ("" if settings.rows is None else " and without rows")
            raise NetworkError(f"{reason}; give a local path, or {fill} to fill the cache") from exc
    commit = str(builder.hash)
    if settings.revision is None:
        reporter.warn(f"{reason}; the newest copy in the cache is used, commit {commit}")
    elif settings.revision != commit:  # which branches and tags a commit had, the cache does not know
        raise NetworkError(
            f"{reason}; asked for is revision {settings.revision!r}, and the newest copy in the cache is commit "
            f'{commit}; if that is meant, write revision = "{commit}"'
        )
    return Opened(parts, {"dataset": settings.path, "revision": commit})


def _builder(name: str, config: str | None, commit: str) -> Any:
    # The prefix keeps a folder of the same name in the current directory from being taken instead.
    with broken_off(name):
        try:
            builder = load_dataset_builder(f"hf://datasets/{name}", config, revision=commit)
        except RuntimeError as exc:
            if "scripts are no longer supported" not in str(exc):
                raise
            raise DataError(
                f"{name}: its data come out of a script, which is never run; many such data sets have a plain copy "
                'under revision = "refs/convert/parquet"'
            ) from exc
    if builder.hash != commit:  # where files of the hub fail, the library takes the newest copy of its cache instead
        raise NetworkError(
            f"{name}: {constants.ENDPOINT} did not give its commit {commit}, and the newest copy in the cache is "
            f"commit {builder.hash}; try again"
        )
    return builder


@contextmanager
def broken_off(name: str) -> Iterator[None]:
    """Distinguish a line that broke in the middle from data that cannot be read.

    Raises:
        NetworkError: the line broke.

    """
    try:
        yield
    except ClsfwError:
        raise
    except Exception as exc:
        if not _is_of_the_line(exc):
            raise
        raise NetworkError(
            f"{name}: the download from {constants.ENDPOINT} broke off ({one_line(exc)}); try again"
        ) from exc


def _is_of_the_line(exc: BaseException | None) -> bool:
    """Return whether an error, or its cause, came from the network; the HTTP client is the hub library's choice."""
    while exc is not None:
        client = type(exc).__module__.partition(".")[0].startswith("httpx")
        if client or isinstance(exc, (HfHubHTTPError, ConnectionError)):
            return True
        exc = exc.__cause__
    return False


@contextmanager
def _offline() -> Iterator[None]:
    """Keep both libraries from trying a dead line again and again for each file; they have no argument for it."""
    before = constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before
