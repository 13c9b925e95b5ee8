"""Bad recipes, one per fault, with what the answer must say: numbers are those of the catalogue of bad input."""

from __future__ import annotations

from dataclasses import dataclass

GOOD = """\
schema = 1
name = "fault"
seed = 42

[data]
use = "csv"
source = "texts.csv"
labels = { neg = "NEGATIVE", pos = "POSITIVE" }

[split]
method = "in-order"
train = 60
validation = 20
test = 20

[model]
use = "hf-distilbert"
max_length = 64

[model.scratch]
n_layers = 2

[trainer]
use = "gpu-trainer"
batch_size = 16
max_steps = 30
learning_rate = 1e-4
eval_steps = 10
metric_for_best_model = "f1"

[[metrics]]
use = "macro-metrics"
"""

NOT_HERE = {22: "both trainers keep the best weights themselves, so that evaluating and saving need not agree"}
"""Numbers of the groups A and B that cannot happen here, with the reason."""


@dataclass(frozen=True)
class RecipeFault:
    """A recipe that must be refused before anything is built."""

    number: int
    name: str
    content: bytes | None
    """The file `recipe.toml`; None: there is no file."""
    place: str
    """How the message begins: `LINE:COLUMN` of the file, or the whole place of an override; empty: the file alone."""
    says: tuple[str, ...]
    """Words of the message, in any order."""
    overrides: tuple[str, ...] = ()
    count: int = 1
    """How many problems are reported in all."""

    @property
    def begins(self) -> str:
        """How the message of the problem begins, behind the folder."""
        if self.place.startswith("--"):
            return f"{self.place}:"
        return f"recipe.toml:{self.place}:" if self.place else "recipe.toml:"

    def __str__(self) -> str:
        return f"{self.number}-{self.name}"


def _text(number: int, name: str, text: str | bytes, place: str, *says: str, count: int = 1) -> RecipeFault:
    return RecipeFault(number, name, text.encode() if isinstance(text, str) else text, place, says, count=count)


def _change(number: int, name: str, old: str, new: str, place: str, *says: str, count: int = 1) -> RecipeFault:
    if GOOD.count(old) != 1:
        raise ValueError(f"{old!r} must stand in the good recipe once")
    return _text(number, name, GOOD.replace(old, new), place, *says, count=count)


def _add(number: int, name: str, table: str, line: str, column: int, *says: str) -> RecipeFault:
    """Put a line right under the `use` line of a table, or under the header of one that has none."""
    lines = GOOD.splitlines()
    at = lines.index(table) + (2 if lines[lines.index(table) + 1].startswith("use") else 1)
    return _text(number, name, "\n".join([*lines[:at], line, *lines[at:]]), f"{at + 1}:{column}", *says)


def _set(number: int, name: str, override: str, *says: str) -> RecipeFault:
    return RecipeFault(number, name, GOOD.encode(), f"--set {override}", says, (override,))


_DEEP = "[" * 5000 + "]" * 5000

