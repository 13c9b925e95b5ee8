from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from clsfw.kit.text import clean, clean_lines, encodable, from_spreadsheet_cell, spreadsheet_cell
from clsfw.report.markup import tag

ANY = st.text(st.characters())  # lone surrogates and controls too


@given(ANY)
def test_whatever_is_cleaned_stands_on_one_line_without_controls_and_can_be_encoded(text):
    shown = clean(text)
    shown.encode()
    assert len(shown.splitlines()) <= 1
    assert not [char for char in shown if unicodedata.category(char) in {"Cc", "Cs"}]


@given(ANY)
def test_cleaning_twice_is_cleaning_once(text):
    assert clean(clean(text)) == clean(text)
    assert clean_lines(clean_lines(text)) == clean_lines(text)


@given(ANY)
def test_every_spreadsheet_cell_reads_back_and_begins_like_text(text):
    cell = spreadsheet_cell(text)
    assert from_spreadsheet_cell(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\0"))


@given(ANY)
def test_every_text_can_be_encoded(text):
    encodable(text).encode()


@given(ANY)
def test_no_text_becomes_markup(text):
    made = tag("p", text, title=text).text
    assert made.count("<") == 2
    assert made.count(">") == 2
    assert made.count('"') == 2
