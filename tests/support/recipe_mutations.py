"""Mutations of the shipped recipes: the Hypothesis strategy `mutated`, and the `values` that it puts in."""

from __future__ import annotations

from hypothesis import strategies as st

from clsfw.recipe.shipped import shipped_recipes

TEXTS = [file.read_text(encoding="utf-8") for file in shipped_recipes().values()]
VALUES = (
    "0",
    "-1",
    "1.5",
    "1e400",
    "nan",
    "true",
    '""',
    '"x"',
    "'C:\\x'",
    "[]",
    "[1]",
    '[["a"], {}]',
    "{}",
    "{a = 1}",
    "{ use = 1 }",
    "2024-01-01",
    str(2**70),
    '"\\u0000"',
    '"hf-encoder"',
    "[[1, 2], [3]]",
    "[" * 60 + "]" * 60,
    '"""\nlong\n"""',
    "\\q",
    "",
    '"unclosed',
)
KEYS = (
    "use",
    "schema",
    "name",
    "extends",
    "plugins",
    "train",
    "test",
    "zzz",
    "'a b'",
    "a.b.c",
    "token",
    "model.use",
    "\u00e4",
)
HEADERS = (
    "[data]",
    "[[data]]",
    "[metrics]",
    "[[metrics]]",
    "[trainer.x]",
    "[expect.test]",
    "[expect.history]",
    "[evidence]",
    "[]",
)

values = st.sampled_from(VALUES) | st.integers().map(str) | st.floats().map(str) | st.text(max_size=5).map(repr)
lines = (
    st.tuples(st.sampled_from(KEYS), values).map(" = ".join)
    | st.sampled_from(HEADERS)
    | st.text(st.characters(codec="utf-8"), max_size=12)
)


@st.composite
def mutated(draw):
    text = draw(st.sampled_from(TEXTS))
    for _ in range(draw(st.integers(1, 3))):
        rows = text.split("\n")
        at = draw(st.integers(0, len(rows) - 1))
        kind = draw(st.sampled_from(["delete", "insert", "value", "move", "characters", "double", "cut"]))
        if kind == "delete":
            del rows[at]
        elif kind == "insert":
            rows.insert(at, draw(lines))
        elif kind == "value" and "=" in rows[at]:
            rows[at] = rows[at].partition("=")[0] + "= " + draw(values)
        elif kind == "move":
            rows.insert(draw(st.integers(0, len(rows) - 1)), rows.pop(at))
        elif kind == "double":
            rows.insert(draw(st.integers(0, len(rows) - 1)), rows[at])
        elif kind == "cut":
            rows = rows[:at]
        else:
            column = draw(st.integers(0, len(rows[at])))
            rows[at] = (
                rows[at][:column] + draw(st.text(st.characters(codec="utf-8"), max_size=3)) + rows[at][column + 1 :]
            )
        text = "\n".join(rows) or "\n"
    return text
