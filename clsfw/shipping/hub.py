"""A repository of the Hugging Face hub, by `huggingface_hub`: what it holds, what is committed to it, read back.

The token goes into a header and nowhere else: not into a file, a URL or a message.
"""

from __future__ import annotations

import hashlib
import logging
import re
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import huggingface_hub
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled, RepositoryNotFoundError
from huggingface_hub.utils._validators import validate_repo_id
from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

from clsfw.errors import ClsfwError, NetworkError, UsageError
from clsfw.kit.manifest import sha256
from clsfw.kit.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

Kind = Literal["model", "dataset"]

SILENCE = 120.0  # seconds without a byte from the hub, after which it is given up; its library would wait for ever
_SECONDS = 20.0  # for the first answer
_USER_IN_URL = re.compile(r"//[^/@\s]*@")
_LONGEST = 300  # characters of what the hub says


@dataclass(frozen=True)
class State:
    """A repository as it is at a commit: the hash of each file by its path, and whether strangers may read it."""

    commit: str
    private: bool
    hashes: Mapping[str, str]


class Repository:
    """A repository that is pushed to.

    Raises:
        UsageError: its name is not one, or there is no token.

    """

    def __init__(self, name: str, kind: Kind, warn: Callable[[str], None]) -> None:
        self.name, self.kind = name, kind
        self._warn = warn
        try:
            validate_repo_id(name)
        except HFValidationError as exc:
            raise UsageError(f"{name!r} is not a name on the hub: {clean(str(exc))}") from exc
        if name.count("/") != 1:
            raise UsageError(f"{name!r} is not a name on the hub; give it as NAMESPACE/NAME")
        if constants.HF_HUB_OFFLINE:
            raise NetworkError(f"{name}: HF_HUB_OFFLINE is set, so {self.hub} is not asked")
        self._token = huggingface_hub.get_token()
        if self._token is None:
            raise UsageError(f"{self.hub} takes a push with a token only: set HF_TOKEN, or run `hf auth login`")
        self._api = huggingface_hub.HfApi(token=self._token)

    @property
    def hub(self) -> str:
        """The address of the hub."""
        return _USER_IN_URL.sub("//", str(constants.ENDPOINT))

    @property
    def url(self) -> str:
        """The address of the repository, for people."""
        return f"{self.hub}/{'datasets/' if self.kind == 'dataset' else ''}{self.name}"

    def open(self, *, private: bool) -> State:
        """Return the repository as it is; one that does not exist yet is made.

        Raises:
            NetworkError: the hub cannot be reached, or refuses.
            UsageError: it should be private, and is public.

        """
        with self._asked("asking for it"):
            try:
                info = self._info()
            except RepositoryNotFoundError:  # the hub also says so of what this token may not see
                self._api.create_repo(self.name, repo_type=self.kind, private=private or None, exist_ok=True)
                info = self._info()
            if private and not info.private:
                raise UsageError(f"{self.url} exists and is public; make it private there, or give another name")
            tree = self._api.list_repo_tree(self.name, recursive=True, revision=info.sha, repo_type=self.kind)
            files = [entry for entry in tree if isinstance(entry, huggingface_hub.hf_api.RepoFile)]
        # A small file is known by the hash that git has for it, a large one by its SHA-256.
        hashes = {file.path: file.blob_id if file.lfs is None else file.lfs.sha256 for file in files}
        return State(str(info.sha), bool(info.private), hashes)

    def fetch(self, path: str, commit: str, folder: Path) -> Path:
        """Download a file as it is at a commit.

        Raises:
            NetworkError: it does not come.

        """
        with self._asked(f"reading {path} back"):
            options: dict[str, Any] = {"revision": commit, "repo_type": self.kind, "cache_dir": folder}
            return Path(huggingface_hub.hf_hub_download(self.name, path, token=self._token, **options))

    def commit(self, add: Mapping[str, Path], delete: Iterable[str], parent: str, message: str) -> str:
        """Change files in one commit, whole or not at all, and return the commit.

        Raises:
            NetworkError: the hub cannot be reached, or refuses.

        """
        operations: list[Any] = [huggingface_hub.CommitOperationAdd(path, file) for path, file in add.items()]
        operations += [huggingface_hub.CommitOperationDelete(path) for path in delete]
        with self._asked("uploading; a push is taken as a whole or not at all"):
            done = self._api.create_commit(
                self.name, operations, commit_message=message, repo_type=self.kind, parent_commit=parent
            )
        return str(done.oid)

    def _info(self) -> Any:
        return self._api.repo_info(self.name, repo_type=self.kind, timeout=_SECONDS)

    @contextmanager
    def _asked(self, doing: str) -> Iterator[None]:
        """Turn what the hub's library raises into one message, and what it prints into warnings."""
        with _quiet(), _impatient(), warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                yield
            except ClsfwError:
                raise
            except Exception as exc:  # which errors an HTTP client raises differs between versions of the library
                raise self._told(exc, doing) from exc
        for warning in warned:
            self._warn(self._safe(str(warning.message)))

    def _told(self, exc: Exception, doing: str) -> NetworkError:
        refused = isinstance(exc, ValueError) and not isinstance(exc, HfHubHTTPError)  # by the check of the card
        status = None if refused else _status(exc)
        told = {
            401: "refuses the token; one with the right to write belongs into HF_TOKEN",
            403: "does not let this token write there; it needs the right to write, for this namespace",
            409: "has another commit there meanwhile; push again",
            412: "has another commit there meanwhile; push again",
        }
        if isinstance(exc, OfflineModeIsEnabled):
            words = f"HF_HUB_OFFLINE is set, so {self.hub} is not asked"
        elif status in told:
            words = f"{self.hub} {told[status]} ({doing})"
        elif status is not None:
            words = f"{self.hub} answered with error {status} ({doing}); try again"
        elif refused:
            words = f"{self.hub} does not take it: {self._safe(str(exc))}"
        else:
            words = f"{self.hub} cannot be reached, or broke off ({doing}): {self._safe(str(exc))}; try again"
        return NetworkError(f"{self.name}: {words}")

    def _safe(self, text: str) -> str:
        words = clean(_USER_IN_URL.sub("//", text)).strip()[:_LONGEST]
        return words.replace(str(self._token), "***")


def _status(exc: BaseException | None) -> int | None:
    """Return the status of the answer that an error came of; the library wraps some."""
    while exc is not None:
        if isinstance(exc, HfHubHTTPError) and exc.response is not None:
            return int(exc.response.status_code)
        exc = exc.__cause__
    return None


def hub_hashes(file: Path) -> tuple[str, str]:
    """Return the hashes by which a hub may know a file: that of git, and SHA-256."""
    digest = hashlib.sha1(b"blob %d\0" % file.stat().st_size, usedforsecurity=False)
    with file.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest(), sha256(file)


@contextmanager
def _impatient() -> Iterator[None]:
    """Let the client of the hub's library give up after a silence."""
    client = huggingface_hub.get_session()
    before, client.timeout = client.timeout, SILENCE
    try:
        yield
    finally:
        client.timeout = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the bars and the log of the hub's library from the terminal."""
    log = logging.getLogger("huggingface_hub")
    level, bars = log.level, not are_progress_bars_disabled()
    log.setLevel(logging.CRITICAL)
    disable_progress_bars()
    try:
        yield
    finally:
        log.setLevel(level)
        if bars:
            enable_progress_bars()
