"""Says in words what `parity.json` holds: for the terminal, and for the model card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def told(found: Mapping[str, Any]) -> Iterator[str]:
    """Say what was found, one line each."""
    rows, flips = found["rows"], found["flips"]
    largest = found["largest_difference"]
    yield f"{flips:,} of {rows:,} {found['split']} labels differ, probabilities by {largest:.2g} at most"
    for name, shown in (("accuracy", "accuracy"), ("f1", "macro F1")):
        score = found[name]
        low, high = score["interval"]
        yield (
            f"{shown} {score['artifact']:.4f}, the run's {score['run']:.4f}: "
            f"{score['difference']:+.4f} (95 % {low:+.4f} to {high:+.4f})"
        )
    yield (
        f"only the run right {found['only_run_right']:,}, only the artifact right {found['only_artifact_right']:,}, "
        f"McNemar p = {found['mcnemar_p']:.3g}"
    )
    speed, size = found["texts_per_second"], found["bytes"]
    yield (
        f"{speed['artifact']:,.0f} texts a second, the run's own model in fp32 {speed['run']:,.0f}; "
        f"{size['artifact'] / 1e6:,.1f} MB, the run's model {size['run'] / 1e6:,.1f} MB"
    )


def advice(found: Mapping[str, Any]) -> str:
    """Say which of the two is the faster one on this machine."""
    speed = found["texts_per_second"]
    artifact, run = speed["artifact"], speed["run_as_it_is"]
    if artifact > run:
        return f"on this machine the artifact is faster, {artifact / run:.1f} times: use it here"
    return f"on this machine the run itself is faster, {run / artifact:.1f} times: use that here"


def card_section(found: Mapping[str, Any]) -> str:
    """Return what the model card says beneath the rest."""
    exporter = found["exporter"]
    lines = [f"- {line[:1].upper()}{line[1:]}." for line in told(found)]
    lines += [f"- {reason[:1].upper()}{reason[1:]}." for reason in found["reasons"]]
    libraries = ", ".join(f"{name} {version}" for name, version in found["libraries"].items())
    made = f"Exported by `{exporter['use']}` in {found['precision']}" + (f", with {libraries}" if libraries else "")
    head = ["", "## Parity with the run", "", f"{made}. **{found['verdict']}**.", ""]
    return "\n".join([*head, *lines, ""])
