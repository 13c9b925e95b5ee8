"""Writes recipes/quickstart.csv: 5000 short synthetic reviews, the same bytes at each call.

    python tests/tools/make_quickstart_data.py recipes/quickstart.csv

The reviews are of food, films, hotels, products and services. Each is made of one to four parts, each part good or bad,
now and then by negation, and its label is the sign of their sum, where a closing verdict counts twice. One label in
twenty-five is turned round, as tired raters do, so no honest model scores 1.0 on it.
"""

from __future__ import annotations

import csv
import random
import sys
import tomllib
from pathlib import Path

ROWS = 5000
FLIPPED = 0.04
NEGATED = 0.15

WORDS = tomllib.loads(Path(__file__).with_name("quickstart_words.toml").read_text(encoding="utf-8"))
FIELDS = WORDS["fields"]
PEOPLE = ("I", "We", "My wife", "My husband", "The children", "Everybody")
PLAIN = {True: ("good", "great", "nice"), False: ("bad", "terrible", "awful")}
SENSES = ("looked", "felt", "seemed", "tasted", "smelled", "sounded")
LIKED = ["loved", "enjoyed", "liked", "adored"]
DISLIKED = ["hated", "disliked", "regretted", "despised"]
FEEL_GOOD = ["happy", "pleased", "satisfied", "delighted", "thrilled", "impressed"]
FEEL_BAD = ["disappointed", "unhappy", "angry", "annoyed", "upset", "dissatisfied"]
OPENERS = (
    *[""] * 8,
    "Last week we tried it. ",
    "My sister chose it. ",
    "We came on a Sunday. ",
    "I bought it in May. ",
    "It was my first time. ",
    "A friend told me about it. ",
)
ADVERBS = ("", "", "", "really ", "very ", "so ", "quite ", "absolutely ", "truly ", "rather ", "just ")
TAILS = (
    *[""] * 12,
    " from beginning to end",
    " for the whole family",
    " for the price",
    " of the year",
    " in the end",
    " this time",
    " as always",
    " last night",
    " so far",
    " with my friends",
    " from the start",
    " to the finish",
    " after all",
)
LINKS = (" and ", ", and ", " but ", ", but ", "; ")


class Writer:
    """Writes reviews by one random generator."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def adjective(self, field: str, *, good: bool) -> str:
        """Pick a word that suits any thing, or one that suits this field."""
        own = FIELDS[field]["praise" if good else "blame"]
        return str(self.rng.choice(WORDS["good" if good else "bad"] if self.rng.random() < 0.5 else own))

    def thing(self, field: str) -> str:
        """Pick a noun."""
        return str(self.rng.choice(FIELDS[field]["things"]))

    def clause(self, field: str, *, good: bool) -> str:
        """Say that a thing was good or bad, sometimes by negating its opposite."""
        thing, negated = self.thing(field), self.rng.random() < NEGATED
        verb = "were" if thing in {"headphones", "shoes", "fries", "staff"} else self.rng.choice(("was", "was", "is"))
        article = self.rng.choice(("the", "the", "the", "the", "our", "my", "this"))
        word = self.adjective(field, good=good != negated)
        if negated:
            if self.rng.random() < 0.5:
                word = self.rng.choice(PLAIN[not good])
            middle, end = self.rng.choice((("not ", ""), ("not ", " at all"), ("not very ", ""), ("never ", "")))
            return f"{article} {thing} {verb} {middle}{word}{end}"
        if self.rng.random() < 0.3:
            word = self.rng.choice(PLAIN[good])
        if self.rng.random() < 0.2:
            word += f" and {self.adjective(field, good=good)}"
        if self.rng.random() < 0.1:
            verb = self.rng.choice(SENSES)
        return f"{article} {thing} {verb} {self.rng.choice(ADVERBS)}{word}{self.rng.choice(TAILS)}"

    def part(self, field: str, *, good: bool) -> str:
        """Say one good or bad thing in one of several ways."""
        rng, thing = self.rng, self.thing(field)
        way = rng.random()
        if way < 0.4:
            return self.clause(field, good=good)
        if way < 0.55:
            one = self.adjective(field, good=good)
            start = rng.choice((_a(one), _a(one), "what " + _a(one), "such " + _a(one), one))
            return f"{start} {thing}{rng.choice(TAILS)}"
        if way < 0.65:
            other = f"{self.adjective(field, good=good)} {self.thing(field)}"
            return f"{self.adjective(field, good=good)} {thing}{rng.choice((' and ', ', '))}{other}"
        if way < 0.87:
            return self.feeling(thing, way, good=good)
        return str(rng.choice(FIELDS[field]["good_sentences" if good else "bad_sentences"]))

    def feeling(self, thing: str, way: float, *, good: bool) -> str:
        """Say what somebody feels about a thing."""
        rng = self.rng
        if way < 0.73:
            if rng.random() < NEGATED:
                return f"{rng.choice(PEOPLE)} did not {'mind' if good else 'like'} the {thing}"
            verb = rng.choice(LIKED if good else DISLIKED)
            return f"{rng.choice(PEOPLE)} {rng.choice(('', 'really ', 'absolutely '))}{verb} the {thing}"
        if way < 0.8:
            where = rng.choice(
                ("ever", "in town", "I know", "in years", "I ever had", "I have ever tried", "I have known")
            )
            return f"the {'best' if good else 'worst'} {thing} {where}"
        feeling = rng.choice(FEEL_GOOD if good else FEEL_BAD)
        who = rng.choice(("I am", "I was", "We were", "My wife was"))
        if rng.random() < NEGATED:
            feeling = "not " + rng.choice(FEEL_BAD if good else FEEL_GOOD)
        return f"{who} {rng.choice(('', 'very ', 'so '))}{feeling} with the {thing}"

    def review(self) -> tuple[str, str]:
        """Write one review and its label."""
        rng = self.rng
        field, lean = rng.choice(sorted(FIELDS)), rng.random() < 0.5
        signs = [lean if rng.random() < 0.85 else not lean for _ in range(rng.choice((1, 1, 1, 2, 2, 3)))]
        total = sum(1 if sign else -1 for sign in signs)
        sentences = [self.part(field, good=sign) for sign in signs]
        if len(sentences) > 1 and rng.random() < 0.4:
            sentences[:2] = [sentences[0] + rng.choice(LINKS) + _lower(sentences[1])]
        if total == 0 or rng.random() < 0.3:
            good = rng.random() < 0.5 if total == 0 else total > 0
            total += 2 if good else -2
            sentences.append(rng.choice(WORDS["good_verdicts" if good else "bad_verdicts"]))
        end = rng.choice((".", ".", ".", "!", ""))
        text = rng.choice(OPENERS) + ". ".join(map(_upper, sentences)) + end
        if rng.random() < 0.2:
            text = text.replace(". ", ", ").lower()
        return text, "positive" if (total > 0) != (rng.random() < FLIPPED) else "negative"


def _a(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' and word != 'useless' else 'a'} {word}"


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]


def _lower(text: str) -> str:
    return text if text.startswith("I ") else text[0].lower() + text[1:]


def main(target: Path) -> None:
    """Write the file; no text occurs twice."""
    writer = Writer(2024)
    reviews: dict[str, str] = {}
    folded: set[str] = set()
    while len(reviews) < ROWS:
        text, label = writer.review()
        plain = text.casefold().strip(".! ")
        if plain not in folded:
            folded.add(plain)
            reviews[text] = label
    with target.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["text", "sentiment"])
        rows.writerows(reviews.items())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
