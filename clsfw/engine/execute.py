"""Carries a plan out, from an empty or interrupted run directory to a complete one."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clsfw.engine.finish import finish
from clsfw.engine.handles import TrainerHandle
from clsfw.engine.prepare import prepare_data, start_classifier
from clsfw.engine.run import Execution, listed, refuse_other_bits
from clsfw.errors import ClsfwError, HostError, InterruptedRunError, RunDirectoryError
from clsfw.evidence.environment import environment
from clsfw.evidence.finished import FinishedRun
from clsfw.kit.disk import require_space
from clsfw.kit.lock import locked
from clsfw.kit.records import differences
from clsfw.process.clock import Clock
from clsfw.process.signals import StopSignals
from clsfw.report.display import Quiet
from clsfw.store import place
from clsfw.store.rundir import RunDirectory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from clsfw.contract.parts import Classifier
    from clsfw.discovery.parts import BuiltSource
    from clsfw.engine.prepare import PreparedData
    from clsfw.recipe.plan import Parts, Plan
    from clsfw.report.display import Display


def execute(
    plan: Plan,
    *,
    out: str | Path | None = None,
    fresh: bool = False,
    accept_other_bits: bool = False,
    display: Display | None = None,
    repeats: FinishedRun | None = None,
    prepare: Callable[[Plan, BuiltSource, Display], PreparedData] = prepare_data,
    signals: StopSignals | None = None,
) -> FinishedRun:
    """Run a plan, continue an interrupted run of it, or return a complete one.

    With `accept_other_bits` an interrupted run goes on in other surroundings than it was begun in; `repeats` is a run
    that this one is meant to give the bits of; `prepare` reads and cuts the data; `signals` ask it to stop.

    Raises:
        ClsfwError: see `clsfw.errors`; a missed expected result does not raise, it is the verdict.

    """
    clock = Clock("start_seconds")
    display = display or Quiet()
    path = place.checked(run_path(plan, out))
    for note in plan.notes:
        display.note(note)
    with ExitStack() as stack:
        store = None
        fixed = _fixed(plan)
        # Ask before the long work of reading the data; what is moved aside, and what is made, waits until that is read.
        if fresh and place.is_run(path):
            with locked(path):
                pass
        elif path.exists():
            store = stack.enter_context(RunDirectory.open(path, warn=display.warn))
            if store.state == "complete":
                return _already_complete(path, plan, display)
            _refuse_changes(store, fixed, display, accept_other_bits=accept_other_bits)
        display.stage("loading libraries")
        parts = plan.build()
        clock.phase("data_seconds")
        data = prepare(plan, parts.source, display)
        fixed["data"] = data.hashes
        clock.phase("model_seconds")
        model_facts = parts.model.check()
        if store is None:
            store = stack.enter_context(RunDirectory.open(path, fresh=fresh, warn=display.warn))
            if store.state == "complete":  # by another process meanwhile
                return _already_complete(path, plan, display)
        _refuse_changes(store, fixed, display, accept_other_bits=accept_other_bits)
        signals = stack.enter_context(signals or StopSignals(display.note))
        _begin(store, plan, data, fixed)
        run = Execution(
            name=plan.recipe.name,
            seed=plan.recipe.seed,
            labels=data.labels,
            data=data.parts,
            store=store,
            metrics=parts.metrics,
            watchers=parts.watchers,
            display=display,
            signals=signals,
            trainer=parts.trainer,
            clock=clock,
            begun=repeats.record["fixed"].get("computed") if repeats is not None else None,
            accept_other_bits=accept_other_bits,
        )
        try:
            return _carry_out(plan, parts, run, model_facts)
        except BaseException as exc:
            stopped = isinstance(exc, (InterruptedRunError, KeyboardInterrupt))
            error = None if stopped else str(exc) if isinstance(exc, ClsfwError) else type(exc).__name__
            if store.state != "complete":
                with suppress(HostError):  # a disk that is full is told by the first error already
                    store.update(state="interrupted" if stopped else "failed", error=error)
            raise


def run_path(plan: Plan, out: str | Path | None) -> Path:
    """Return the run directory of a plan: `out`, or the one that the same recipe always gets."""
    return Path(out) if out is not None else Path("runs") / f"{plan.recipe.name}-{plan.identity()[:8]}"


def _carry_out(plan: Plan, parts: Parts, run: Execution, model_facts: Mapping[str, str]) -> FinishedRun:
    store, trainer = run.store, parts.trainer
    classifier = _create(plan, parts, run, model_facts)
    needs = trainer.plan_training(len(run.data["train"]), parts.model.parameters(classifier)[1])
    if needs is not None:
        still_needed = int(needs.disk_bytes) - store.checkpoints.size()
        require_space(store.path, still_needed, "the checkpoints and the model")
    checkpoint = run.resume()
    try:
        run.notify("on_run_start")
        run.clock.phase("fit_seconds")
        run.display.stage("training")
        if checkpoint is not None:
            run.display.note(f"continued after step {checkpoint.step}")
            run.recall()
        handle = TrainerHandle(run)
        trainer.fit(classifier, handle.data, handle)
        store.update(training=run.facts)
        finished = finish(plan, parts, run, classifier)
    except BaseException as exc:
        try:
            run.notify("on_run_end", error=exc)
        except ClsfwError as second:  # the first error says what ended the run
            run.display.warn(str(second))
        raise
    run.notify("on_run_end", error=None)
    return finished


def _create(plan: Plan, parts: Parts, run: Execution, facts: Mapping[str, str]) -> Classifier:
    run.display.stage("building the model")
    classifier = start_classifier(plan, parts, run.labels, run.data["train"], run.display)
    total, trainable = parts.model.parameters(classifier)
    run.display.note(f"parameters: {total:,} in all, {trainable:,} trainable")
    counts = {"parameters": total, "trainable_parameters": trainable}
    run.store.update(model={**facts, **counts, "provenance": parts.model.provenance()})
    return classifier


def _fixed(plan: Plan) -> dict[str, Any]:
    """Collect what an interrupted run must find unchanged, or its end would not equal an undisturbed run's."""
    used = [plan.data.plugin, plan.model.plugin, plan.trainer.plugin, *(part.plugin for part in plan.metrics)]
    plugins = {plugin.name: plugin.provenance() for plugin in used}
    return {"recipe": plan.portable(), "environment": environment(), "plugins": plugins}


