from __future__ import annotations

from clsfw.report.markup import Html, details, join, percent, table, tag


def test_a_string_is_text_and_html_is_markup():
    assert tag("p", "<b>", Html("<i></i>")).text == "<p>&lt;b&gt;<i></i></p>"


def test_attributes_are_escaped_too():
    assert tag("p", class_='"><x').text == '<p class="&quot;&gt;&lt;x"></p>'


def test_an_underscore_in_an_attribute_is_a_hyphen():
    assert tag("meta", http_equiv="x").text == '<meta http-equiv="x">'


def test_the_first_cell_of_a_row_is_its_head():
    made = table(["", "n"], [["a", "1"]], class_="facts").text
    assert '<table class="facts">' in made
    assert '<tr><th scope="row">a</th><td>1</td></tr>' in made


def test_a_table_without_a_head_keeps_its_class():
    assert '><table class="facts"><tbody>' in table([], [["a", "1"]], class_="facts").text


def test_the_box_of_a_table_scrolls_by_the_keyboard_under_a_name():
    made = table([], [["a", "1"]], name="Scores").text
    assert made.startswith('<div class="scroll" tabindex="0" role="group" aria-label="Scores">')


def test_an_empty_cell_of_the_head_is_no_header():
    assert '<tr><td></td><th scope="col">n</th></tr>' in table(["", "n"], [["a", "1"]]).text


def test_details_open_at_their_summary():
    assert details("more", "text").text == "<details><summary>more</summary>text</details>"


def test_parts_are_joined():
    assert join(["<", Html("<br>")], " ").text == "&lt; <br>"


def test_a_share_is_written_with_a_blank_that_does_not_break():
    assert percent(0.8995, 2) == "89.95\N{NO-BREAK SPACE}%"
