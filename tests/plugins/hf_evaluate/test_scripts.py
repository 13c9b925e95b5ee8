from __future__ import annotations

import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from pydantic import ValidationError

from clsfw import HostError, Labels, ModelError, NetworkError, Outcome, UsageError
from clsfw_hf_evaluate import HfEvaluateSettings, build

SHARE = """
import datasets
import evaluate
from sklearn.metrics import f1_score


class Share(evaluate.Metric):
    def _info(self):
        number = datasets.Value("int64")
        kind = datasets.Sequence(number) if self.config_name == "multilabel" else number
        return evaluate.MetricInfo(
            description="", citation="", inputs_description="",
            features=datasets.Features({"predictions": kind, "references": kind}),
        )

    def _compute(self, predictions, references, average="binary"):
        score = f1_score(references, predictions, average=average)
        return {"share": score}
"""

AREA = """
import datasets
import evaluate


class Area(evaluate.Metric):
    def _info(self):
        return evaluate.MetricInfo(
            description="", citation="", inputs_description="",
            features=datasets.Features({
                "prediction_scores": datasets.Value("float64"), "references": datasets.Value("int64"),
            }),
        )

    def _compute(self, prediction_scores, references):
        return {"area": sum(prediction_scores) / len(references)}
"""


@pytest.fixture(scope="module", autouse=True)
def _library_cache(tmp_path_factory):
    """Keep what the library copies and imports away from the user's own cache."""
    import evaluate.config

    folder = tmp_path_factory.mktemp("hf")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate.config, "HF_MODULES_CACHE", folder / "modules")
        patch.setattr(evaluate.config, "HF_METRICS_CACHE", folder / "metrics")
        patch.setattr(sys, "path", [*sys.path])  # the library adds its cache there
        yield


@pytest.fixture
def script(tmp_path):
    def write(name: str, text: str) -> str:
        folder = tmp_path / "scripts" / name
        folder.mkdir(parents=True)
        (folder / f"{name}.py").write_text(text)
        return str(folder)

    return write


def outcome(references, predictions, names=("no", "yes"), *, multi_label=False):
    references, predictions = np.array(references), np.array(predictions)
    probabilities = np.full((len(references), len(names)), 0.25, dtype=np.float32)
    return Outcome(references, predictions, probabilities, Labels(tuple(names), multi_label))


def random_state():
    return np.random.get_state()[1].tolist()  # noqa: NPY002  # the legacy global state is what must not change


def test_a_local_script_scores_as_it_says(script):
    metric = build(HfEvaluateSettings(metric=script("share", SHARE), average="macro"))

    assert pytest.approx({"share": 7 / 12}, abs=1e-3) == metric.compute(outcome([1, 1, 0, 1, 0], [1, 0, 1, 1, 0]))


def test_a_script_may_be_named_by_its_file(script):
    metric = build(HfEvaluateSettings(metric=script("share", SHARE) + "/share.py"))

    assert {"share": 1.0} == metric.compute(outcome([0, 1], [0, 1]))


def test_one_number_per_class_becomes_one_score_per_label(script):
    metric = build(HfEvaluateSettings(metric=script("share", SHARE), average="none", prefix="my_"))

    assert {"my_share_no": 1.0, "my_share_yes": 1.0} == metric.compute(outcome([0, 1], [0, 1]))


def test_several_labels_per_text_go_by_the_configuration(script):
    metric = build(HfEvaluateSettings(metric=script("share", SHARE), config_name="multilabel", average="micro"))

    scores = metric.compute(outcome([[1, 0], [1, 1]], [[1, 0], [1, 0]], multi_label=True))

    assert pytest.approx({"share": 0.8}) == scores


def test_a_metric_of_scores_gets_the_probability_of_the_second_class(script):
    metric = build(HfEvaluateSettings(metric=script("area", AREA)))

    assert {"area": 0.25} == metric.compute(outcome([0, 1], [0, 1]))


def test_nothing_is_cached_offline_says_what_to_do():
    with pytest.raises(NetworkError, match=r"'no_such_metric'.*neither cached.*offline.*local script"):
        build(HfEvaluateSettings(metric="no_such_metric"))


def test_a_bare_name_is_never_a_folder_of_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "f1").mkdir()
    (tmp_path / "f1" / "f1.py").write_text("raise SystemExit('this must not run')")
    monkeypatch.chdir(tmp_path)
    settings = HfEvaluateSettings(metric="f1")

    assert settings.metric == "f1"
    with pytest.raises(UsageError, match=r"write './f1' if that is meant"):
        build(settings)


def test_a_path_starts_at_the_recipe_s_folder(tmp_path):
    context = {"base_of": lambda _field: tmp_path}

    for written in ("./share", "share.py", "scripts/share.py"):
        settings = HfEvaluateSettings.model_validate({"metric": written}, context=context)
        assert str((tmp_path / written).resolve()) == settings.metric


def test_a_name_with_too_many_slashes_is_refused():
    with pytest.raises(ValidationError, match="neither a name"):
        HfEvaluateSettings(metric="a/b/c")


def test_a_missing_script_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"no metric script at '.*/gone/gone.py'"):
        build(HfEvaluateSettings(metric=str(tmp_path / "gone")))


def test_a_script_without_a_metric_is_named(script):
    with pytest.raises(ModelError, match=r"not a usable script"):
        build(HfEvaluateSettings(metric=script("hollow", "import json\n")))


