"""From a run to an artifact that stands alone, by the command line."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import clsfw
from clsfw.cli import main
from clsfw.evidence.finished import FinishedRun

WITHOUT_TORCH = """
import sys

class Refuses:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers"):
            raise ImportError(f"{name} is not to be imported here")

sys.meta_path.insert(0, Refuses())
from clsfw.cli import main
sys.exit(main(sys.argv[1:]))
"""


def without_torch(*arguments):
    command = [sys.executable, "-c", WITHOUT_TORCH, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False, timeout=300)


def found_of(directory):
    return json.loads((directory / "parity.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("use", ["onnx", "openvino"])
def test_a_model_of_pairs_is_refused(small_run, tmp_path, capsys, use):
    copy = shutil.copytree(small_run, tmp_path / "run")
    record = json.loads((copy / "run.json").read_text(encoding="utf-8"))
    record["data"]["pairs"] = True
    (copy / "run.json").write_text(json.dumps(record), encoding="utf-8")

    assert clsfw.ModelError.exit_code == main(["export", str(copy), str(tmp_path / "artifact"), "--to", use])
    assert f"exporter '{use}' does not take pairs of texts" in capsys.readouterr().err


class TestOnnx:
    def test_an_artifact_in_full_precision_flips_no_label(self, artifact):
        found = found_of(artifact)

        assert ("ACCEPTED", 0, 400) == (found["verdict"], found["flips"], found["rows"])
        assert found["largest_difference"] < 1e-3

    def test_the_last_line_recommends_the_faster_one(self, exported):
        artifact, said = exported
        speed = found_of(artifact)["texts_per_second"]
        faster = "the artifact" if speed["artifact"] > speed["run"] else "the run itself"

        assert said.splitlines()[-1].startswith(f"on this machine {faster} is faster")

    def test_it_is_a_complete_run_whose_hashes_fit(self, artifact, small_run):
        finished, run = FinishedRun.read(artifact), FinishedRun.read(small_run)

        assert finished.metrics["test"] == run.metrics["test"]
        assert finished.record["identity"] == run.record["identity"]

    def test_it_cannot_be_reproduced(self, artifact, capsys):
        assert 2 == main(["reproduce", str(artifact)])
        assert f"{artifact} is an artifact, which was not trained; give the run that it" in capsys.readouterr().err
        assert not artifact.with_name("artifact-reproduced").exists()

    def test_a_changed_model_is_found_out(self, artifact, tmp_path):
        copy = shutil.copytree(artifact, tmp_path / "copy")
        data = bytearray((copy / "model/model.onnx").read_bytes())
        data[len(data) // 2] ^= 1
        (copy / "model/model.onnx").write_bytes(data)

        with pytest.raises(clsfw.RunDirectoryError, match=r"model/model\.onnx was changed"):
            clsfw.load(copy)

    def test_the_card_says_how_it_was_proven(self, artifact):
        card = (artifact / "README.md").read_text(encoding="utf-8")

        assert "## Parity with the run" in card
        assert "0 of 400 test labels differ" in card

    def test_it_predicts_what_the_run_predicts(self, artifact, small_run):
        texts = ["", "fine", "dull film", "the " * 100 + "superb", "a\u0000b \ud800 ü 漢"]
        one, other = clsfw.load(small_run).predict(texts), clsfw.load(artifact).predict(texts)

        assert np.allclose(one.probabilities, other.probabilities, atol=1e-5)
        assert one.tokens.tolist() == other.tokens.tolist()
        assert one.truncated.tolist() == other.truncated.tolist()

    @pytest.mark.parametrize("count", [1, 2, 7, 300])
    def test_a_text_gets_the_same_answer_in_any_company(self, artifact, count):
        classifier = clsfw.load(artifact)
        alone = classifier.predict(["superb plot"]).probabilities[0]
        among = classifier.predict(["superb plot", *("dull " * (i % 30) for i in range(count))]).probabilities[0]

        assert np.allclose(alone, among, atol=1e-5)

    def test_no_texts_are_no_answers(self, artifact):
        assert [] == clsfw.load(artifact)([])


class TestStandsAlone:
    def test_predict_needs_neither_torch_nor_transformers(self, artifact):
        done = without_torch("predict", artifact, "superb", "dull", "--json")

        assert (0, ["kind", "unkind"]) == (
            done.returncode,
            [one["label"] for one in json.loads(done.stdout or "[]")],
        ), done.stderr

    def test_evaluate_needs_neither(self, artifact, small_run):
        done = without_torch("evaluate", artifact, "--data", small_run.with_name("data.csv"), "--json")

        assert 0 == done.returncode, done.stderr
        assert 800 == json.loads(done.stdout)["rows"]["test"]

    def test_compare_takes_it_beside_its_run_and_needs_neither(self, artifact, small_run):
        done = without_torch("compare", small_run, artifact, "--json")

        assert 0 == done.returncode, done.stderr
        assert 0.0 == json.loads(done.stdout)["difference"]

    def test_the_run_itself_does_need_them(self, small_run):
        assert 0 != without_torch("predict", small_run, "superb").returncode

    def test_it_is_found_where_the_run_is_gone(self, artifact, tmp_path):
        copy = shutil.copytree(artifact, tmp_path / "elsewhere")

        assert "kind" == clsfw.load(copy)("superb")["label"]


class TestInt8:
    @pytest.fixture(autouse=True)
    def _written_once(self, artifact, monkeypatch):
        """Take the model in full precision from the artifact: writing it takes seconds, and it would be the same."""
        from clsfw_onnx import exporter

        monkeypatch.setattr(exporter, "_write", lambda _, file: shutil.copy(artifact / "model/model.onnx", file))

    def test_it_is_judged_by_the_loss_that_is_allowed(self, small_run, tmp_path):
        target = tmp_path / "int8"

        assert 0 == main(["export", str(small_run), str(target), "--to", "onnx", "--precision", "int8"])
        found = found_of(target)
        assert ("ACCEPTED", "int8") == (found["verdict"], found["precision"])
        assert found["accuracy"]["interval"][0] > -0.005

    def test_a_layer_whose_scales_are_off_is_refused_and_keeps_a_name_that_says_so(
        self, small_run, tmp_path, monkeypatch, capsys
    ):
        from clsfw_onnx import exporter

        sound = exporter._quantize

        def off(whole, file):
            import onnx

            sound(whole, file)
            model = onnx.load(file)
            scales = [t for t in model.graph.initializer if t.name.endswith("_scale") and t.dims]
            values = onnx.numpy_helper.to_array(scales[-1])
            scales[-1].CopyFrom(onnx.numpy_helper.from_array(-values, scales[-1].name))
            onnx.save(model, file)

        monkeypatch.setattr(exporter, "_quantize", off)
        target = tmp_path / "broken"

        assert 9 == main(["export", str(small_run), str(target), "--to", "onnx", "--precision", "int8"])
        assert not target.exists()
        assert "REFUSED" == found_of(tmp_path / "broken-unproven")["verdict"]
        assert "accuracy may fall by as much as" in capsys.readouterr().out

    def test_calibration_takes_training_rows_only(self, small_run, tmp_path, monkeypatch):
        from clsfw_onnx.exporter import OnnxExporter

        given = []
        monkeypatch.setattr(OnnxExporter, "export", lambda *arguments: given.extend(arguments[3]))

        assert 5 == main(["export", str(small_run), str(tmp_path / "a"), "--to", "onnx"])
        with (small_run / "predictions.csv").open(encoding="utf-8") as file:
            judged = {int(row["row"]) for row in csv.DictReader(file)}
        with small_run.with_name("data.csv").open(encoding="utf-8") as file:
            texts = [row["text"] for row in csv.DictReader(file)]
        training = {texts[i] for i in range(len(texts)) if i not in judged}
        assert 400 == len(given)
        assert set(given) <= training


class TestOpenvino:
    @pytest.mark.parametrize("precision", ["fp32", "int8"])
    def test_it_is_accepted_and_predicts(self, precision, small_run, tmp_path):
        target = tmp_path / "artifact"
        options = ["--to", "openvino", "--precision", precision, "--max-loss", "0.02"]

        assert 0 == main(["export", str(small_run), str(target), *options])
        assert ["kind", "unkind"] == [one["label"] for one in clsfw.load(target)(["superb film", "dull film"])]


class TestRefused:
    def exits(self, capsys, code, *arguments):
        assert code == main(["export", *map(str, arguments)])
        return capsys.readouterr().err

    def test_an_exporter_that_nobody_has(self, small_run, tmp_path, capsys):
        told = self.exits(capsys, 2, small_run, tmp_path / "a", "--to", "onx")

        assert "there is no exporter 'onx'; did you mean 'onnx'?" in told

    def test_a_precision_that_the_exporter_lacks(self, small_run, tmp_path, capsys):
        told = self.exits(capsys, 2, small_run, tmp_path / "a", "--to", "onnx", "--precision", "int4")

        assert "exporter 'onnx' does not take precision 'int4': input should be 'fp32' or 'int8'" in told

    def test_a_place_that_is_taken(self, small_run, tmp_path, capsys):
        told = self.exits(capsys, 2, small_run, tmp_path, "--to", "onnx")

        assert f"{tmp_path} exists already; give another name, or remove it" in told

    def test_an_artifact(self, artifact, tmp_path, capsys):
        told = self.exits(capsys, 2, artifact, tmp_path / "a", "--to", "onnx")

        assert "is an artifact itself; give the run that it was exported from" in told

    def test_a_run_whose_data_has_changed(self, small_run, tmp_path, capsys):
        data = small_run.with_name("data.csv")
        before = data.read_bytes()
        data.write_bytes(before.replace(b"superb", b"superp"))
        try:
            told = self.exits(capsys, 3, small_run, tmp_path / "a", "--to", "onnx")
        finally:
            data.write_bytes(before)

        assert "the data is not that of" in told
        assert [] == list(tmp_path.iterdir())

    @pytest.mark.parametrize("given", ["2", "nan", "little"])
    def test_a_loss_that_is_not_a_share(self, given, small_run, tmp_path, capsys):
        assert f"{given} is not a share from 0 to 1" in self.exits(
            capsys, 2, small_run, tmp_path / "a", "--to", "onnx", "--max-loss", given
        )

    @pytest.mark.parametrize("library", ["onnxruntime", "openvino"])
    def test_a_library_that_is_missing(self, library, small_run, tmp_path, capsys, monkeypatch):
        name = "onnx" if library == "onnxruntime" else library
        monkeypatch.setitem(sys.modules, library, None)
        monkeypatch.delitem(sys.modules, f"clsfw_{name}.exporter", raising=False)
        told = self.exits(capsys, 6, small_run, tmp_path / "a", "--to", name)

        assert f'which is not installed: pip install "clsfw[{name}]"' in told


def test_what_a_broken_off_export_left_is_told_by_the_next(small_run, tmp_path, monkeypatch, capsys):
    command = ["export", str(small_run), str(tmp_path / "cut"), "--to", "onnx"]

    def breaks_off(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("clsfw.shipping.export._write_model", breaks_off)
    assert 130 == main(command)
    monkeypatch.undo()

    assert 2 == main(command)
    assert "cut-unproven is of an export that did not end, or is still at work; remove it" in capsys.readouterr().err
