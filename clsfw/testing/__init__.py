"""The conformance kit: what every kind of component must do, as functions that an author's tests call.

    @pytest.mark.parametrize("check", clsfw.testing.checks("my-plugin"), ids=str)
    def test_contract(check):
        check()

`clsfw test-plugin NAME` runs the same checks. Each raises `ContractError` with what is wrong and what to do.
"""

from clsfw.errors import ContractError
from clsfw.testing.harness import Listener, open_run
from clsfw.testing.kit import (
    Check,
    check_data_source,
    check_light_import,
    check_metric,
    check_model,
    check_searcher,
    check_settings,
    check_trainer,
    check_watcher,
    checks,
)
from clsfw.testing.samples import ODD_TEXTS, toy_splits
from clsfw.testing.toys import ToyClassifier, ToyModel, ToyTrainer

__all__ = [
    "ODD_TEXTS",
    "Check",
    "ContractError",
    "Listener",
    "ToyClassifier",
    "ToyModel",
    "ToyTrainer",
    "check_data_source",
    "check_light_import",
    "check_metric",
    "check_model",
    "check_searcher",
    "check_settings",
    "check_trainer",
    "check_watcher",
    "checks",
    "open_run",
    "toy_splits",
]
