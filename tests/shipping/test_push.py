"""Runs, artifacts and data pushed to a hub on this machine, by the command line and the real client."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from support.http_server import Reply
from support.model_hub import Repository, refuse
from support.push_hub import TOKEN, metadata_errors

import clsfw
from clsfw.cli import main


def hub_files(hub, name):
    return {path: body for path, body in hub.repositories[name].files.items() if path != ".gitattributes"}


def folder_files(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def pushed(hub, push, small_run):
    """Push the run once, and give what the command said."""
    del hub.server.requests[:]
    code, out, err = push("push", small_run, "me/small")
    assert 0 == code, err
    return out + err, list(hub.server.requests)


class TestRun:
    def test_the_folder_model_becomes_the_repository(self, hub, pushed, small_run):
        files = hub_files(hub, "me/small")
        del files["clsfw-push.json"]

        assert folder_files(small_run / "model") == files

    def test_the_repository_says_of_which_run_it_is(self, hub, pushed, small_run):
        said = json.loads(hub.repositories["me/small"].files["clsfw-push.json"])
        record = json.loads((small_run / "run.json").read_text(encoding="utf-8"))

        assert {name: record[name] for name in ("name", "identity", "manifest")} == said["of"]

    def test_the_address_the_commit_and_the_size_are_said(self, hub, pushed):
        said, _ = pushed

        assert f"{hub.server.base}/me/small (public), commit {hub.repositories['me/small'].commit}" in said
        assert "read back, every hash fits" in said

    def test_every_file_is_read_back_at_that_commit(self, hub, pushed, small_run):
        _, requests = pushed
        last = max(i for i, request in enumerate(requests) if "/commit/main" in request.path)
        read = {request.path.rpartition("/")[2] for request in requests[last:] if request.method == "GET"}

        assert {path.name for path in (small_run / "model").rglob("*") if path.is_file()} <= read

    def test_the_token_goes_into_one_header_and_nowhere_else(self, pushed):
        said, requests = pushed

        assert TOKEN not in said
        assert [] == [one.path for one in requests if TOKEN in one.path or TOKEN.encode() in one.body]
        assert {"authorization"} == {name for one in requests for name, value in one.headers.items() if TOKEN in value}
        assert [] == [
            one.path for one in requests if one.path.startswith("/upload/") and "authorization" in one.headers
        ]

    def test_the_same_again_commits_nothing_and_says_so(self, hub, push, pushed, small_run):
        before = hub.repositories["me/small"].commit
        code, out, _ = push("push", small_run, "me/small")

        assert 0 == code
        assert "nothing changed: all is there already" in out
        assert before == hub.repositories["me/small"].commit

    def test_the_card_passes_the_hub_s_check_and_is_read_as_scores(self, hub, pushed):
        from huggingface_hub import ModelCard

        card = hub.repositories["me/small"].files["README.md"].decode()

        assert [] == metadata_errors(card)
        assert "95 % interval" in card
        assert {"accuracy", "f1"} <= {result.metric_type for result in ModelCard(card).data.eval_results}

    def test_a_private_repository_is_made_private(self, hub, push, small_run):
        code, out, _ = push("push", small_run, "me/secret", "--private")

        assert 0 == code
        assert "(private)" in out
        assert hub.repositories["me/secret"].private


class TestArtifact:
    def test_it_goes_whole_and_predicts_where_it_is_downloaded(self, hub, push, artifact, tmp_path):
        code, _, err = push("push", artifact, "me/artifact")
        assert 0 == code, err
        for path, body in hub_files(hub, "me/artifact").items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(body)

        assert clsfw.load(artifact)("superb") == clsfw.load(tmp_path)("superb")

    def test_its_card_holds_the_proof(self, hub, push, artifact):
        push("push", artifact, "me/artifact")
        card = hub.repositories["me/artifact"].files["README.md"].decode()

        assert "## Parity with the run" in card
        assert [] == metadata_errors(card)


class TestWhatIsThere:
    @pytest.fixture
    def edited(self, hub, push, pushed, small_run):
        """Give the repository with a README that somebody edited."""
        name = "me/edited"
        assert 0 == push("push", small_run, name)[0]
        repository = hub.repositories[name]
        repository.files["README.md"] = b"# my own words\n"
        yield repository
        del hub.repositories[name]

    def test_a_card_that_was_edited_is_not_overwritten_without_being_told(self, push, edited, small_run):
        code, _, err = push("push", small_run, "me/edited")

        assert 2 == code
        assert "has a README.md that was edited or written there by somebody else; --overwrite replaces it" in err
        assert b"# my own words\n" == edited.files["README.md"]

    def test_it_is_when_that_is_said(self, push, edited, small_run):
        assert 0 == push("push", small_run, "me/edited", "--overwrite")[0]
        assert (small_run / "model/README.md").read_bytes() == edited.files["README.md"]

    def test_a_repository_of_somebody_else_s_files_is_left_alone(self, hub, push, small_run):
        hub.repositories["me/other"] = Repository({"model.safetensors": b"other weights"})
        code, _, err = push("push", small_run, "me/other")

        assert 2 == code
        assert "model.safetensors that was edited or written there by somebody else" in err
        assert {"model.safetensors": b"other weights"} == hub_files(hub, "me/other")

    def test_another_run_replaces_the_last_one_and_leaves_files_of_others(self, hub, push, small_run, artifact):
        name = "me/replaced"
        assert 0 == push("push", small_run, name)[0]
        hub.repositories[name].files["notes.txt"] = b"mine"
        code, _, err = push("push", artifact, name)
        files = hub_files(hub, name)

        assert 0 == code, err
        assert b"mine" == files.pop("notes.txt")
        assert {*json.loads(files["clsfw-push.json"])["files"], "clsfw-push.json"} == set(files)
        assert "model.safetensors" not in files

    def test_a_list_of_the_last_push_that_was_damaged_counts_for_nothing(self, hub, push, small_run):
        name = "me/damaged"
        assert 0 == push("push", small_run, name)[0]
        hub.repositories[name].files["clsfw-push.json"] = b'{"files": {"README.md": 7, "config.json": {"sha256": []}}}'
        code, out, _ = push("push", small_run, name)

        assert 0 == code
        assert "1 changed" in out

    def test_a_public_repository_is_not_taken_for_a_private_push(self, hub, push, pushed, small_run):
        code, _, err = push("push", small_run, "me/small", "--private")

        assert 2 == code
        assert "exists and is public; make it private there, or give another name" in err


class TestRefused:
    @pytest.mark.parametrize(
        ("step", "reply", "words"),
        [
            ("create", refuse(401, "", "no"), "refuses the token"),
            ("create", refuse(403, "", "no"), "does not let this token write there"),
            (
                "validate",
                Reply(400, b'{"errors": [{"message": "bad card"}]}'),
                "Invalid metadata in README.md. - bad card",
            ),
            ("preupload", Reply(500), "answered with error 500 (uploading; a push is taken as a whole or not at all)"),
            ("upload", Reply(500), "answered with error 500"),
            ("upload", Reply(200, b"abc", announce=9, cut=1), "or broke off (uploading"),
            ("commit", refuse(412, "", "no"), "has another commit there meanwhile; push again"),
            ("commit", refuse(409, "", "no"), "has another commit there meanwhile; push again"),
            ("commit", Reply(500), "answered with error 500"),
        ],
        ids=lambda value: value if isinstance(value, str) else str(getattr(value, "status", "")),
    )
    def test_a_push_that_fails_changes_no_file_and_can_be_done_again(
        self, hub, push, faults, small_run, step, reply, words
    ):
        hub.repositories.pop("me/failing", None)
        faults[step] = reply
        code, out, err = push("push", small_run, "me/failing")
        there = hub_files(hub, "me/failing") if "me/failing" in hub.repositories else {}
        faults.clear()

        assert (5, "", {}) == (code, out, there)
        assert words in err
        assert "Traceback" not in err
        assert TOKEN not in err
        assert 0 == push("push", small_run, "me/failing")[0]

    def test_a_hub_that_falls_silent_is_given_up(self, push, faults, small_run):
        faults["commit"] = Reply(200, wait=6)
        code, out, err = push("push", small_run, "me/silent", silence=2)

        assert (5, "") == (code, out)
        assert "cannot be reached, or broke off (uploading; a push is taken as a whole or not at all)" in err

    def test_what_comes_back_otherwise_than_it_was_sent_is_found_out(self, hub, push, small_run):
        name = "me/flipping"
        hub.repositories[name] = Repository({}, damaged=frozenset({"config.json"}))
        code, out, err = push("push", small_run, name)

        assert (5, "") == (code, out)
        assert "returns another config.json than was sent; do not use commit" in err

    def test_another_s_namespace(self, push, small_run):
        code, _, err = push("push", small_run, "you/small")

        assert 5 == code
        assert "you/small: http://127.0.0.1" in err
        assert "does not let this token write there" in err

    def test_a_token_that_the_hub_does_not_know(self, push, small_run):
        code, _, err = push("push", small_run, "me/small", token="hf_wrong")

        assert 5 == code
        assert "refuses the token; one with the right to write belongs into HF_TOKEN" in err
        assert "hf_wrong" not in err

    def test_no_token(self, hub, push, small_run):
        del hub.server.requests[:]
        code, _, err = push("push", small_run, "me/small", token="")

        assert 2 == code
        assert "takes a push with a token only: set HF_TOKEN" in err
        assert [] == hub.server.requests

    def test_offline(self, hub, push, small_run):
        del hub.server.requests[:]
        code, _, err = push("push", small_run, "me/small", offline=True)

        assert 5 == code
        assert "HF_HUB_OFFLINE is set, so http://127.0.0.1" in err
        assert [] == hub.server.requests

    def test_a_hub_that_is_not_there_and_an_address_with_a_password(self, push, small_run):
        code, _, err = push("push", small_run, "me/small", endpoint="http://user:secret@127.0.0.1:9")

        assert 5 == code
        assert "http://127.0.0.1:9 cannot be reached" in err
        assert "secret" not in err

    @pytest.mark.parametrize("name", ["small", "me/sm--all", "me/small/er", "me/", "/etc/passwd", "me/a b"])
    def test_what_is_not_a_name(self, push, small_run, name):
        code, _, err = push("push", small_run, name)

        assert 2 == code
        assert "is not a name on the hub" in err

    def test_a_run_that_is_not_complete(self, hub, push, small_run, tmp_path):
        copy = shutil.copytree(small_run, tmp_path / "run")
        record = json.loads((copy / "run.json").read_text(encoding="utf-8"))
        (copy / "run.json").write_text(json.dumps({**record, "state": "interrupted"}), encoding="utf-8")
        del hub.server.requests[:]
        code, _, err = push("push", copy, "me/small")

        assert 6 == code
        assert "is not complete: its state is 'interrupted'" in err
        assert [] == hub.server.requests

    def test_a_run_whose_weights_were_changed(self, push, small_run, tmp_path):
        copy = shutil.copytree(small_run, tmp_path / "run")
        (copy / "model/config.json").write_text("{}", encoding="utf-8")
        code, _, err = push("push", copy, "me/small")

        assert 6 == code
        assert "model/config.json" in err


@pytest.fixture(scope="module")
def data(hub, push, small_run):
    """Push the data of the run's recipe."""
    code, _, err = push("export-data", small_run.with_name("recipe.toml"), "--to-hub", "me/rows")
    assert 0 == code, err


