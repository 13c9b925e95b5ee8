"""Group D: what is wrong with the data, told with the file and its line before a run directory is made."""

from __future__ import annotations

import hashlib
import json
import socket

import pytest
from support.data_faults import DATA_FAULTS
from support.data_faults import GOOD as ROWS
from support.http_server import Reply

from clsfw.store.rundir import read_run
from clsfw_csv import download
from clsfw_csv.transfer import Policy

TEXTS = "text,label\n" + "".join(f"a film number {n},{'ab'[n % 2]}\n" for n in range(20))

GPU = '[trainer]\nuse = "gpu-trainer"\nmax_steps = 3'

SPLIT = """\
method = "in-order"
train = 12
validation = 4
test = 4
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """Wait as long as a test may take, not as long as a network may."""
    policy = Policy(delays=(0.01,), longest_wait=1, connect_timeout=0.5, read_timeout=0.3)
    monkeypatch.setattr(download, "POLICY", policy)


def toml(value):
    """Write a value as TOML; the strings of JSON are strings of TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {toml(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value)


@pytest.mark.parametrize("fault", DATA_FAULTS, ids=str)
def test_a_bad_file_is_refused_at_its_line(fault, refused, toy, tmp_path):
    (tmp_path / fault.file).write_bytes(fault.content)
    settings = [part for key, value in fault.settings.items() for part in ("--set", f"data.{key}={toml(value)}")]

    answer = refused(3, "run", toy(("texts.csv", fault.file)), *settings)

    assert answer.err.startswith(f"clsfw: error: {fault.place}:")
    assert [] == [words for words in fault.says if words not in answer.err]


def test_53_a_file_that_is_not_there(refused, toy):
    assert "error: text.csv: " in refused(3, "run", toy(("texts.csv", "text.csv"))).err


def test_53_a_folder(refused, toy, tmp_path):
    (tmp_path / "folder").mkdir()

    assert "folder: is a directory; name a file in it" in refused(3, "run", toy(("texts.csv", "folder"))).err


def test_64_line_ends_within_quotes_are_accepted(cli, toy):
    texts = "text,label\n" + "".join(f'"film\n{n}",{"pos" if n % 2 else "neg"}\n' for n in range(20))

    assert 0 == cli("run", toy(texts=texts), "--out", "run").code


def test_69_a_class_that_is_never_in_train(refused, toy):
    texts = "text,label\n" + "".join(f"film {n},{'ab'[n % 2] if n < 17 else 'c'}\n" for n in range(20))

    assert "class 'c' is in the test split (3 rows), but never in train" in refused(3, "run", toy(texts=texts)).err


def test_70_a_class_with_one_row_under_a_stratified_split(refused, toy):
    texts = "text,label\n" + "".join(f"film {n},{'ab'[n % 2] if n else 'c'}\n" for n in range(20))

    answer = refused(3, "run", toy(("in-order", "stratified"), texts=texts))

    assert "class 'c' has 1 row(s), too few for a stratified split into 3 parts" in answer.err


def test_71_splits_larger_than_the_data(refused, toy):
    answer = refused(3, "run", toy(("train = 12", "train = 15")))

    assert "the splits ask for 23 rows (train 15, validation 4, test 4), but the data has 20" in answer.err


def test_72_a_split_of_no_rows(refused, toy):
    assert "recipe.toml:11:9: [split] train" in refused(2, "run", toy(("train = 12", "train = 0"))).err


def test_72_a_fraction_that_comes_to_no_rows(refused, toy):
    shares = SPLIT.replace("12", "0.5").replace("validation = 4", "validation = 0.01").replace("test = 4", "test = 0.4")

    assert "the validation split is empty" in refused(3, "run", toy((SPLIT, shares))).err


LEAKING = "text,label\n" + "".join(f"film {n % 11},{'ab'[n % 2]}\n" for n in range(20))


def test_73_equal_texts_are_counted_before_and_after_training(cli, toy, tmp_path):
    recipe = toy(texts=LEAKING)

    checked, ran = cli("check", recipe), cli("run", recipe, "--out", "run")

    assert (0, 0) == (checked.code, ran.code)
    assert "validation text(s) also occur in train" in checked.out
    assert "warning: EVERY test row also occurs in training or validation (4 of 4)" in checked.out
    assert "!!! WARNING: EVERY test row also occurs in training or validation (4 of 4)" in ran.out
    assert "text(s) have two labels" in checked.out
    leaks = json.loads((tmp_path / "run" / "metrics.json").read_text())["leaks"]
    assert leaks["train_test"]["folded"]


def test_73_equal_texts_can_be_kept_together(cli, toy):
    shares = 'method = "random"\ngroup_by = "text"\ntrain = 12\ntest = 8\n'

    answer = cli("check", toy((SPLIT, shares), texts=LEAKING))

    assert 0 == answer.code
    assert "also occur in" not in answer.out


def test_76_a_file_without_a_hash_is_told_with_the_line_that_pins_it(cli, toy, http_server):
    url = http_server.script("/texts.csv", Reply(body=ROWS))

    answer = cli("check", toy(("texts.csv", url), (SPLIT, 'method = "in-order"\ntrain = 3\ntest = 1\n')))

    assert 0 == answer.code
    assert f'sha256 = "{hashlib.sha256(ROWS).hexdigest()}"' in answer.told


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        (Reply(404), 3, "no such file (404 Not Found)"),
        (Reply(403), 5, "the server refuses (403 Forbidden)"),
        (Reply(500), 5, "the server answered 500 Internal Server Error; gave up"),
        (Reply(429), 5, "429 Too Many Requests"),
        (Reply(body=b"<!DOCTYPE html><html>"), 3, "gives a web page"),
        (Reply(302, headers={"Location": "http://example.org/x"}), 3, "is plain http"),
        (Reply(302, headers={"Location": "/texts.csv"}), 3, "redirects more than 5 times"),
        (Reply(body=ROWS, wait=0.6), 5, "give a local copy as source"),
        (Reply(body=ROWS, cut=9), 5, "the connection was cut"),
    ],
    ids=["404", "403", "500", "429", "web-page", "redirect", "loop", "slow", "cut"],
)
def test_76_a_server_that_does_not_give_the_file(reply, code, words, refused, toy, http_server):
    url = http_server.script("/texts.csv", reply)

    answer = refused(code, "run", toy(("texts.csv", url)))

    assert answer.err.startswith(f"clsfw: error: {url}: ")
    assert words in answer.err


