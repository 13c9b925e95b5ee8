"""The plugin `tensorboard`: a watcher that writes what a run logs for TensorBoard."""

from __future__ import annotations

from pydantic import Field

from clsfw import Component, HostError, RecipePath, Settings, Watcher, hookimpl


class TensorboardSettings(Settings):
    """Where the events go."""

    directory: RecipePath | None = Field(
        None,
        description="the folder to give to `tensorboard --logdir`; each run has a folder of its own in it, with the "
        "name of the run directory (without it: `tensorboard` beside the run directory)",
    )


def build(settings: TensorboardSettings) -> Watcher:
    """Build the watcher.

    Raises:
        HostError: the package tensorboard is not installed.

    """
    try:
        from clsfw_tensorboard.events import Events
    except ImportError as exc:
        raise HostError(
            "watcher 'tensorboard' needs the package tensorboard, which is not installed:"
            ' pip install "clsfw[tensorboard]"'
        ) from exc
    return Events(settings.directory)


@hookimpl
def register_watchers() -> list[Component[Watcher]]:
    """Contribute the watcher."""
    return [
        Component(
            name="tensorboard",
            summary="writes losses and scores for TensorBoard, while a run goes on",
            settings=TensorboardSettings,
            build=build,
        )
    ]
