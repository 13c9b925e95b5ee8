"""Writes recipes/quickstart.csv: 1000 short synthetic reviews, the same bytes at each call.

    python tests/tools/make_quickstart_data.py recipes/quickstart.csv

Each review says two to four things about a place, each good or bad, now and then by negation, and mostly ends with a
verdict that counts twice. The label is the sign of the sum. One label in twenty-five is turned round, as tired raters
do, so no honest model scores 1.0 on it.
"""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path

ROWS = 1000
FLIPPED = 0.04
NEGATED = 0.2

THINGS = {
    "coffee": ("fragrant", "rich", "fresh", "bitter", "burnt", "watery"),
    "soup": ("warming", "tasty", "generous", "salty", "cold", "bland"),
    "bread": ("crisp", "fresh", "fluffy", "stale", "dry", "soggy"),
    "service": ("friendly", "quick", "attentive", "rude", "slow", "careless"),
    "waiter": ("kind", "patient", "cheerful", "grumpy", "forgetful", "rude"),
    "room": ("bright", "cosy", "quiet", "noisy", "cramped", "dirty"),
    "music": ("lovely", "soft", "charming", "loud", "tiresome", "grating"),
    "menu": ("inventive", "clear", "varied", "dull", "confusing", "short"),
    "dessert": ("delicious", "light", "perfect", "heavy", "tasteless", "sticky"),
    "price": ("fair", "reasonable", "modest", "steep", "absurd", "outrageous"),
}
GOOD_VERDICTS = (
    "We will be back.",
    "I would recommend it.",
    "A happy evening.",
    "Worth the trip.",
    "Five stars from me.",
)
BAD_VERDICTS = ("Never again.", "I would avoid it.", "A wasted evening.", "Not worth the trip.", "One star from me.")
OPENERS = (
    "",
    "",
    "Last week we tried it. ",
    "My sister chose the place. ",
    "We came on a Sunday. ",
    "It was raining. ",
)
LINKS = (", and ", ", but ", "; ", ". Also, ")


def clause(rng: random.Random, thing: str, *, good: bool) -> str:
    """Say that a thing was good or bad, sometimes by negating its opposite."""
    negated = rng.random() < NEGATED
    words = THINGS[thing]
    word = rng.choice(words[:3] if good != negated else words[3:])
    adverb = rng.choice(("", "really ", "rather ", "very "))
    return f"the {thing} was {'not ' if negated else ''}{adverb}{word}"


def review(rng: random.Random) -> tuple[str, str]:
    """Write one review and its label."""
    things = rng.sample(sorted(THINGS), rng.randint(2, 4))
    lean = rng.random() < 0.5
    signs = [lean if rng.random() < 0.75 else not lean for _ in things]
    total = sum(1 if sign else -1 for sign in signs)
    text = rng.choice(OPENERS)
    for number, (thing, sign) in enumerate(zip(things, signs, strict=True)):
        part = clause(rng, thing, good=sign)
        link = rng.choice(LINKS) if number else ""
        text += link + (part[0].upper() + part[1:] if not link else part)
    text += "."
    if total == 0 or rng.random() < 0.5:
        good = rng.random() < 0.5 if total == 0 else total > 0
        total += 2 if good else -2
        text += " " + rng.choice(GOOD_VERDICTS if good else BAD_VERDICTS)
    label = total > 0
    if rng.random() < FLIPPED:
        label = not label
    return text, "positive" if label else "negative"


def main(target: Path) -> None:
    """Write the file; no text stands twice."""
    rng = random.Random(2024)
    reviews: dict[str, str] = {}
    while len(reviews) < ROWS:
        text, label = review(rng)
        reviews.setdefault(text, label)
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["text", "sentiment"])
        writer.writerows(reviews.items())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