def test_76_another_hash_than_the_pinned_one(refused, toy, http_server):
    url = http_server.script("/texts.csv", Reply(body=ROWS))

    answer = refused(3, "run", toy(('"texts.csv"', f'"{url}"\nsha256 = "{"0" * 64}"')))

    assert hashlib.sha256(ROWS).hexdigest() in answer.err
    assert "0" * 64 in answer.err


def test_76_plain_http_beyond_this_machine(refused, toy):
    answer = refused(3, "run", toy(("texts.csv", "http://example.org/texts.csv")))

    assert "http://example.org/texts.csv: is plain http" in answer.err
    assert "give its https URL" in answer.err


def test_76_a_server_that_is_gone(refused, toy):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/texts.csv"
        answer = refused(5, "run", toy(("texts.csv", url)))

    assert "cannot reach 127.0.0.1" in answer.err


def test_76_a_proxy_that_is_gone(refused, toy, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")

    assert "example.org" in refused(5, "run", toy(("texts.csv", "https://example.org/texts.csv"))).err


def test_77_a_file_that_changes_while_it_is_read(refused, toy, tmp_path, monkeypatch):
    from clsfw.report.live import Plain

    recipe = toy(texts=TEXTS.replace("film", "play"))  # no other test has read these
    # The reader tells its progress while the file is open: here somebody adds a row at that moment.
    late = (tmp_path / "texts.csv").read_bytes() + b"late,pos\n"
    monkeypatch.setattr(Plain, "progress", lambda *_: (tmp_path / "texts.csv").write_bytes(late))

    assert "texts.csv: changed while it was read" in refused(3, "run", recipe).err


def test_80_texts_longer_than_the_model_takes_are_counted(cli, toy):
    model = 'use = "hf-distilbert"\nmax_length = 8\nscratch = { dim = 8, hidden_dim = 8, n_layers = 1, n_heads = 1 }'
    texts = "text,label\n" + "".join(f"{'film ' * 50}{n},{'ab'[n % 2]}\n" for n in range(20))

    answer = cli(
        "check", toy(('[model]\nuse = "toy"', f"[model]\n{model}"), ('[trainer]\nuse = "toy"', GPU), texts=texts)
    )

    assert 0 == answer.code
    assert "of 12 training texts, 100.0% are longer than 8 tokens and will be cut" in answer.told


def test_80_equal_texts_are_told(cli, toy):
    texts = "text,label\n" + "".join(f"film,{'ab'[n % 2]}\n" for n in range(20))

    answer = cli("check", toy(texts=texts))

    assert 0 == answer.code
    assert "train text(s) occur more than once" in answer.told


def test_a_file_of_rows_is_not_for_the_source_of_the_hub(refused, toy):
    recipe = toy(('use = "csv"\nsource = "texts.csv"', 'use = "hf-dataset"\npath = "texts.csv"'))

    assert (
        "texts.csv: Dataset.save_to_disk did not write it; read the file by use = 'csv'"
        in refused(3, "run", recipe).err
    )


def test_a_data_set_of_the_hub_without_a_network(refused, toy):
    answer = refused(5, "run", toy(('use = "csv"\nsource = "texts.csv"', 'use = "hf-dataset"\npath = "some/reviews"')))

    assert "some/reviews" in answer.err


def test_a_failure_of_the_data_leaves_an_interrupted_run_as_it_was(interrupted, cli, tmp_path):
    (tmp_path / "texts.csv").write_bytes(b"text,label\nfine\n")

    answer = cli("run", tmp_path / "recipe.toml", "--out", interrupted, "--set", "trainer.stop_at=5")

    assert 3 == answer.code
    assert "interrupted" == read_run(interrupted, allow_incomplete=True)["state"]