TEXT_FAULTS = (
    RecipeFault(1, "missing", None, "", ("there is no such recipe file",)),
    _text(2, "empty", "", "1:1", "the recipe is empty", "clsfw new recipe"),
    _text(2, "only-comments", "# nothing\n\n", "1:1", "the recipe is empty"),
    _text(3, "latin-1", GOOD.replace("fault", "f\u00e9").encode("latin-1"), "2:10", "0xe9", "not UTF-8", "Latin-1"),
    _text(3, "utf-16", GOOD.encode("utf-16"), "1:1", "not UTF-8", "UTF-16"),
    _change(5, "missing-value", "seed = 42", "seed =", "3:7", "no value after '='"),
    _change(6, "duplicate-key", "seed = 42", "seed = 42\nname = 'b'", "4:1", "'name' is given twice", "line 2"),
    _change(6, "duplicate-in-braces", 'pos = "POSITIVE"', 'neg = "B"', "8:30", "'data.labels.neg'", "twice", "line 8"),
    _text(7, "duplicate-table", f"{GOOD}[data]\n", "33:1", "'data' is given twice", "line 5"),
    _change(7, "table-after-value", "seed = 42", "seed = 42\ntrainer = 1", "24:1", "given twice", "line 4"),
    _change(8, "open-text", '"texts.csv"', '"texts.csv', "7:10", 'no closing "'),
    _change(8, "open-list", "seed = 42", "plugins = [\n'a'", "3:11", "no closing ']'"),
    _change(8, "open-braces", 'pos = "POSITIVE" }', 'pos = "POSITIVE"', "8:", "'}'"),
    _change(8, "open-header", "[split]", "[split", "10:7", "expected ']'"),
    _change(8, "open-long-text", '"texts.csv"', '"""texts', "7:10", "no closing"),
    _change(9, "backslash", '"texts.csv"', '"C:\\queries"', "7:13", "backslash", "single quotes"),
    _change(9, "backslash-u", '"texts.csv"', '"C:\\Users\\a"', "7:13", "backslash", "single quotes"),
    _change(10, "leading-zero", "seed = 42", "seed = 042", "3:8", "does not begin with 0", "42"),
    _change(10, "decimal-comma", "1e-4", "0,5", "27:17", "has a point", "0.5"),
    _change(10, "true-in-capitals", "1e-4", "True", "27:17", "true and false in lower case"),
    _change(10, "none", "1e-4", "None", "27:17", "leave its key out"),
    _change(10, "no-quotes", '"texts.csv"', "../texts.csv", "7:10", 'in quotes: "../texts.csv"'),
    _change(10, "curly-quotes", '"texts.csv"', "\u201ctexts.csv\u201d", "7:10", "straight quotes"),
    _change(10, "nan", "1e-4", "nan", "27:17", "learning_rate", "finite number, not nan"),
    _change(10, "inf", "1e-4", "-inf", "27:17", "learning_rate", "finite number, not -inf"),
    _change(10, "date", "seed = 42", "seed = 2024-01-01", "3:8", "no dates"),
    _change(11, "nul", "texts.csv", "te\0xts.csv", "7:13", "U+0000"),
    _change(11, "escape", "seed = 42", "# \x1b[31m", "3:3", "U+001B"),
    _text(11, "bare-cr", GOOD.replace("\n", "\r"), "1:11", "carriage return"),
    _change(12, "deep-list", "seed = 42", f"seed = {_DEEP}", "3:", "deep"),
    _change(12, "deep-key", "seed = 42", f"a{'.a' * 5000} = 1", "3:", "deep"),
    _change(12, "endless-number", "seed = 42", f"seed = {'9' * 5000}", "3:8", "5000 characters"),
    _change(12, "over-64-bits", "seed = 42", f"seed = {2**64}", "3:8", "64 bits"),
    _text(13, "json", '{"schema": 1, "name": "x"}', "1:1", "this is JSON", "TOML"),
    _text(13, "yaml", "# a recipe\nschema: 1\nname: x\n", "2:1", "YAML", "TOML"),
    _text(13, "yaml-document", "---\nschema: 1\n", "1:1", "YAML"),
    _text(13, "web-page", "<!DOCTYPE html>\n<html></html>\n", "1:1", "web page"),
    _text(14, "large", "# " + "x" * 1_000_000, "", "over 1 MB"),
)
"""Group A: texts that are no recipe."""

