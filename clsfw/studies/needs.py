"""What a worker on another host needs for the runs of a study, by the recipe's own plan."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from clsfw.contract.parts import Resources, TorchClassifier
from clsfw.engine.prepare import start_classifier
from clsfw.errors import HostError
from clsfw.report.display import Quiet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clsfw.recipe.plan import Plan
    from clsfw.studies.shared import SharedData


def needed(plan: Plan, hosts: Sequence[Resources], threads: int, data: SharedData) -> Resources:
    """Return the processors, memory and GPU for one run: a GPU for a torch model where there are some.

    The memory is what training needs for its parameters, where the trainer can say it; a plan that
    cannot be begun is found here, before anything is sent.

    Raises:
        ClsfwError: the data cannot be read, or the model cannot be started.

    """
    parts = plan.build()
    display = Quiet()
    prepared = data(plan, parts.source, display)
    classifier = start_classifier(plan, parts, prepared.labels, prepared.parts["train"], display)
    gpus = 1 if isinstance(classifier, TorchClassifier) and any(host.gpus for host in hosts) else 0
    memory = None
    with suppress(HostError):  # the device that it would train on is on the other hosts
        needs = parts.trainer.plan_training(len(prepared.parts["train"]), parts.model.parameters(classifier)[1])
        memory = int(needs.memory_bytes) if needs is not None else None
    return Resources(threads, memory, gpus)
