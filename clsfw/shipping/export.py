"""Exports a complete run to an artifact: a run directory of its own, whose model another library runs.

It is built under the name `DIR-unproven`, held beside the run on the run's own judged rows, and takes the name `DIR`
only when its parity is proven.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from clsfw.contract.component import SPLITS
from clsfw.contract.parts import Outcome, Prediction
from clsfw.discovery.parts import BuiltExporter, BuiltMetric, BuiltTrainer, build_from_values, takes_pairs
from clsfw.engine.prepare import PreparedData, prepare_data
from clsfw.errors import DataError, ModelError, UsageError
from clsfw.evidence.assess import Facts, assess
from clsfw.evidence.finished import SEEN, FinishedRun, read_model
from clsfw.evidence.leakage import hash_texts
from clsfw.evidence.outcomes import score
from clsfw.evidence.predictions import predictions_csv
from clsfw.inference.classifier import LoadedClassifier, load_classifier
from clsfw.inference.code import refuse_code
from clsfw.kit import files
from clsfw.kit.disk import explained
from clsfw.kit.labels import numbers, references
from clsfw.kit.suggestions import offer
from clsfw.recipe.plan import make_plan
from clsfw.report.card import model_card
from clsfw.report.html import render_report
from clsfw.shipping.parity import ACCEPTED, Sides, parity
from clsfw.shipping.words import card_section
from clsfw.store.place import is_run
from clsfw.store.rundir import MODEL, RunDirectory, read_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from clsfw.discovery.plugins import Plugins
    from clsfw.recipe.plan import Plan
    from clsfw.recipe.sections import Part
    from clsfw.report.display import Display

_CALIBRATION = 512  # training texts
_TIMED = 256  # judged texts


@dataclass(frozen=True)
class Request:
    """What is asked for: the run, where the artifact goes, which exporter, and how much accuracy may be lost."""

    run: Path
    target: Path
    use: str
    precision: str | None
    max_loss: float
    allow_code: bool = False


@dataclass(frozen=True)
class Exported:
    """Where the artifact lies, and the content of its `parity.json`."""

    path: Path
    parity: dict[str, Any]

    @property
    def accepted(self) -> bool:
        """Whether the artifact has the name that was asked for."""
        return bool(self.parity["verdict"] == ACCEPTED)


def export(request: Request, display: Display) -> Exported:
    """Export a run, prove the artifact, and give it its name; one that is refused stays under `DIR-unproven`.

    Raises:
        UsageError: the exporter or its precision is not known, or a place is taken.
        RunDirectoryError: there is no complete run.
        DataError: the run's data is not what it was.
        ModelError: the model cannot be exported.

    """
    run = FinishedRun.read(request.run)
    _ = run.predictions  # that they cannot be read must not be found out after the work
    if "exporter" in read_model(run.directory)[1]:
        raise UsageError(f"{request.run} is an artifact itself; give the run that it was exported from")
    unproven = request.target.with_name(f"{request.target.name}-unproven")
    _see_that_free(request.target, unproven)
    display.stage("loading the model")
    loaded = load_classifier(run.directory, allow_code=request.allow_code)
    exporter, about = _exporter(request, loaded.parts.plugins)
    if not exporter.fits(loaded.model):
        raise ModelError(f"exporter {request.use!r} cannot take this kind of model ({loaded.recipe['model']['use']!r})")
    if run.record["data"].get("pairs") and not takes_pairs(exporter.part):
        raise ModelError(f"exporter {request.use!r} does not take pairs of texts, which the model of this run is for")
    display.stage("reading the data")
    plan = make_plan(run.directory / "resolved.toml", _unwatched(loaded), loaded.parts.plugins)
    if not request.allow_code:
        named: list[Part[Any]] = [plan.data, plan.model, plan.trainer, *plan.metrics]
        for part in named:
            refuse_code(part.kind, part.component.name, part.plugin, part.settings)
    data = prepare_data(plan, plan.data.build(), display)
    if data.hashes != run.record["fixed"]["data"]:
        raise DataError(f"the data is not that of {request.run} any more, so nothing can be proven on it")
    judged = _Judged(run, loaded, plan, data, next(name for name in reversed(SPLITS) if name in data.parts))
    with RunDirectory.open(unproven, warn=display.warn) as store:
        _begin(store, run, exporter)
        display.stage("exporting")
        _write_model(store, judged, exporter, about, display)
        found = _prove(store, judged, exporter, display)
        found = {**parity(found.pop("sides"), about.get("precision", "fp32"), request.max_loss), **found}
        found["exporter"] = about
        store.write_json("parity.json", found)
        store.write_text("report.html", render_report(store.path))
        store.write_text("README.md", model_card(store.path) + card_section(found))
        store.complete()
    if found["verdict"] != ACCEPTED:
        return Exported(unproven, found)
    with explained(request.target, "rename"):
        files.rename(unproven, request.target)
        files.sync(request.target.parent)
    return Exported(request.target, found)


def _see_that_free(target: Path, unproven: Path) -> None:
    if is_run(unproven) and read_run(unproven, allow_incomplete=True, verify=False)["state"] != "complete":
        raise UsageError(
            f"{unproven} is of an export that did not end, or is still at work; remove it and export again"
        )
    for place in (target, unproven):
        if place.exists():
            raise UsageError(f"{place} exists already; give another name, or remove it")


@dataclass(frozen=True)
class _Judged:
    """The run that is exported, its data, and the split that it is judged on."""

    run: FinishedRun
    loaded: LoadedClassifier
    plan: Plan
    data: PreparedData
    split: str

    @property
    def texts(self) -> list[str]:
        """The texts of the judged split."""
        return list(self.data.parts[self.split]["text"])

    def final(self, prediction: Prediction) -> tuple[Any, Any]:
        """Return final probabilities [N, C] and labels, [N] or 0/1 [N, C]."""
        final = self.loaded.decision.scale(prediction.probabilities, self.loaded.labels)
        return final, self.loaded.decide(final)


def _exporter(request: Request, plugins: Plugins) -> tuple[BuiltExporter, dict[str, Any]]:
    """Build the exporter; with it, what `model/clsfw.json` says of it."""
    known = plugins.components("exporter")
    if request.use not in known:
        raise UsageError(f"there is no exporter {request.use!r}{offer(request.use, known)}")
    plugin, component = known[request.use]
    values = {} if request.precision is None else {"precision": request.precision}
    try:
        return build_from_values(BuiltExporter, plugin, component, values), {"use": request.use, **values}
    except ValidationError as exc:
        wrong = "; ".join(error["msg"][:1].lower() + error["msg"][1:] for error in exc.errors())
        raise UsageError(f"exporter {request.use!r} does not take precision {request.precision!r}: {wrong}") from exc


def _unwatched(loaded: LoadedClassifier) -> list[str]:
    """Return the override that leaves out the watchers, which change nothing and may not be installed here."""
    return ["watchers="] if "watchers" in loaded.recipe else []


def _begin(store: RunDirectory, run: FinishedRun, exporter: BuiltExporter) -> None:
    """Carry along what stays true of the artifact; what its own predictions decide is written later."""
    for name in ("recipe.toml", "resolved.toml", SEEN):
        with explained(run.directory / name, "read"):
            store.write_bytes(name, (run.directory / name).read_bytes())
    for line in run.history:
        store.history.append(line)
    kept = {key: value for key, value in run.record.items() if key not in {"schema", "state", "manifest", "verdict"}}
    fixed = run.record["fixed"]
    plugins = {**fixed["plugins"], exporter.plugin.name: exporter.plugin.provenance()}
    store.update(**{**kept, "state": "running", "verdict": None, "fixed": {**fixed, "plugins": plugins}})


def _write_model(
    store: RunDirectory, judged: _Judged, exporter: BuiltExporter, about: dict[str, Any], display: Display
) -> None:
    texts = judged.data.parts["train"]["text"]
    chosen = np.linspace(0, len(texts) - 1, min(_CALIBRATION, len(texts))).astype(int)  # from all over, in order
    described = json.loads((judged.run.directory / MODEL / "clsfw.json").read_text(encoding="utf-8"))
    with store.staged(MODEL) as folder:
        exporter.export(judged.loaded.model, folder, [texts[i] for i in chosen.tolist()], display)
        text = json.dumps({**described, "exporter": about}, indent=2, ensure_ascii=False) + "\n"
        (folder / "clsfw.json").write_text(text, encoding="utf-8")


def _prove(store: RunDirectory, judged: _Judged, exporter: BuiltExporter, display: Display) -> dict[str, Any]:
    """Predict the judged rows with the run's own model and with the artifact, and write the artifact's evidence."""
    run, loaded, split = judged.run, judged.loaded, judged.split
    display.stage(f"predicting {split} with the run's own model")
    reference = _reference(loaded)
    before = reference.predict(loaded.model, judged.texts, loaded.labels, display)
    display.stage(f"predicting {split} with the artifact")
    opened = exporter.load(store.path / MODEL, loaded.labels)
    began = time.perf_counter()
    after = exporter.predict(opened, judged.texts, loaded.labels, display)
    store.write_json("timings.json", {**run.timings, "predict_seconds": time.perf_counter() - began})
    true = references(judged.data.parts[split], loaded.labels)
    _weigh(store, judged, after, true)
    recorded = loaded.decide(run.predictions.probabilities)
    return {
        "sides": Sides(true, recorded, judged.final(before), judged.final(after)),
        "split": split,
        "libraries": exporter.provenance(),
        "run": {"name": run.record["name"], "identity": run.record["identity"], "manifest": run.record["manifest"]},
        "texts_per_second": _speeds(judged, reference, exporter, opened, display),
        "bytes": {"run": _size(run.directory / MODEL), "artifact": _size(store.path / MODEL)},
    }


def _reference(loaded: LoadedClassifier) -> BuiltTrainer:
    """Return the run's trainer in full precision, where it has several."""
    table: dict[str, Any] = {**loaded.recipe["trainer"]}
    _, component = loaded.parts.plugins.components("trainer")[table["use"]]
    if "precision" in component.settings.model_fields:
        table["precision"] = "fp32"
    return loaded.parts.build(BuiltTrainer, table)