def test_a_missing_library_is_named(script):
    with pytest.raises(HostError, match=r"no_such_library"):
        build(HfEvaluateSettings(metric=script("needy", "import no_such_library\n" + SHARE)))


def test_the_hub_s_own_offline_switch_is_honoured(monkeypatch):
    import evaluate.config

    monkeypatch.setattr(evaluate.config, "HF_EVALUATE_OFFLINE", False)
    monkeypatch.setattr(socket, "create_connection", lambda *_given, **_named: pytest.fail("a connection was tried"))

    with pytest.raises(NetworkError):
        build(HfEvaluateSettings(metric="no_such_metric"))


def test_global_random_state_is_left_alone(script):
    before = random_state()
    metric = build(HfEvaluateSettings(metric=script("share", SHARE)))
    metric.compute(outcome([0, 1], [0, 1]))

    assert before == random_state()


def test_the_score_s_name_and_direction_are_known_beforehand():
    assert {"val_mse": False} == HfEvaluateSettings(metric="mse", prefix="val_", greater_is_better=False).score_names()
    assert {"f1": True} == HfEvaluateSettings(metric="f1").score_names()
    assert {"share": False} == HfEvaluateSettings(metric="/x/share.py", greater_is_better=False).score_names()
    assert {} == HfEvaluateSettings(metric="f1", average="none").score_names()


@pytest.mark.parametrize("metric", ["/x/share.py", "owner/share", "glue"])
def test_what_another_script_gives_is_not_known_beforehand(metric):
    assert {} == HfEvaluateSettings(metric=metric).score_names()


class _Hub(BaseHTTPRequestHandler):
    """Serves one metric script at one revision, as the hub does."""

    scripts: dict[str, str]
    asked: list[str]

    def do_GET(self):
        self.asked.append(self.path)
        body = self.scripts.get(self.path, "").encode()
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"one"')
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_HEAD(self):
        self.do_GET()

    def log_message(self, *given):
        """Keep the test's output clean."""


@pytest.fixture
def hub(monkeypatch, tmp_path):
    import evaluate.config

    handler = type("Hub", (_Hub,), {"scripts": {}, "asked": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(evaluate.config, "HUB_EVALUATE_URL", base + "/spaces/{path}/resolve/{revision}/{name}")
    monkeypatch.setattr(evaluate.config, "HF_EVALUATE_OFFLINE", False)
    monkeypatch.setattr(evaluate.config, "HF_UPDATE_DOWNLOAD_COUNTS", False)
    monkeypatch.setattr(evaluate.config, "DOWNLOADED_EVALUATE_PATH", tmp_path / "downloads")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    yield handler
    server.shutdown()
    server.server_close()


def test_a_name_is_fetched_at_the_installed_library_s_version(hub):
    import evaluate

    hub.scripts[f"/spaces/evaluate-metric/share/resolve/v{evaluate.__version__}/share.py"] = SHARE

    metric = build(HfEvaluateSettings(metric="share"))

    assert {"share": 1.0} == metric.compute(outcome([0, 1], [0, 1]))


def test_a_name_never_falls_back_on_the_main_branch(hub):
    hub.scripts["/spaces/someone/drift/resolve/main/drift.py"] = SHARE

    with pytest.raises(NetworkError, match="check the name"):
        build(HfEvaluateSettings(metric="someone/drift"))

    assert hub.asked
    assert not [path for path in hub.asked if "/main/" in path]


def test_a_community_metric_comes_at_the_pinned_revision(hub):
    hub.scripts["/spaces/someone/shift/resolve/abc123/shift.py"] = SHARE

    metric = build(HfEvaluateSettings(metric="someone/shift", revision="abc123"))

    assert {"share": 1.0} == metric.compute(outcome([0, 1], [0, 1]))


@pytest.mark.parametrize("revision", ["def456", None])
def test_the_cached_script_of_another_revision_is_not_taken(hub, revision):
    hub.scripts["/spaces/someone/turn/resolve/abc123/turn.py"] = SHARE
    build(HfEvaluateSettings(metric="someone/turn", revision="abc123"))

    with pytest.raises(NetworkError, match="neither cached nor to be fetched"):
        build(HfEvaluateSettings(metric="someone/turn", revision=revision))


def test_offline_the_cached_script_of_the_revision_is_taken(hub, monkeypatch):
    import evaluate.config

    for revision in ("abc123", "same"):
        hub.scripts[f"/spaces/someone/bend/resolve/{revision}/bend.py"] = SHARE
        build(HfEvaluateSettings(metric="someone/bend", revision=revision))
    monkeypatch.setattr(evaluate.config, "HF_EVALUATE_OFFLINE", True)
    asked = len(hub.asked)

    for revision in ("abc123", "same"):
        metric = build(HfEvaluateSettings(metric="someone/bend", revision=revision))
        assert {"share": 1.0} == metric.compute(outcome([0, 1], [0, 1]))
    assert len(hub.asked) == asked


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"metric": "f1"}, None),
        ({"metric": "f1", "config_name": "multilabel", "average": "macro"}, None),
        ({"metric": "/home/me/mine.py"}, "metric = '/home/me/mine.py'"),
        ({"metric": "somebody/f1"}, "metric = 'somebody/f1'"),
        ({"metric": "f1", "revision": "refs/pr/7"}, "revision = 'refs/pr/7'"),
        ({"metric": "comet", "config_name": "somebody/weights"}, "config_name = 'somebody/weights'"),
    ],
)
def test_only_the_library_s_own_scripts_are_no_foreign_code(settings, named):
    assert named == HfEvaluateSettings(**settings).names_code()
