"""What a saved model may hold: nothing whose loading runs code, and nothing that a reader could wait on."""

from __future__ import annotations

import os
import pickle

import numpy as np
import pytest

from clsfw.errors import PluginError
from clsfw.kit.saved import check_saved


def test_plain_files_are_let_through(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "labels.json").write_text("{}", encoding="utf-8")
    np.save(tmp_path / "w.npy", np.ones(3))
    np.savez(tmp_path / "w.npz", np.ones(3))
    # A safetensors file begins with the length of its header: 640 looks like the start of a pickle.
    (tmp_path / "model.safetensors").write_bytes((640).to_bytes(8, "little") + b"{" + b" " * 639)

    check_saved(tmp_path, "it")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("extra.bin", pickle.dumps({"a": 1})),
        ("old.bin", pickle.dumps([1], protocol=2)),
        ("model.joblib", b"anything"),
    ],
)
def test_a_pickle_is_refused(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(PluginError, match=f"^it saves {name} as a pickle"):
        check_saved(tmp_path, "it")


def test_an_array_of_objects_is_a_pickle_in_an_archive_too(tmp_path):
    np.savez(tmp_path / "words.npz", np.array(["a", None], dtype=object))

    with pytest.raises(PluginError, match=r"^it saves words\.npz as a pickle"):
        check_saved(tmp_path, "it")


def test_a_link_is_refused(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "weights").symlink_to("/etc/hostname")

    with pytest.raises(PluginError, match=r"^it saves deep/weights, which is a symbolic link"):
        check_saved(tmp_path, "it")


def test_a_fifo_is_refused_and_not_read(tmp_path):
    os.mkfifo(tmp_path / "weights")

    with pytest.raises(PluginError, match=r"^it saves weights, which is not a plain file"):
        check_saved(tmp_path, "it")
