"""The locator of keys and values, against `tomllib`."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clsfw.toml.document import walk
from clsfw.toml.positions import DEEPEST, locate, read_key

TRICKY = """\
# [not] = "a table"
a.b."c d" = 1 # x = 2
"q\\u0041\\"]" = 'it # is [not] = "so"'
l = [ 1, # ] not yet
  [2,"]"], { x = 1, y.z = [3] }, # }
]
s = \"\"\" a
b = 3 \\" \"\" \"\"\"\"\"
r = '''
[no]'' '''''
when = 1979-05-27 07:32:00
empty = {}
[t]
k = -0x_1
[ t . u."v.w" ]
w = 1
[[m]]
use = 'a'
[m.sub]
x = 1
[[m]]
use = \"\"\"b\"\"\"
[[m.sub]]
y = 3
[[m.sub]]
y = 4
[last]
""".replace("-0x_1", "-1_0")


def check_positions(text):
    """Every path that tomllib gives has a key and a value at its position, and nothing else has one."""
    values = tomllib.loads(text)
    found = locate(text)
    paths = [path for path, _ in walk(values) if path]
    assert set(paths) == set(found.spans)
    assert not found.duplicates
    for path in paths:
        span = found.spans[path]
        if isinstance(path[-1], str):
            assert path[-1] == key_at(text, span.key)
        value = value_at(values, path)
        if not isinstance(value, dict):
            check_value(text[span.value :], value)


def key_at(text, offset):
    """Read one part of a key by tomllib itself."""
    rest = text[offset:]
    for end in range(1, len(rest) + 1):
        if rest[end : end + 1] in ("", ".", "=", " ", "\t", "]", "\n"):
            try:
                parsed = tomllib.loads(f"{rest[:end]} = 0")
            except tomllib.TOMLDecodeError:
                continue
            (key,) = parsed
            return key
    raise AssertionError(f"no key at {rest[:30]!r}")


def value_at(values, path):
    for part in path:
        values = values[part]
    return values


def check_value(rest, value):
    """The text begins with the value: cut at the right place, tomllib reads the same."""
    if isinstance(value, list) and value and isinstance(value[0], dict) and rest.startswith("[["):
        return  # an array of tables: the value is its header
    if isinstance(value, list) and rest[0] != "[":
        raise AssertionError(f"no list at {rest[:30]!r}")
    for end in range(1, len(rest) + 1):
        try:
            parsed = tomllib.loads(f"v = {rest[:end]}\n")["v"]
        except tomllib.TOMLDecodeError:
            continue
        if parsed == value:
            return
    raise AssertionError(f"{value!r} does not stand at {rest[:30]!r}")


def test_every_kind_of_key_and_value_has_its_position():
    check_positions(TRICKY)


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (("a", "b", "c d"), (2, 5), (2, 13)),
        (("l",), (4, 1), (4, 5)),
        (("l", 1, 0), (5, 4), (5, 4)),
        (("l", 2, "y", "z"), (5, 23), (5, 27)),
        (("t",), (13, 2), (13, 1)),
        (("t", "u", "v.w"), (15, 9), (15, 1)),
        (("m", 1, "use"), (22, 1), (22, 7)),
        (("m", 1, "sub", 1, "y"), (26, 1), (26, 5)),
    ],
)
def test_lines_and_columns_count_from_one(path, key, value):
    found = locate(TRICKY)

    assert key == found.line_and_column(found.spans[path].key)
    assert value == found.line_and_column(found.spans[path].value)


names = st.sampled_from(["a", "b", "c", "use"]) | st.text(
    st.characters(codec="utf-8", exclude_characters="\x7f"), max_size=4
)
bare = st.from_regex(r"[A-Za-z0-9_-]{1,3}", fullmatch=True)


def basic(text):
    out = ""
    for char in text:
        if char in '"\\':
            out += "\\" + char
        elif ord(char) < 32 or ord(char) == 127:
            out += f"\\u{ord(char):04x}"
        else:
            out += char
    return f'"{out}"'


keys = bare | names.map(basic) | st.from_regex(r"'[a-z .#=\[\]]{0,4}'", fullmatch=True)
space = st.sampled_from(["", " ", "\t", "  "])
blank = st.sampled_from(["", " ", "\n", ' # ] = [ "\n', "\n\n\t"])
scalars = (
    st.integers(-(10**20), 10**20).map(str)
    | st.sampled_from(["true", "false", "1.5e-3", "-inf", "0xff", "1979-05-27", "1979-05-27 07:32:00Z", "07:32:00"])
    | names.map(basic)
    | st.from_regex(r"'[a-z .#=\[\]{},\"]{0,6}'", fullmatch=True)
    | st.from_regex(r"'''\n?[a-z #=\[\]{},\"\n]{0,6}'{0,2}'''", fullmatch=True)
    | st.from_regex(r'"""\n?([a-z #=\[\]{},\'\n]|\\"|\\\n){0,6}"{0,2}"""', fullmatch=True)
)


def lists(items):
    one = st.tuples(blank, items, blank).map("".join)
    return st.tuples(st.lists(one, max_size=3), st.booleans(), blank).map(
        lambda t: "[" + ",".join(t[0]) + ("," if t[1] and t[0] else "") + t[2] + "]"
    )


def braces(items):
    pair = st.tuples(space, dotted, space, st.just("="), space, items, space).map("".join)
    return st.lists(pair, max_size=3).map(lambda pairs: "{" + ",".join(pairs) + "}")


dotted = st.lists(st.tuples(space, keys, space).map("".join), min_size=1, max_size=3).map(".".join)
values = st.recursive(scalars, lambda items: lists(items) | braces(items), max_leaves=6)
lines = (
    st.tuples(space, dotted, st.just("="), space, values, space, st.sampled_from(["", "# = [x]"])).map("".join)
    | st.tuples(space, st.just("["), dotted, st.just("]"), space).map("".join)
    | st.tuples(space, st.just("[["), dotted, st.just("]]"), st.sampled_from(["", " # c"])).map("".join)
    | st.sampled_from(["", "# comment [[x]]", "\t"])
)
documents = st.lists(lines, max_size=8).map("\n".join)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(documents)
def test_whatever_tomllib_reads_is_located(text):
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        locate(text)  # anything else must not raise
        return
    check_positions(text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.integers(0, len(TRICKY)), st.integers(0, 8))
def test_a_damaged_text_never_raises(damage, at, removed):
    locate(TRICKY[:at] + damage + TRICKY[at + removed :])


def test_a_duplicate_is_found_with_both_places():
    found = locate("a = 1\n[t]\nb = 1\nb = 2\n[t]\n")

    assert [("t", "b"), ("t",)] == [path for path, _, _ in found.duplicates]
    assert [(3, 4), (2, 5)] == [
        (found.line_and_column(first)[0], found.line_and_column(second)[0]) for _, first, second in found.duplicates
    ]


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 100, "a" + ".b" * 100 + " = 1", "[" + "a." * 100 + "a]", "a = " + "{b=" * 100]
)
def test_what_is_too_deep_is_refused_before_anybody_parses_it(text):
    refused = locate(text).refused

    assert refused is not None
    assert f"more than {DEEPEST} deep" in refused[1]


def test_more_values_than_any_recipe_has_are_refused():
    found = locate("key = [1, 2, 'x']\n[[t]]\n" * 20_000)

    assert found.refused is not None
    assert "more than 20000 values" in found.refused[1]


@pytest.mark.parametrize(
    ("text", "expected"), [("a", ("a",)), (' a . "b.c" ', ("a", "b.c")), ("a.0.b", ("a", "0", "b"))]
)
def test_a_key_alone_is_read(text, expected):
    assert expected == read_key(text)


@pytest.mark.parametrize("text", ["", ".", "a.", "a b", "a=1", '"a', "\u00e4"])
def test_what_is_no_key_raises(text):
    with pytest.raises(ValueError, match="is not a key"):
        read_key(text)
