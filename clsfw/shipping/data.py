"""The splits of a recipe as what is pushed to a data set of the hub: Parquet files and a card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clsfw.engine.prepare import prepare_data
from clsfw.errors import __version__
from clsfw.evidence.leakage import hash_texts, seen_in_training
from clsfw.kit.disk import explained
from clsfw.kit.pairs import texts_of
from clsfw.kit.text import clean, markdown
from clsfw.shipping.push import Parcel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clsfw.engine.prepare import PreparedData
    from clsfw.recipe.plan import Plan
    from clsfw.report.display import Display

_MOST_CLASSES = 50
_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M", 10_000_000: "1M<n<10M"}


def data_parcel(plan: Plan, name: str, folder: Path, display: Display) -> Parcel:
    """Cut the data of a plan, and write its splits and the card of a repository of that name into a folder.

    Raises:
        DataError: the data cannot be read or cut as asked.
        HostError: a file cannot be written.

    """
    data = prepare_data(plan, plan.data.build(), display)
    files: dict[str, Path] = {}
    with explained(folder):
        (folder / "data").mkdir()
        for split, part in data.parts.items():
            files[f"data/{split}.parquet"] = folder / "data" / f"{split}.parquet"
            part.to_parquet(files[f"data/{split}.parquet"])
        files["README.md"] = folder / "README.md"
        files["README.md"].write_text(data_card(plan, name, data), encoding="utf-8")
    return Parcel("dataset", files, {"name": plan.recipe.name, "data": data.hashes})


def data_card(plan: Plan, name: str, data: PreparedData) -> str:
    """Write the card: for the hub where the splits lie, for people what they hold and how they were cut."""
    import yaml

    splits = data.facts["splits"]
    rows = sum(split["rows"] for split in splits.values())
    size = next((name for most, name in _SIZES.items() if rows < most), "n>10M")
    front: dict[str, Any] = {
        "pretty_name": clean(plan.recipe.name),
        "task_categories": ["text-classification"],
        "size_categories": [size],
        "tags": ["clsfw"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"data/{split}.parquet"} for split in splits],
            }
        ],
    }
    head = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=1_000_000)
    return f"---\n{head}---\n\n" + "\n".join(_body(plan, name, data)) + "\n"


def _body(plan: Plan, name: str, data: PreparedData) -> Iterator[str]:
    recipe, splits = plan.recipe, data.facts["splits"]
    yield f"# {markdown(recipe.name)}"
    yield ""
    yield f"The splits of a clsfw recipe (`{plan.data.component.name}` data), written by clsfw {__version__}."
    yield ""
    cut = "The splits are those that the data brings."
    if recipe.split is not None and recipe.split.method != "given":
        seed = recipe.seed if recipe.split.seed is None else recipe.split.seed
        cut = f"Cut by the method `{recipe.split.method}`, seed {seed}; `row` is a row's number in the source."
    yield cut
    yield ""
    yield f"| label | {' | '.join(splits)} |"
    yield f"|---|{'---|' * len(splits)}"
    names = data.labels.names
    for label in names[:_MOST_CLASSES]:
        counts = (f"{split['labels'][label]:,}" for split in splits.values())
        yield f"| {markdown(label)} | {' | '.join(counts)} |"
    rows = [f"{split['rows']:,}" for split in splits.values()]
    yield f"| all | {' | '.join(rows)} |"
    yield ""
    if len(names) > _MOST_CLASSES:
        yield f"and {len(names) - _MOST_CLASSES} more labels."
        yield ""
    texts = {split: hash_texts(texts_of(part)) for split, part in data.parts.items()}
    if "test" in texts:
        known = int(np.isin(texts["test"].folded, seen_in_training(texts)).sum())
        yield f"{known:,} test texts are in another split too, letter case and blanks aside."
        yield ""
    yield "```python"
    yield from ("from datasets import load_dataset", "", f'splits = load_dataset("{name}")')
    yield "```"
