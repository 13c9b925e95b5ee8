"""From a trained classifier to a complete run: save, reload, predict, evidence, verdict, report."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from clsfw.contract.component import SPLITS
from clsfw.contract.parts import Outcome
from clsfw.evidence.assess import Decision, Facts, assess, fit_decision
from clsfw.evidence.finished import SEEN, FinishedRun, seen_file
from clsfw.evidence.leakage import hash_texts, seen_in_training
from clsfw.evidence.outcomes import score
from clsfw.evidence.predictions import predictions_csv
from clsfw.evidence.verdict import judge
from clsfw.kit.labels import numbers
from clsfw.kit.pairs import texts_of
from clsfw.report.card import model_card
from clsfw.report.display import Part
from clsfw.report.facts import Words
from clsfw.report.html import render_report
from clsfw.report.mistakes import SHOWN
from clsfw.store.rundir import MODEL_CARD

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from clsfw.contract.parts import Classifier, Prediction
    from clsfw.discovery.parts import BuiltTrainer
    from clsfw.engine.run import Execution
    from clsfw.evidence.metrics import Metrics, Mistake
    from clsfw.kit.pairs import Text
    from clsfw.recipe.plan import Parts, Plan


_TOP_WORDS, _DECIDING_WORDS = 12, 6


def finish(plan: Plan, parts: Parts, run: Execution, classifier: Classifier) -> FinishedRun:
    """Write all that a complete run holds, and say last of all that it is complete."""
    store, display = run.store, run.display
    decision = _decide_on_validation(plan, run, parts.trainer, classifier)
    run.clock.phase("save_seconds")
    display.stage("saving the model")
    with store.staged("model") as folder:
        parts.model.save(classifier, folder)
        (folder / "clsfw.json").write_text(_about(plan, run, decision), encoding="utf-8")
    loaded = parts.model.load(store.path / "model", run.labels)
    split, *others = _judged_splits(plan, run)
    predictions = {}
    for name in (split, *others):
        display.stage(f"predicting {name}")
        predictions[name] = _predict(run, parts.trainer, loaded, name)
    run.clock.phase("evidence_seconds")
    display.stage("weighing the evidence")
    metrics = _weigh(plan, run, predictions, decision)
    verdict = None
    if plan.recipe.expect is not None:
        changes = plan.changes
        verdict = judge(plan.recipe.expect, metrics, store.history.read(), changes).to_json()
    store.update(verdict=verdict, warnings=run.warnings())
    run.clock.phase("report_seconds")
    store.write_json("timings.json", run.clock.read())  # the report shows it
    texts = texts_of(run.data[split])
    mistakes = {mistake["index"]: texts[mistake["index"]] for mistake in metrics["mistakes"][split]}
    words = _telling(parts, loaded, run, metrics["mistakes"][split][:SHOWN], mistakes)
    store.write_text("report.html", render_report(store.path, mistakes, words))
    store.write_text("README.md", model_card(store.path))
    store.write_text(MODEL_CARD, model_card(store.path, alone=True))
    store.write_json("timings.json", run.clock.read())
    store.complete()
    return FinishedRun.completed(store.path)


def _decide_on_validation(plan: Plan, run: Execution, trainer: BuiltTrainer, classifier: Classifier) -> Decision:
    options = plan.recipe.evidence
    if not (options.temperature_scaling or options.tune_threshold):
        return Decision()
    run.display.stage("predicting validation")
    prediction = _predict(run, trainer, classifier, "validation")
    return fit_decision(options, run.labels, run.references("validation"), prediction.probabilities)


def _judged_splits(plan: Plan, run: Execution) -> list[str]:
    """Name the split that the run is judged on, and after it those that the recipe wants scored besides."""
    first = next(name for name in reversed(SPLITS) if name in run.data)
    wanted = set(plan.recipe.expect.splits if plan.recipe.expect is not None else ())
    wanted |= {"validation"} if plan.recipe.evidence.score_validation else set()
    return [first, *(name for name in ("validation", "test") if name in wanted - {first} and name in run.data)]


def _predict(run: Execution, trainer: BuiltTrainer, classifier: Classifier, split: str) -> Prediction:
    def progress(what: str, done: int, total: int | None, unit: str) -> None:
        if run.stop_requested:  # no state is kept after training, so a stop request ends this at once
            run.stop()
        run.display.progress(what, done, total, unit)

    with run.clock.timed("predict_seconds"):
        return trainer.predict(classifier, texts_of(run.data[split]), run.labels, Part(run.display, progress))


def _weigh(plan: Plan, run: Execution, predictions: Mapping[str, Prediction], decision: Decision) -> Metrics:
    """Score the predictions by split, and write metrics.json, and predictions.csv of the first split."""
    scores, outcomes = {}, {}
    for split, prediction in predictions.items():
        final = decision.scale(prediction.probabilities, run.labels)
        truth, chosen = run.references(split), decision.decide(final, run.labels)
        outcomes[split] = Outcome(truth, chosen, final, run.labels)
        scores[split] = score(run.metrics, outcomes[split])
        run.notify("on_evaluate", split=split, scores=scores[split])
    recipe = plan.recipe
    texts = {split: hash_texts(texts_of(rows)) for split, rows in run.data.items()}
    given = (run.labels, run.data, predictions, scores, recipe.seed, recipe.evidence, decision, texts)
    metrics = assess(Facts(*given, outcomes=outcomes))
    split, prediction = next(iter(predictions.items()))
    outcome = outcomes[split]
    table = predictions_csv(
        run.labels,
        numbers(run.data[split], "row"),
        texts[split].exact,
        outcome.references,
        predictions=outcome.predictions,
        prediction=replace(prediction, probabilities=outcome.probabilities),
    )
    run.store.write_json("metrics.json", metrics)
    run.store.write_pieces("predictions.csv", table)
    run.store.write_bytes(SEEN, seen_file(seen_in_training(texts)))
    return metrics


def _telling(
    parts: Parts, classifier: Classifier, run: Execution, mistakes: Sequence[Mistake], texts: Mapping[int, Text]
) -> Words:
    """Ask the classifier for the words that speak for each class, and for each wrong answer, if it knows them."""
    names, telling = run.labels.names, parts.model.telling_words
    by_class = {name: telling(classifier, i, None, _TOP_WORDS) for i, name in enumerate(names)}
    by_mistake = {
        mistake["index"]: telling(
            classifier, names.index(mistake["predicted"]), texts[mistake["index"]], _DECIDING_WORDS
        )
        for mistake in mistakes
        if isinstance(mistake["predicted"], str)
    }
    return Words({name: words for name, words in by_class.items() if words}, by_mistake)


def _about(plan: Plan, run: Execution, decision: Decision) -> str:
    """Say beside the model's own files what they do not: label order, how probabilities become labels, who made it."""
    about = {
        "labels": list(run.labels.names),
        "multi_label": run.labels.multi_label,
        "decision": decision.to_json(),
        "model": plan.model.component.name,
        "trainer": plan.trainer.component.name,
    }
    return json.dumps(about, indent=2, ensure_ascii=False) + "\n"