CONTENT_FAULTS = (
    _change(15, "unknown-table", "[split]", "[splits]", "10:1", "splits", "did you mean 'split'"),
    _add(15, "unknown-key", "[trainer]", "lerning_rate = 1e-5", 1, "[trainer] lerning_rate", "'learning_rate'"),
    _add(15, "unknown-key-listed", "[split]", "zzz = 1", 1, "known are 'group_by', 'keep_test_closed', 'method'"),
    _change(15, "unknown-inner-key", "n_layers = 2", "n_layer = 2", "21:1", "scratch.n_layer", "'n_layers'"),
    _add(15, "unknown-key-of-many", "[trainer]", "zzz = 1", 1, "`clsfw schema --component gpu-trainer` shows all"),
    _add(16, "wrong-table", "[model]", "batch_size = 8", 1, "[model] batch_size", "belongs in [trainer]"),
    _add(16, "belongs-at-the-top", "[[metrics]]", "seed = 7", 1, "[[metrics]] seed", "top of the recipe"),
    _change(16, "at-the-top", "seed = 42", "max_steps = 5", "3:1", "max_steps", "belongs in [trainer]"),
    _change(17, "text-for-number", "batch_size = 16", 'batch_size = "16"', "25:14", "whole number", "the text '16'"),
    _change(17, "text-for-float", "1e-4", '"1e-4"', "27:17", "must be a number, not the text '1e-4'"),
    _add(17, "number-for-bool", "[trainer]", "load_best_model_at_end = 1", 26, "must be true or false, not 1"),
    _change(17, "bool-for-number", "seed = 42", "seed = true", "3:8", "must be a whole number, not true"),
    _change(17, "fraction-for-whole", "max_steps = 30", "max_steps = 30.0", "26:13", "whole number, not 30.0"),
    _change(
        17, "number-for-text", '"texts.csv"', "7", "7:10", "[data] source", "text in quotes or a list or a table, not 7"
    ),
    _change(17, "list-for-text", '"fault"', '["fault"]', "2:8", "name", "text in quotes, not a list"),
    _set(17, "text-for-list", "evidence.slices=a", "must be a list, not the text 'a'"),
    _change(17, "plugins-list", "seed = 42", 'plugins = ["a"]', "3:1", "plugins", "unknown key"),
    _change(17, "value-for-table", "[model.scratch]\nn_layers = 2", "scratch = 2", "20:11", "must be a table", "not 2"),
    _change(17, "one-bracket", "[[metrics]]", "[metrics]", "31:1", "[[metrics]]", "two brackets"),
    _change(17, "use-is-a-number", '"gpu-trainer"', "1", "24:7", "name of a trainer in quotes, not 1"),
    _change(18, "no-name", 'name = "fault"\n', "", "1:1", "missing key 'name'"),
    _change(18, "no-schema", "schema = 1\n", "", "1:1", "missing key 'schema'"),
    _change(18, "no-use", 'use = "gpu-trainer"\n', "", "23:1", "[trainer] missing key 'use'", "'gpu-trainer'"),
    _change(18, "no-source", 'source = "texts.csv"\n', "", "5:1", "[data] missing key 'source'", "the file"),
    _change(18, "no-table", '[[metrics]]\nuse = "macro-metrics"\n', "", "1:1", "missing table [[metrics]]"),
    _change(18, "no-method", 'method = "in-order"\n', "", "10:1", "[split] missing key 'method'"),
    _change(
        18, "no-size", "train = 60\nvalidation = 20\ntest = 20\n", "", "10:1", "[split] missing key 'train'", "or give"
    ),
    _change(19, "batch-size", "batch_size = 16", "batch_size = 0", "25:14", "batch_size", "at least 1, not 0"),
    _change(19, "learning-rate-negative", "1e-4", "-1", "27:17", "greater than 0, not -1"),
    _change(19, "learning-rate-zero", "1e-4", "0", "27:17", "greater than 0, not 0"),
    _change(19, "learning-rate-large", "1e-4", "10.0", "27:17", "at most 1, not 10.0"),
    _change(19, "epochs-zero", "max_steps = 30", "num_train_epochs = 0", "26:20", "greater than 0, not 0"),
    _change(19, "epochs-negative", "max_steps = 30", "num_train_epochs = -3", "26:20", "greater than 0, not -3"),
    _change(19, "max-steps", "max_steps = 30", "max_steps = 0", "26:13", "at least 1, not 0"),
    _add(19, "weight-decay", "[trainer]", "weight_decay = -1", 16, "at least 0, not -1"),
    _add(19, "warmup", "[trainer]", "warmup_steps = 31", 16, "warmup_steps", "max_steps"),
    _add(19, "dropout", "[model]", "dropout = 1.5", 11, "dropout", "less than 1, not 1.5"),
    _change(19, "seed-negative", "seed = 42", "seed = -1", "3:8", "at least 0, not -1"),
    _change(19, "seed-large", "seed = 42", f"seed = {2**40}", "3:8", "at most 4294967295"),
    _add(19, "save-steps", "[trainer]", "save_steps = -1", 14, "at least 1, not -1"),
    _add(19, "logging-steps", "[trainer]", "logging_steps = 0", 17, "at least 1, not 0"),
    _change(20, "split-method", '"in-order"', '"inorder"', "11:10", "one of 'in-order'", "did you mean 'in-order'"),
    _add(20, "scheduler", "[trainer]", 'lr_scheduler_type = "liner"', 21, "did you mean 'linear'"),
    _add(21, "epochs-and-steps", "[trainer]", "num_train_epochs = 2", 20, "max_steps", "one of the two"),
    _change(23, "unknown-score", '"f1"', '"f2"', "29:25", "no metric", "'f2'", "'f1'"),
    _add(23, "score-direction", "[trainer]", "greater_is_better = false", 21, "'f1'", "greater"),
    _change(
        24,
        "stopping-without-evaluation",
        "eval_steps = 10",
        "early_stopping_patience = 3",
        "28:27",
        "early_stopping_patience",
        "eval_steps",
    ),
    _change(
        25, "fraction-negative", "train = 60\nvalidation = 20\ntest = 20", "train = -0.5", "12:9", "greater than 0"
    ),
    _change(25, "split-zero", "validation = 20", "validation = 0", "13:14", "at least 1, not 0"),
    _change(
        25,
        "fractions-over-one",
        "train = 60\nvalidation = 20\ntest = 20",
        "train = 0.7\nvalidation = 0.2\ntest = 0.2",
        "12:9",
        "add up to 1.1",
    ),
    _change(25, "counts-and-fractions", "validation = 20", "validation = 0.2", "12:9", "all counts or all fractions"),
    _change(26, "name-up", '"fault"', '"../fault"', "2:8", "name", "'../fault'", "folder"),
    _change(26, "name-absolute", '"fault"', '"/fault"', "2:8", "'/fault'", "folder"),
    _change(26, "name-home", '"fault"', '"~"', "2:8", "'~'", "folder"),
    _change(26, "name-empty", '"fault"', '""', "2:8", "''", "folder"),
    _change(26, "name-control", '"fault"', '"a\\u001b[31m"', "2:8", "folder"),
    _change(26, "name-long", '"fault"', f'"{"x" * 300}"', "2:8", "too long", "300 bytes"),
    _add(17, "pair-list", "[data]", 'text_pair_column = ["a", "b"]', 20, "[data] text_pair_column", "text in quotes"),
    _add(29, "pair-slip", "[data]", 'text_pair_colum = "a"', 1, "did you mean 'text_pair_column'"),
    _add(26, "pair-is-label", "[data]", 'text_pair_column = "label"', 20, "text_pair_column", "both 'label'"),
    _add(27, "token", "[data]", 'token = "x"', 9, "[data] token", "no secrets", "HF_TOKEN"),
    _change(27, "token-in-url", "texts.csv", "https://me:pw@example.org/x", "7:10", "no secrets"),
    _add(27, "token-value", "[model]", f'revision = "hf_{"a" * 30}"', 12, "no secrets", "HF_TOKEN"),
    _change(28, "schema-newer", "schema = 1", "schema = 2", "1:10", "schema 2", "newer clsfw"),
    _change(28, "schema-older", "schema = 1", "schema = 0", "1:10", "schema = 1"),
    _change(28, "schema-text", "schema = 1", 'schema = "1"', "1:10", "whole number", "schema = 1"),
    _add(29, "renamed", "[trainer]", "per_device_train_batch_size = 8", 1, "called 'batch_size' here"),
    _add(29, "renamed-epochs", "[trainer]", "epochs = 8", 1, "called 'num_train_epochs' here"),
    _add(29, "a-choice", "[trainer]", "fp16 = true", 1, 'did you mean precision = "bf16"?'),
    _add(29, "a-choice-itself", "[trainer]", "tf32 = true", 1, 'did you mean precision = "tf32"?'),
    _add(29, "a-choice-of-device", "[trainer]", "cuda = true", 1, 'did you mean device = "cuda"?'),
    _set(30, "unknown", "trainer.max_stps=5", "[trainer] max_stps", "did you mean 'max_steps'"),
    _set(30, "unknown-table", "trainr.max_steps=5", "trainr", "did you mean 'trainer'"),
    _set(30, "wrong-type", "trainer.max_steps=many", "max_steps", "whole number, not the text 'many'"),
    _set(30, "out-of-range", "seed=-1", "seed", "at least 0, not -1"),
    _set(30, "through-a-value", "name.first=x", "name", "not a table"),
    _set(30, "past-the-end", "metrics.7.use=macro-metrics", "metrics.7", "has 1"),
    _set(30, "unknown-component", "model.use=hf-distilber", "'hf-distilber'", "did you mean 'hf-distilbert'"),
    _change(
        31, "unknown-data", '"csv"', '"cvs"', "6:7", "unknown data source 'cvs'", "did you mean 'csv'", "'imdb-csv'"
    ),
    _change(31, "unknown-trainer", '"gpu-trainer"', '"gpu_trainer"', "24:7", "did you mean 'gpu-trainer'"),
    _change(32, "not-installed", '"hf-distilbert"', '"acme-llm"', "17:7", "unknown model 'acme-llm'", "installed"),
    _change(43, "wrong-kind", '"hf-distilbert"', '"macro-metrics"', "17:7", "is a metric, not a model"),
    _add(48, "plugin-option", "[[metrics]]", "per_labels = true", 1, "did you mean 'per_label'"),
)
"""Group B, and what of group C is a mistake in the recipe."""

RECIPE_FAULTS = (*TEXT_FAULTS, *CONTENT_FAULTS)
