"""Knows what looks like a secret: a recipe is copied into every run directory, so it must hold none."""

from __future__ import annotations

import re

SECRET_KEY = re.compile(
    r"(?:(?:hf|hub|auth|use_auth|access|api|bearer|refresh|github|user)_?)?token\Z"
    r"|(?:\w+_)?(?:secret|password|passwd|passphrase|credentials?)(?:_key)?\Z"
    r"|(?:\w+_)?(?:api|secret|private|access)_?key\Z",
    re.IGNORECASE,
)
"""Names of keys that hold a secret; `pad_token` and the like are none."""

_SECRET_VALUE = re.compile(
    r"\bhf_[A-Za-z0-9]{20,}"  # a Hugging Face access token
    r"|\bBearer\s+\S{16,}"
    r"|://[^/\s:@]*:(?!\d+/)[^\s@\"']+@"  # a password in a URL, and no port
    r"|[?&](?:access_token|token|api_?key|\w*passw(?:or)?d|sig|X-Amz-Signature)=[^&\s]"
)

ADVICE = (
    "a recipe holds no secrets: every run directory keeps a copy of it; put a Hugging Face token into HF_TOKEN, and "
    "the URL of a database into a variable that url_env names"
)


def holds_secret(text: str) -> bool:
    """Return whether a text looks like a token, or like a URL with a password in it."""
    return _SECRET_VALUE.search(text) is not None