def _speeds(
    judged: _Judged, reference: BuiltTrainer, exporter: BuiltExporter, opened: Any, display: Display
) -> dict[str, float]:
    """Measure texts per second on some of the judged ones.

    They are few, so that no trainer finds their tokens in a cache: the run predicted all of them before, the artifact
    did not.
    """
    loaded, texts = judged.loaded, judged.texts
    some = [texts[i] for i in np.linspace(0, len(texts) - 1, min(_TIMED, len(texts))).astype(int).tolist()]
    display.stage("comparing speeds")
    own = _speed(lambda given: reference.predict(loaded.model, given, loaded.labels, display), some)
    artifact = _speed(lambda given: exporter.predict(opened, given, loaded.labels, display), some)
    if loaded.recipe["trainer"].get("precision", "fp32") == "fp32":
        return {"run": own, "artifact": artifact, "run_as_it_is": own}
    as_it_is = _speed(lambda given: loaded.raw_prediction(given, display), some)
    return {"run": own, "artifact": artifact, "run_as_it_is": as_it_is}


def _speed(predict: Callable[[list[str]], object], texts: list[str]) -> float:
    predict(texts[:1])  # what is done once only is not the speed
    began = time.perf_counter()
    predict(texts)
    return len(texts) / max(time.perf_counter() - began, 1e-9)


def _weigh(store: RunDirectory, judged: _Judged, given: Prediction, true: NDArray[np.int64]) -> None:
    """Write the artifact's own metrics.json and predictions.csv, with the same evidence as a run's."""
    loaded, data, recipe = judged.loaded, judged.data, judged.plan.recipe
    labels, split = loaded.labels, judged.split
    metrics = [loaded.parts.build(BuiltMetric, table) for table in loaded.recipe["metrics"]]
    final, said = judged.final(given)
    outcomes = {split: Outcome(true, said, final, labels)}
    scores = {split: score(metrics, outcomes[split])}
    texts = {name: hash_texts(rows["text"]) for name, rows in data.parts.items()}
    predictions = {split: given}
    facts = (labels, data.parts, predictions, scores, recipe.seed, recipe.evidence, loaded.decision, texts)
    store.write_json("metrics.json", assess(Facts(*facts, outcomes=outcomes)))
    shown = Prediction(final, given.tokens, given.truncated)
    rows, hashes = numbers(data.parts[split], "row"), texts[split].exact
    store.write_pieces(
        "predictions.csv", predictions_csv(labels, rows, hashes, true, predictions=said, prediction=shown)
    )


def _size(folder: Path) -> int:
    with explained(folder, "read"):
        return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