def _refuse_changes(
    store: RunDirectory, fixed: Mapping[str, Any], display: Display, *, accept_other_bits: bool
) -> None:
    before = store.record.get("fixed")
    if before is None or not store.checkpoints.any():
        return  # nothing was trained yet, so nothing can be spoilt
    changed = differences({key: before.get(key, {}) for key in fixed}, fixed)
    surroundings = [line for line in changed if line.startswith(("environment.", "plugins."))]
    if len(changed) > len(surroundings):
        raise RunDirectoryError(
            f"{store.path} holds an interrupted run of something else, so it cannot be continued:{listed(changed)}\n"
            "undo the changes, give another --out, or start over with --fresh, which keeps the old directory"
        )
    refuse_other_bits(store, surroundings, accepted=accept_other_bits, warn=display.warn)


def _already_complete(path: Path, plan: Plan, display: Display) -> FinishedRun:
    finished = FinishedRun.read(path)
    record = finished.record
    if record["identity"] != plan.identity():
        # Tables of the same content may differ in their order, which decides on the ids of labels.
        found = differences(record["fixed"]["recipe"], plan.portable()) or ["the order of settings or labels"]
        raise RunDirectoryError(
            f"{path} holds a complete run of another recipe:{listed(found)}\n"
            "give another --out, or start over with --fresh, which keeps the old directory"
        )
    display.note(f"{path} is complete already; --fresh runs it again and keeps the old directory")
    return finished


def _begin(store: RunDirectory, plan: Plan, data: PreparedData, fixed: Mapping[str, Any]) -> None:
    store.write_text("recipe.toml", plan.text)
    store.write_text("resolved.toml", plan.resolved_toml())
    store.update(
        state="running",
        name=plan.recipe.name,
        identity=plan.identity(),
        seed=plan.recipe.seed,
        started=store.record.get("started") or datetime.now(UTC).isoformat(timespec="seconds"),
        resumed=store.checkpoints.any(),
        data=data.record(),
        differences=plan.changes,
        error=None,
        warnings=store.record.get("warnings", []) if store.checkpoints.any() else [],
        fixed={**fixed, **({"computed": store.record["fixed"].get("computed", {})} if store.checkpoints.any() else {})},
    )
