"""What `export` says last: which of the two is the faster one here."""

from __future__ import annotations

from clsfw.shipping.words import advice


def speeds(**speed):
    return {"texts_per_second": speed}


def test_the_faster_one_is_recommended():
    faster = advice(speeds(run=10, artifact=30, run_as_it_is=10))
    slower = advice(speeds(run=10, artifact=5, run_as_it_is=10))

    assert "on this machine the artifact is faster, 3.0 times: use it here" == faster
    assert "on this machine the run itself is faster, 2.0 times: use that here" == slower


def test_the_run_counts_in_the_precision_that_it_predicts_with():
    said = advice(speeds(run=10, artifact=30, run_as_it_is=60))

    assert "on this machine the run itself is faster, 2.0 times: use that here" == said
