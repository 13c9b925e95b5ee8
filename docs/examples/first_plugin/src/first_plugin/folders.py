"""Reads texts that are sorted into a folder for each label."""

from pathlib import Path

import clsfw
from datasets import ClassLabel, Dataset, Features, Value


class TextFolders:
    def __init__(self, path: str) -> None:
        self.path = Path(path)

    def load(self, reporter: clsfw.Reporter) -> Dataset:
        if not self.path.is_dir():
            raise clsfw.DataError(f"{self.path}: no such folder")
        names = sorted(folder.name for folder in self.path.iterdir() if folder.is_dir())
        texts, labels = [], []
        for name in names:
            for file in sorted((self.path / name).glob("*.txt")):
                texts.append(file.read_text(encoding="utf-8"))
                labels.append(name)
        if len(names) < 2 or not texts:
            raise clsfw.DataError(f"{self.path}: no folders of .txt files for labels")
        reporter.note(f"{len(texts)} texts with the labels {', '.join(names)}")
        features = Features(text=Value("string"), label=ClassLabel(names=names))
        return Dataset.from_dict({"text": texts, "label": labels}, features=features)