class TestData:
    def test_the_splits_are_read_as_the_notebook_reads_them(self, hub, push, data, tmp_path):
        program = (
            "from datasets import load_dataset; d = load_dataset('me/rows'); "
            "print({s: p.num_rows for s, p in d.items()}, d['train'].features['label'].names)"
        )
        environment = {**push.environment, "HF_HOME": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False
        )

        assert "{'train': 400, 'test': 400} ['kind', 'unkind']\n" == done.stdout, done.stderr

    def test_the_card_says_what_they_hold(self, hub, data):
        card = hub.repositories["me/rows"].files["README.md"].decode()

        assert "| kind | 200 | 200 |" in card
        assert "Cut by the method `stratified`, seed 3" in card
        assert [] == metadata_errors(card)

    def test_the_same_again_changes_nothing(self, push, data, small_run):
        code, out, _ = push("export-data", small_run.with_name("recipe.toml"), "--to-hub", "me/rows")

        assert 0 == code
        assert "nothing changed" in out

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ((), "give DIR, or --to-hub NAMESPACE/NAME, one of the two"),
            (("rows", "--to-hub", "me/rows"), "give DIR, or --to-hub NAMESPACE/NAME, one of the two"),
            (("--to-hub", "me/rows", "--format", "csv"), "--format is for files in DIR"),
            (("rows", "--private"), "--private and --overwrite are for --to-hub"),
        ],
    )
    def test_what_does_not_go_together(self, capsys, arguments, words):
        assert 2 == main(["export-data", "quickstart", *arguments])
        assert words in capsys.readouterr().err
