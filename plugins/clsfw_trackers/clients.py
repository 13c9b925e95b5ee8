"""One class for each tracker: it starts a run there, sends records, and ends the run. Each imports its own library."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Record = dict[str, Any]

_MLFLOW_NAME = re.compile(r"[^\w.\- /]|(?<=/)/|\.(?=\.)")
_MLFLOW_LONGEST_NAME, _MLFLOW_LONGEST_VALUE = 250, 6000  # characters
_MLFLOW_MOST_PARAMETERS, _MLFLOW_MOST_VALUES = 100, 1000  # of one request
_MLFLOW_STATES = {"complete": "FINISHED", "failed": "FAILED"}


class Client(Protocol):
    """A run at a tracker; it is made from the first record."""

    def about(self) -> Mapping[str, str]:
        """Return `where` to find the run, and `kept`, a command that sends what did not arrive, where there is one."""

    def send(self, records: Sequence[Record]) -> None:
        """Send records of kind `values`."""

    def finish(self, record: Record) -> None:
        """Send the last record, and return when all has arrived."""


class Wandb:
    """Weights & Biases."""

    def __init__(self, start: Record) -> None:
        import wandb

        settings = start["settings"]
        # Nothing of the machine, its code, packages or output goes there: only what this package sends.
        quiet = wandb.Settings(
            console="off",
            silent=True,
            disable_code=True,
            disable_git=True,
            save_code=False,
            x_disable_machine_info=True,
            x_disable_meta=True,
            x_disable_stats=True,
            x_save_requirements=False,
        )
        self._run = wandb.init(
            project=settings["project"] or os.environ.get("WANDB_PROJECT") or "clsfw",
            mode=settings["mode"],
            dir=settings["directory"] or start["parent"],
            name=start["name"],
            group=start["group"],
            config=start["parameters"],
            settings=quiet,
        )
        self._run.define_metric("*", step_metric="step")  # the run's own steps, which may begin anew
        self._run.summary.update(start["tags"])

    def about(self) -> Mapping[str, str]:
        """Return the address, or in offline mode the command that sends the files."""
        folder = os.path.dirname(self._run.dir)  # noqa: PTH120  # the library's own string
        command = f"`wandb sync {folder}`"
        if self._run.offline:
            return {"where": f"kept in files, {command} sends them"}
        return {"where": str(self._run.url), "kept": command}

    def send(self, records: Sequence[Record]) -> None:
        """Hand them to the library, which sends them by itself."""
        for record in records:
            self._run.log({**record["values"], "step": record["step"]})

    def finish(self, record: Record) -> None:
        """Wait until all has arrived."""
        self._run.summary.update(record["tags"])
        self._run.finish(exit_code=0 if record["state"] == "complete" else 1)


class Mlflow:
    """MLflow, by its plain client: no global state, and no tags about code or user."""

    def __init__(self, start: Record) -> None:
        from mlflow import MlflowClient
        from mlflow.entities import Param

        settings = start["settings"]
        self._uri = settings["tracking_uri"] or os.environ["MLFLOW_TRACKING_URI"]
        self._client = MlflowClient(tracking_uri=self._uri)
        self._experiment = self._id_of(settings["experiment"] or os.environ.get("MLFLOW_EXPERIMENT_NAME") or "clsfw")
        tags = {**start["tags"], "clsfw.recipe": start["group"]}
        self._id = self._client.create_run(self._experiment, run_name=start["name"], tags=tags).info.run_id
        given = [
            Param(_mlflow_name(name), str(value)[:_MLFLOW_LONGEST_VALUE]) for name, value in start["parameters"].items()
        ]
        for first in range(0, len(given), _MLFLOW_MOST_PARAMETERS):
            self._client.log_batch(self._id, params=given[first : first + _MLFLOW_MOST_PARAMETERS])

    def about(self) -> Mapping[str, str]:
        """Return the address of the run's page, or where the files are."""
        page = f"/#/experiments/{self._experiment}/runs/{self._id}" if self._uri.startswith("http") else ""
        return {"where": re.sub(r"://[^/@]*@", "://", self._uri.rstrip("/")) + page}

    def send(self, records: Sequence[Record]) -> None:
        """Send them in as few requests as the server takes."""
        from mlflow.entities import Metric

        values = [
            Metric(_mlflow_name(name), value, int(record["time"] * 1000), record["step"])
            for record in records
            for name, value in record["values"].items()
        ]
        for first in range(0, len(values), _MLFLOW_MOST_VALUES):
            self._client.log_batch(self._id, metrics=values[first : first + _MLFLOW_MOST_VALUES])

    def finish(self, record: Record) -> None:
        """Say how the run ended."""
        for key, value in record["tags"].items():
            self._client.set_tag(self._id, key, value)
        self._client.set_terminated(self._id, _MLFLOW_STATES.get(record["state"], "KILLED"))

    def _id_of(self, name: str) -> str:
        """Return the id of an experiment, which is made where it is missing; another process may make it meanwhile."""
        from mlflow.exceptions import MlflowException

        found = self._client.get_experiment_by_name(name)
        if found is None:
            try:
                return str(self._client.create_experiment(name))
            except MlflowException:
                found = self._client.get_experiment_by_name(name)
                if found is None:
                    raise
        return str(found.experiment_id)


def _mlflow_name(name: str) -> str:
    """Return a name as MLflow takes it: what it refuses is written as its number, so that no two names become one."""
    return _MLFLOW_NAME.sub(lambda found: f"_{ord(found[0]):x}_", name)[:_MLFLOW_LONGEST_NAME]


class Trackio:
    """Trackio, which keeps runs in files of its own, and sends them to a Space if that is named."""

    def __init__(self, start: Record) -> None:
        import trackio

        settings = start["settings"]
        self._project = settings["project"]
        self._space = settings["space_id"]
        self._run: Any = trackio.init(
            project=self._project,
            name=start["name"],
            group=start["group"],
            space_id=self._space,
            config={**start["parameters"], **start["tags"]},
            resume="never",
            embed=False,
            auto_log_cpu=False,
            auto_log_gpu=False,
        )

    def about(self) -> Mapping[str, str]:
        """Return the command that shows it."""
        space = f", https://huggingface.co/spaces/{self._space}" if self._space else ""
        return {"where": f"`trackio show --project {self._project}` shows it{space}"}

    def send(self, records: Sequence[Record]) -> None:
        """Send them."""
        for record in records:
            self._run.log(dict(record["values"]), step=record["step"])

    def finish(self, record: Record) -> None:
        """Wait until all is kept."""
        self._run.finish()


CLIENTS: Mapping[str, Callable[[Record], Client]] = {"mlflow": Mlflow, "trackio": Trackio, "wandb": Wandb}
