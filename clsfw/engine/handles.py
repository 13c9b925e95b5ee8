"""What parts see of a run: read-only views, so that no part can change what the engine scores.

They stop slips, not malice: a plugin is code of this process, and Python hides nothing from it.
"""

from __future__ import annotations

import copy
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn

from clsfw.report.display import Part

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    import numpy as np
    from datasets import Dataset
    from numpy.typing import NDArray

    from clsfw.contract.parts import Labels, Reporter
    from clsfw.contract.run import Checkpoints
    from clsfw.engine.run import Execution


class WatchedHandle:
    """The `clsfw.WatchedRun` of one watcher."""

    name: str
    seed: int
    labels: Labels
    data: Mapping[str, Dataset]
    reporter: Reporter
    directory: Path

    def __init__(self, execution: Execution) -> None:
        # A copy of each split shares its rows; what a part does to it in place, as `set_format`, stays with the part.
        data = MappingProxyType({name: copy.copy(split) for name, split in execution.data.items()})
        display = execution.display
        vars(self).update(
            name=execution.name,
            seed=execution.seed,
            labels=execution.labels,
            data=data,
            reporter=Part(display, display.progress),  # what the run keeps of its warnings is out of reach
            directory=execution.store.path,
            _execution=execution,
        )

    def __setattr__(self, name: str, value: object) -> NoReturn:
        """Refuse: what a part sets here would reach nobody."""
        raise AttributeError(f"a run is read-only, so {name!r} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        """Refuse."""
        raise AttributeError(f"a run is read-only, so {name!r} cannot be deleted")


class TrainerHandle(WatchedHandle):
    """The `clsfw.Run` of the trainer."""

    _execution: Execution

    @property
    def checkpoints(self) -> Checkpoints:
        """The crash-safe checkpoints."""
        return self._execution.store.checkpoints

    @property
    def stop_requested(self) -> bool:
        """Whether a signal asked the run to stop at the end of this step."""
        return self._execution.stop_requested

    def stop(self) -> NoReturn:
        """Leave the run after the checkpoint of this step was committed."""
        self._execution.stop()

    @property
    def begun(self) -> Mapping[str, object]:
        """What the trainer gave to `fix` when this run was begun."""
        return MappingProxyType(self._execution.begun)

    def fix(self, **facts: object) -> None:
        """Record what the bits of the result hang on."""
        self._execution.fix(facts)

    def record(self, **facts: object) -> None:
        """Keep facts in run.json."""
        self._execution.record(facts)

    def timed(self, name: str) -> AbstractContextManager[None]:
        """Add the seconds of a block to `timings.json`."""
        return self._execution.clock.timed(name)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Record a training step."""
        self._execution.log(step, values)

    def evaluate(
        self, step: int, split: str, probabilities: NDArray[np.float32], loss: float | None = None
    ) -> dict[str, float]:
        """Score probabilities [N, C] by the recipe's metrics, and record them."""
        return self._execution.evaluate(step, split, probabilities, loss)
