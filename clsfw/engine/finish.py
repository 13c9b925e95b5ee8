"""From a trained classifier to a complete run: save, reload, predict, evidence, verdict, report."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from clsfw.contract.parts import Outcome
from clsfw.discovery.plugins import guard
from clsfw.evidence.assess import Decision, Facts, assess, fit_decision
from clsfw.evidence.finished import FinishedRun
from clsfw.evidence.outcomes import check_prediction, score
from clsfw.evidence.predictions import predictions_csv
from clsfw.evidence.verdict import judge
from clsfw.kit.labels import numbers, references
from clsfw.report.card import model_card
from clsfw.report.html import render_report

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clsfw.contract.parts import Classifier, Prediction, Trainer
    from clsfw.engine.job import Job
    from clsfw.engine.run import Display, Run
    from clsfw.recipe.plan import Plan


def finish(job: Job, run: Run, classifier: Classifier, trainer: Trainer[Any]) -> FinishedRun:
    """Write all that a complete run holds, and say last of all that it is complete."""
    decision = _decide_on_validation(job, run, classifier, trainer)
    job.display.stage("saving the model")
    with job.store.staged("model") as folder, guard(job.plan.model.plugin, "saving the model"):
        classifier.save(folder)
        (folder / "clsfw.json").write_text(_about(job.plan, run, decision), encoding="utf-8")
    with guard(job.plan.model.plugin, "loading the model"):
        loaded = job.model.load(job.store.path / "model")
    split, *others = _judged_splits(job.plan, run)
    predictions = {}
    for name in (split, *others):
        job.display.stage(f"predicting the {name} split with the reloaded model")
        predictions[name] = _predict(job, run, trainer, loaded, name)
    job.display.stage("weighing the evidence")
    metrics = _weigh(job, run, predictions, decision)
    verdict = None
    if job.plan.recipe.expect is not None:
        changes = job.plan.comparable_changes()
        verdict = judge(job.plan.recipe.expect, metrics, job.store.history.read(), changes).to_json()
    job.store.update(verdict=verdict, warnings=job.display.warnings)
    job.store.write_json("timings.json", run.seconds())
    texts = run.data[split]["text"]
    mistakes = {mistake["index"]: texts[mistake["index"]] for mistake in metrics["mistakes"][split]}
    job.store.write_text("report.html", render_report(job.store.path, mistakes))
    job.store.write_text("README.md", model_card(job.store.path))
    job.store.complete()
    return FinishedRun.read(job.store.path)


def _decide_on_validation(job: Job, run: Run, classifier: Classifier, trainer: Trainer[Any]) -> Decision:
    options = job.plan.recipe.evidence
    if not (options.temperature_scaling or options.tune_threshold):
        return Decision()
    job.display.stage("predicting the validation split, for temperature and threshold")
    prediction = _predict(job, run, trainer, classifier, "validation")
    truth = references(run.data["validation"], run.labels)
    return fit_decision(options, run.labels, truth, prediction.probabilities)


def _judged_splits(plan: Plan, run: Run) -> list[str]:
    """Name the split that the run is judged on, and after it those that the recipe expects something of besides."""
    first = next(name for name in ("test", "validation", "train") if name in run.data)
    expected = plan.recipe.expect.splits if plan.recipe.expect is not None else {}
    return [first, *(name for name in expected if name != first and name in run.data)]


def _predict(job: Job, run: Run, trainer: Trainer[Any], classifier: Classifier, split: str) -> Prediction:
    plugin, texts = job.plan.trainer.plugin, run.data[split]["text"]
    with run.timed("predict_seconds"), guard(plugin, "predicting"):
        prediction: Prediction = trainer.predict(classifier, texts, _Stoppable(job.display, run))
    return check_prediction(prediction, len(texts), run.labels, f"{plugin}: its trainer")


def _weigh(job: Job, run: Run, predictions: Mapping[str, Prediction], decision: Decision) -> dict[str, Any]:
    """Score the predictions by split, and write metrics.json, and predictions.csv of the first split."""
    scores, outcomes = {}, {}
    for split, prediction in predictions.items():
        final = decision.scale(prediction.probabilities, run.labels)
        truth, chosen = references(run.data[split], run.labels), decision.decide(final, run.labels)
        outcomes[split] = Outcome(truth, chosen, final, run.labels)
        scores[split] = score(run.metrics, outcomes[split])
        run.notify("on_evaluate", split=split, scores=scores[split])
    recipe = job.plan.recipe
    metrics = assess(Facts(run.labels, run.data, predictions, scores, recipe.seed, recipe.evidence, decision))
    split, prediction = next(iter(predictions.items()))
    outcome = outcomes[split]
    table = predictions_csv(
        run.labels,
        numbers(run.data[split], "row"),
        outcome.references,
        outcome.predictions,
        replace(prediction, probabilities=outcome.probabilities),
    )
    job.store.write_json("metrics.json", metrics)
    job.store.write_text("predictions.csv", table)
    return metrics


def _about(plan: Plan, run: Run, decision: Decision) -> str:
    """Say beside the model's own files what they do not: label order, how probabilities become labels, who made it."""
    about = {
        "labels": list(run.labels.names),
        "multi_label": run.labels.multi_label,
        "decision": decision.to_json(),
        "model": plan.model.component.name,
        "trainer": plan.trainer.component.name,
    }
    return json.dumps(about, indent=2, ensure_ascii=False) + "\n"


class _Stoppable:
    """A reporter for the stages after training: they keep no state, so a stop request ends them at once."""

    def __init__(self, display: Display, run: Run) -> None:
        self._display = display
        self._run = run

    def note(self, text: str) -> None:
        self._display.note(text)

    def warn(self, text: str) -> None:
        self._display.warn(text)

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        if self._run.stop_requested:
            self._run.stop()
        self._display.progress(what, done, total, unit)
