"""A finished run in the hands of a script or a notebook: what it left, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clsfw.evidence import finished
from clsfw.report import notebook

if TYPE_CHECKING:
    from clsfw.inference.classifier import LoadedClassifier


class FinishedRun(finished.FinishedRun):
    """A complete run: its scores, predictions, verdict, report and classifier.

    `scores["accuracy"]` is a score on the judged split, `metrics` all of metrics.json, `verdict` None without
    `[expect]`. Get one from `clsfw.run`, or of an earlier run from `FinishedRun.read(directory)`.
    """

    def classifier(self, *, allow_code: bool = False) -> LoadedClassifier:
        """Load the classifier, as `clsfw.load` does."""
        from clsfw.inference.classifier import load_classifier

        return load_classifier(self.directory, allow_code=allow_code)

    def show(self) -> None:
        """Show the report: within a notebook, and elsewhere in the browser."""
        notebook.show(self)

    def _repr_html_(self) -> str:
        """Return verdict, headline and bars, for a notebook."""
        return notebook.card(self)
