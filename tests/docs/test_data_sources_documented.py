"""The page on data sources names every setting with its default, and shows messages that the code gives."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from pydantic_core import PydanticUndefined
from support.data_faults import DATA_FAULTS

import clsfw_csv
import clsfw_hf_datasets
import clsfw_sql
from clsfw.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

COMPONENTS = {
    component.name: component.settings
    for plugin in (clsfw_csv, clsfw_hf_datasets, clsfw_sql)
    for component in plugin.register_data_sources()
}


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs/reference/data-sources.md").read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    return page.split(f"\n## {heading}\n")[1].split("\n## ", maxsplit=1)[0]


def table(text: str) -> dict[str, str]:
    """Give the settings of a table, each with what stands in its column for the default."""
    return {name: default.strip() for name, default in re.findall(r"^\| `(\w+)` \| ([^|]*) \|", text, re.MULTILINE)}


@pytest.mark.parametrize("name", ["csv", "hf-dataset"])
def test_every_setting_is_listed_and_no_other(page: str, name: str) -> None:
    assert sorted(table(section(page, name))) == sorted(COMPONENTS[name].model_fields)


@pytest.mark.parametrize("name", [name for name in COMPONENTS if name not in {"jsonl", "parquet"}])
def test_the_defaults_are_those_of_the_code(page: str, name: str) -> None:
    written = table(section(page, name))
    plain = {key: COMPONENTS[name].model_fields[key].default for key, text in written.items() if text.startswith('`"')}

    assert {key: text.strip('`"') for key, text in written.items() if key in plain} == plain


def test_sql_has_the_settings_of_csv_that_say_what_columns_mean(page: str) -> None:
    own, csv, text = COMPONENTS["sql"].model_fields, COMPONENTS["csv"].model_fields, section(page, "sql")
    others = set(re.findall(r"`(\w+)`", text.split("The others are those of `csv`")[1].split(". ")[0]))

    assert others == own.keys() & csv.keys()
    assert set(table(text)) == own.keys() - others


@pytest.mark.parametrize("name", ["csv", "hf-dataset", "sql"])
def test_required_means_required(page: str, name: str) -> None:
    required = {key for key, text in table(section(page, name)).items() if text == "required"}

    assert required == {
        key for key, field in COMPONENTS[name].model_fields.items() if field.default is PydanticUndefined
    }


@pytest.mark.parametrize("name", ["jsonl", "parquet"])
def test_the_others_have_the_settings_of_csv_but_two(page: str, name: str) -> None:
    own, csv = COMPONENTS[name].model_fields, COMPONENTS["csv"].model_fields

    assert "without `encoding` and `delimiter`" in section(page, "jsonl and parquet")
    assert set(csv) - set(own) == {"encoding", "delimiter"}
    assert {key: field.default for key, field in own.items()} == {key: csv[key].default for key in own}


def test_the_defaults_of_imdb_csv_are_all_that_differ(page: str) -> None:
    own, base = COMPONENTS["imdb-csv"].model_fields, COMPONENTS["csv"].model_fields

    assert set(table(section(page, "imdb-csv"))) == {key for key in own if own[key].default != base[key].default}


def test_the_messages_of_bad_files_are_given_by_the_code(page: str, tmp_path: Path) -> None:
    """Each message of the table that needs no network occurs for one of the bad files, word for word."""
    from support.reporting import Remembering

    from clsfw_csv.source import FileSource

    said = []
    for fault in DATA_FAULTS:
        path = tmp_path / fault.file
        path.write_bytes(fault.content)
        settings = clsfw_csv.CsvSettings.model_validate({"source": str(path), **fault.settings})
        with pytest.raises(DataError) as caught:
            FileSource(settings).load(Remembering())
        said.append(str(caught.value).replace(f"{tmp_path}/", ""))
    shown = re.findall(r"^\| `(reviews.*?)` \|", section(page, "Messages"), re.MULTILINE)
    unsaid = [text for text in shown if not any(_occurs(text, message) for message in said)]

    assert unsaid == ["reviews.csv: no such file; did you mean 'reviews.csv.bz2'?"]


def _occurs(text: str, message: str) -> bool:
    """Compare without numbers and column names, and with `...` for anything."""
    pattern = ".*".join(re.escape(part) for part in re.split(r"\.\.\.", text))
    loose = re.sub(r"'(?:label|score|pos)'|\d+", lambda _: r"(?:'\w+'|\d+)", pattern)
    return re.search(loose, message) is not None
