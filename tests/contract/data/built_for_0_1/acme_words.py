"""A plugin as its author wrote it against clsfw 0.1. Never edit it: it stands for all plugins that are out there."""

import json
from typing import Any

from pydantic import Field

import clsfw

seen: list[str] = []


class DataSettings(clsfw.Settings):
    rows: int = Field(60, gt=0, description="how many texts are made")


class ModelSettings(clsfw.Settings):
    letters: str = Field("abcdefghijklmnopqrstuvwxyz", min_length=1, description="the letters that are counted")


class TrainerSettings(clsfw.Settings):
    steps: int = Field(4, gt=0, description="how often the weights are updated")

    def check_plan(self, facts):
        if "test" not in facts.splits:
            yield "steps", "there is no test split"


class MetricSettings(clsfw.Settings):
    def score_names(self):
        return {"hits": True}


class MadeData:
    def __init__(self, settings):
        self.rows = settings.rows

    def load(self, reporter):
        from datasets import ClassLabel, Dataset, Features, Value

        texts = [("good " if row % 2 else "bad ") * (1 + row % 5) for row in range(self.rows)]
        labels = [row % 2 for row in range(self.rows)]
        features = Features({"text": Value("string"), "label": ClassLabel(names=["BAD", "GOOD"])})
        reporter.note(f"{self.rows} rows")
        reporter.progress("reading", self.rows, self.rows, "rows")
        return Dataset.from_dict({"text": texts, "label": labels}, features=features)

    def provenance(self):
        return {"made": "by rule"}


class LetterClassifier:
    def __init__(self, labels, letters, weights):
        self.labels, self.letters, self.weights = labels, letters, weights

    def shares(self, texts):
        import numpy as np

        rows = [[text.count(letter) / (len(text) or 1) for letter in self.letters] for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(rows), len(self.letters))

    def probabilities(self, texts):
        import numpy as np

        powers = np.exp(self.shares(texts) @ self.weights)
        return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)

    def save(self, directory):
        import numpy as np

        np.save(directory / "weights.npy", self.weights)
        facts = {"letters": self.letters, "names": self.labels.names, "multi_label": self.labels.multi_label}
        (directory / "letters.json").write_text(json.dumps(facts))

    def parameters(self):
        return self.weights.size, self.weights.size


class LetterModel:
    def __init__(self, settings):
        self.letters = settings.letters

    def check(self):
        return {"letters": str(len(self.letters))}

    def provenance(self):
        return {"letters": self.letters}

    def create(self, labels, texts, seed, reporter):
        import numpy as np

        weights = np.random.default_rng(seed).normal(0, 0.01, (len(self.letters), len(labels.names)))
        return LetterClassifier(labels, self.letters, weights.astype(np.float32))

    def load(self, directory):
        import numpy as np

        facts = json.loads((directory / "letters.json").read_text())
        labels = clsfw.Labels(tuple(facts["names"]), facts["multi_label"])
        return LetterClassifier(labels, facts["letters"], np.load(directory / "weights.npy"))


class LetterTrainer:
    needs = LetterClassifier

    def __init__(self, settings):
        self.steps = settings.steps

    def plan_training(self, rows, parameters):
        return {"steps": self.steps, "epochs": self.steps, "memory_bytes": 0, "disk_bytes": 0}

    def fit(self, model, data, run):
        import numpy as np

        if not len(data["train"]):
            raise clsfw.TrainingError("no rows")
        done = run.checkpoints.latest()
        if done is not None:
            model.weights = np.load(done.path / "weights.npy")
        texts, labels = data["train"]["text"], np.array(data["train"]["label"])
        with run.timed("train_seconds"):
            for step in range(1 + (done.step if done else 0), self.steps + 1):
                wrong = model.probabilities(texts) - np.eye(len(model.labels.names))[labels]
                model.weights = (model.weights - 9 * model.shares(texts).T @ wrong / len(labels)).astype(np.float32)
                run.log(step, {"loss": float(np.abs(wrong).mean()), "learning_rate": 9.0})
                if "validation" in data:
                    run.evaluate(step, "validation", model.probabilities(data["validation"]["text"]), loss=0.5)
                run.checkpoints.commit(step, lambda folder: np.save(folder / "weights.npy", model.weights))
                if run.stop_requested:
                    run.stop()
        run.record(device="cpu")

    def predict(self, model, texts, reporter):
        import numpy as np

        lengths = np.array([len(text) for text in texts], dtype=np.int64)
        return clsfw.Prediction(model.probabilities(texts), lengths, np.zeros(len(lengths), dtype=bool))


class Hits:
    def compute(self, outcome: clsfw.Outcome) -> dict[str, Any]:
        return {"hits": float((outcome.references == outcome.predictions).mean())}


@clsfw.hookimpl
def register_data_sources():
    return [clsfw.Component(name="made", summary="made texts", settings=DataSettings, build=MadeData)]


@clsfw.hookimpl
def register_models():
    return [clsfw.Component(name="letters", summary="counts letters", settings=ModelSettings, build=LetterModel)]


@clsfw.hookimpl
def register_trainers():
    yield clsfw.Component(name="letter-steps", summary="plain steps", settings=TrainerSettings, build=LetterTrainer)


@clsfw.hookimpl
def register_metrics():
    return (clsfw.Component(name="hits", summary="share of hits", settings=MetricSettings, build=lambda _: Hits()),)


class WatchSettings(clsfw.Settings):
    prefix: str = Field("", description="what each line begins with")


class Notebook(clsfw.Watcher):
    def __init__(self, settings):
        self.prefix = settings.prefix

    def on_run_start(self, run):
        assert run.directory.is_dir()
        seen.append(f"{self.prefix}start {run.name} {run.seed} {sorted(run.data)} {run.labels.names}")

    def on_step(self, run, step, values):
        seen.append(f"step {step} {sorted(values)}")

    def on_evaluate(self, run, split, scores):
        seen.append(f"evaluate {split} {sorted(scores)}")

    def on_run_end(self, run, error):
        seen.append(f"end {error}")


@clsfw.hookimpl
def register_watchers():
    return [clsfw.Component(name="notebook", summary="keeps a diary", settings=WatchSettings, build=Notebook)]
