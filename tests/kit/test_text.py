from __future__ import annotations

import json

import pytest

from clsfw.kit.text import (
    clean,
    clean_lines,
    encodable,
    from_spreadsheet_cell,
    json_text,
    markdown,
    spreadsheet_cell,
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("plain text", "plain text"),
        ("two\nlines\r\nthree", "two lines three"),
        ("\x1b[2J\x1b]8;;https://evil.example\x07link\x1b]8;;\x07", "[2J]8;;https://evil.examplelink]8;;"),
        ("\x9b31mred", "31mred"),
        ("abc\u202egnp.exe", "abcgnp.exe"),
        ("\u2066left\u2069", "left"),
        ("half \ud800 pair", "half \ufffd pair"),
        ("tab\there", "tab here"),
        ("nul\0del\x7f", "nuldel"),
        ("para\u2029graph\x85next", "para graph next"),
        ("\ufeffbom", "bom"),
        ("naïve 日本 🎬", "naïve 日本 🎬"),
    ],
)
def test_clean_takes_away_what_a_terminal_obeys(given, expected):
    assert clean(given) == expected


def test_clean_lines_keeps_lines_and_tabs():
    assert clean_lines("a\n\tb\r\nc\x1b[0m") == "a\n\tb\nc[0m"


def test_cleaned_text_can_be_encoded():
    assert clean("\udcff").encode() == "\ufffd".encode()
    assert encodable("a\udcffb") == "a\ufffdb"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@sum", "\tx", "\rx", "\0x"])
def test_a_formula_gets_a_quote_before_it(text):
    assert spreadsheet_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "plain", "'tis", "'=x", "''=x", "=x", "a=b", "-", "'"])
def test_a_spreadsheet_cell_can_be_read_back(text):
    assert from_spreadsheet_cell(spreadsheet_cell(text)) == text


def test_text_without_a_formula_stays_as_it_is():
    assert spreadsheet_cell("'tis fine") == "'tis fine"


def test_markdown_leaves_no_live_character():
    assert markdown("a|b`c`[x](y)<b>\n&lt; :x: @me") == r"a\|b\`c\`\[x\]\(y\)\<b\> \&lt; \:x\: \@me"


def test_json_reads_back_and_holds_nothing_that_a_terminal_obeys():
    value = {"\x9b\u202e": ["\x1b[2J", "caf\u00e9", "\U000e0041", "\ufeff"]}

    text = json_text(value)

    assert value == json.loads(text)
    assert "caf\u00e9" in text
    assert not set(text) & set("\x1b\x9b\u202e\U000e0041\ufeff")
