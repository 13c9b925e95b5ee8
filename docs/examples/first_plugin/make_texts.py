"""Makes 120 short texts in the folders texts/good and texts/bad."""

from pathlib import Path

START = ["The food", "The room", "The view", "Our guide", "The music"]
MIDDLE = ["on the first day", "after the rain", "as always", "to our surprise"]
END = {
    "good": ["was a joy", "could not be better", "made us smile"],
    "bad": ["was a bore", "could not be worse", "made us leave"],
}

for label, ends in END.items():
    folder = Path("texts") / label
    folder.mkdir(parents=True, exist_ok=True)
    texts = [f"{s} {m} {e}" for s in START for m in MIDDLE for e in ends]
    for number, text in enumerate(texts):
        (folder / f"{number:03}.txt").write_text(text, encoding="utf-8")
