"""The speeds that an export compares: all arms predict the same texts, too few for a cache of tokens."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from clsfw.report.display import Quiet
from clsfw.shipping.export import _speeds
from clsfw_torch.tokens import CACHED_FROM


class Arm:
    def __init__(self):
        self.given = []

    def predict(self, _model, texts, _labels, _display):
        self.given.append(texts)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_every_arm_predicts_the_same_few_texts(precision):
    run, artifact, as_it_is = Arm(), Arm(), Arm()
    loaded = SimpleNamespace(model=None, labels=None, recipe={"trainer": {"precision": precision}})
    loaded.raw_prediction = lambda texts, display: as_it_is.predict(None, texts, None, display)
    judged = SimpleNamespace(loaded=loaded, texts=[f"text {i}" for i in range(5000)])

    speeds = _speeds(judged, run, artifact, None, Quiet())

    assert run.given == artifact.given
    assert as_it_is.given == ([] if precision == "fp32" else run.given)
    assert 1 < len(run.given[-1]) < CACHED_FROM
    assert {"run", "artifact", "run_as_it_is"} == set(speeds)
