"""The page in a real browser: type a text, see the classes as bars and the words that decided."""

from __future__ import annotations

from support.serving import serving


def classify(browser, text):
    browser.evaluate("document.getElementById('text').focus()")
    browser.call("Input.insertText", text=text)
    browser.evaluate("document.getElementById('go').click()")


def test_a_text_that_is_typed_becomes_bars_and_words(browser, server, words, tmp_path):
    browser.call("Page.navigate", url=f"{server.base}/")
    browser.until("document.getElementById('name')?.textContent === 'words'")
    classify(browser, "a lovely and superb film")
    browser.until("document.querySelectorAll('.row').length === 2")

    expected = words("a lovely and superb film")
    rows = browser.evaluate("[...document.querySelectorAll('.row')].map((row) => row.innerText.split('\\n')[0])")
    bars = browser.evaluate("[...document.querySelectorAll('progress')].map((bar) => bar.value)")
    shown = browser.evaluate("document.getElementById('words').innerText")
    picture = tmp_path / "page.png"
    browser.photograph(picture)

    assert [expected["label"]] == rows[:1]
    assert sorted(expected["scores"].values(), reverse=True) == bars
    assert "lovely" in shown
    assert "superb" in shown
    assert picture.stat().st_size > 10_000
    assert {server.base} == {url[: len(server.base)] for url in browser.requested if not url.startswith("data:")}


def test_where_a_token_is_needed_the_page_asks_for_it(browser, words):
    with serving(words, "s3cret") as served:
        browser.call("Page.navigate", url=f"{served.base}/")
        browser.until("document.getElementById('ask')?.hidden === false")
        browser.evaluate("document.getElementById('token').focus()")
        browser.call("Input.insertText", text="s3cret")
        classify(browser, "a dull film")
        browser.until("document.querySelectorAll('.row').length === 2")

        assert "" == browser.evaluate("document.getElementById('error').innerText")
