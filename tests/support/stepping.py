"""A study with halving, and a toy trainer that says how many steps it takes and writes down each that it makes."""

from __future__ import annotations

HALVED = """
[study]
seeds = 2

[study.search]
use = "random"
trials = 6
metric = "f1"
halving = { at = [0.25, 0.5], keep = 0.5 }

[study.space]
"trainer.learning_rate" = { low = 0.01, high = 9.0, log = true }
"""

STEPPING = '''
import os

import clsfw
from clsfw.testing import ToyTrainer


class Trainer(ToyTrainer):
    """Says how many steps it takes, and writes down each that it makes."""

    def plan_training(self, rows, parameters):
        return {"steps": self.steps, "epochs": 1.0, "memory_bytes": 0, "disk_bytes": 0}

    def fit(self, model, data, run):
        self.name = run.directory.name
        super().fit(model, data, run)

    def _update(self, model, features, targets):
        with open(os.environ["STEPS"], "a") as file:
            file.write(self.name + "\\n")
        if self.learning_rate > 1e6:
            raise clsfw.TrainingError("the loss is not finite")
        return super()._update(model, features, targets)


class Settings(clsfw.Settings):
    """How it goes."""

    learning_rate: float = 2.0
    steps: int = 16
    save_steps: int = 4


def build(settings):
    return Trainer(steps=settings.steps, learning_rate=settings.learning_rate, save_steps=settings.save_steps)


@clsfw.hookimpl
def register_trainers():
    return [clsfw.Component(name="stepping", summary="steps", settings=Settings, build=build)]
'''
