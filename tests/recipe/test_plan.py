"""What a plan says of its recipe: resolved values, origins, identity, changes, parts, watchers."""

from __future__ import annotations

import shutil
import tomllib

import pytest
from support.recipe_faults import GOOD

from clsfw.contract.parts import Labels
from clsfw.errors import PluginError, RecipeError
from clsfw.recipe.plan import make_plan
from clsfw.recipe.shipped import shipped_recipes
from clsfw.testing import ToyTrainer


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
class TestShippedRecipes:
    def test_it_is_a_plan(self, name, bundled):
        assert make_plan(name, [], bundled).recipe.name

    def test_resolved_it_gives_the_same_plan(self, name, bundled, tmp_path):
        plan = make_plan(name, [], bundled)
        again = tmp_path / "resolved.toml"
        again.write_text(plan.resolved_toml(), encoding="utf-8")

        assert plan.resolved() == make_plan(again, [], bundled).resolved()

    def test_every_value_has_an_origin(self, name, bundled):
        plan = make_plan(name, [], bundled)

        assert all(plan.origins.values())
        assert {"data.use", "model.use", "trainer.use", "metrics.0.use", "seed"} <= set(plan.origins)


def test_origins_tell_file_default_plugin_and_override(write, fake, fakes):
    plan = make_plan(write(fake), ["trainer.steps=4"], fakes)

    assert {
        "name": "recipe.toml:2",
        "seed": "default",
        "trainer.use": "recipe.toml:12",
        "trainer.steps": "--set",
        "trainer.C": "plugin counters default",
        "metrics.0.prefix": "plugin hitters default",
    }.items() <= plan.origins.items()


def test_resolved_has_defaults_absolute_paths_and_toml_types_only(write, fake, fakes, tmp_path):
    resolved = make_plan(write(fake.replace('"bag"', '"bag"\nweights = [1, 2]')), [], fakes).resolved()

    assert {
        "schema": 1,
        "name": "fake",
        "seed": 42,
        "data": {"use": "texts", "source": str(tmp_path / "texts.csv"), "more": []},
        "model": {"use": "bag", "extra": {}, "weights": [1.0, 2.0]},
        "trainer": {"use": "count", "steps": 3, "C": 0.5},
        "metrics": [{"use": "hits", "prefix": "", "sure": True}],
        "evidence": {"temperature_scaling": False, "tune_threshold": False, "slices": []},
    } == resolved


def test_resolved_toml_reads_back_as_resolved(write, fake, fakes):
    plan = make_plan(write(fake), {"model.extra": {"a b": 50, "\u00e4\"'": 20}}, fakes)

    assert plan.resolved() == tomllib.loads(plan.resolved_toml())


def test_identity_is_64_hex_digits(write, fake, fakes):
    identity = make_plan(write(fake), [], fakes).identity()

    assert 64 == len(identity)
    assert int(identity, 16)


def test_a_moved_project_keeps_its_identity(write, fake, fakes, tmp_path):
    text = fake.replace('"texts.csv"', '"texts.csv"\nmore = ["../a.csv"]').replace(
        '"bag"', '"bag"\ncheckpoint = "./model"'
    )
    first = make_plan(write(text, "one/recipe.toml"), [], fakes).identity()
    shutil.copytree(tmp_path / "one", tmp_path / "two/deeper")

    assert first == make_plan(tmp_path / "two/deeper/recipe.toml", [], fakes).identity()


def test_a_link_to_the_project_keeps_its_identity(write, fake, fakes, tmp_path):
    file = write(fake, "real/deep/recipe.toml")
    (tmp_path / "link").symlink_to(file.parent)

    assert make_plan(file, [], fakes).identity() == make_plan(tmp_path / "link" / "recipe.toml", [], fakes).identity()


@pytest.mark.parametrize("given", ["./models/distil", "../distil", ".", "./.cache/distil"])
def test_a_local_folder_still_looks_like_one_in_the_portable_recipe(given, write, fake, fakes):
    plan = make_plan(write(fake.replace('"bag"', f'"bag"\ncheckpoint = "{given}"')), [], fakes)

    assert given == plan.portable()["model"]["checkpoint"]


def test_an_id_on_the_hub_stays_one_in_the_portable_recipe(write, fake, fakes):
    plan = make_plan(write(fake.replace('"bag"', '"bag"\ncheckpoint = "me/distil"')), [], fakes)

    assert "me/distil" == plan.portable()["model"]["checkpoint"]


def test_an_inner_path_is_part_of_the_project_too(write, fake, fakes):
    text = fake.replace('"bag"', '"bag"\ninner.vocabulary = "words.txt"')

    one = make_plan(write(text, "one/recipe.toml"), [], fakes)
    two = make_plan(write(text, "two/recipe.toml"), [], fakes)

    assert one.identity() == two.identity()
    assert one.resolved() != two.resolved()


def test_identity_does_not_depend_on_how_the_same_recipe_is_written(write, fake, fakes):
    rewritten = fake.replace('use = "texts"\nsource = "texts.csv"', 'source = "./texts.csv" # here\nuse = "texts"')

    one = make_plan(write(fake), [], fakes).identity()

    assert one == make_plan(write(rewritten), ["trainer.steps=3"], fakes).identity()


@pytest.mark.parametrize("override", ["seed=1", "trainer.steps=2", "data.source=other.csv", "model.use=sack", "name=b"])
def test_identity_depends_on_every_setting(override, write, fake, fakes):
    file = write(fake)

    assert make_plan(file, [], fakes).identity() != make_plan(file, [override], fakes).identity()


def test_the_order_of_a_table_of_labels_counts(write, fake, fakes):
    one = write(fake.replace('"bag"', '"bag"\nextra = { a = 1, b = 2 }'), "one/recipe.toml")
    two = write(fake.replace('"bag"', '"bag"\nextra = { b = 2, a = 1 }'), "two/recipe.toml")

    assert make_plan(one, [], fakes).identity() != make_plan(two, [], fakes).identity()


def test_without_overrides_there_are_no_changes(write, fake, fakes):
    assert () == make_plan(write(fake), [], fakes).changes


def test_changes_name_what_an_override_made_different(write, fake, fakes):
    plan = make_plan(write(fake), ["trainer.steps=5", "data.rows=7", "seed=42"], fakes)

    assert ["trainer.steps: 5, not 3", "data.rows: 7, not none"] == list(plan.changes)


def test_what_cannot_change_a_score_is_no_change(write, fake, fakes):
    overrides = ["name=b", "evidence.slices=['x']", "watchers=[{use='peep'}]", "expect.source=me"]

    assert () == make_plan(write(fake), overrides, fakes).changes


def test_the_same_pinned_content_from_another_place_is_no_change(write, fake, fakes):
    file = write(fake.replace('"texts.csv"', '"https://example.org/texts.csv"\nsha256 = "abc"'))

    assert () == make_plan(file, ["data.source=here.csv"], fakes).changes
    assert 2 == len(make_plan(file, ["data.source=here.csv", "data.sha256=x"], fakes).changes)


def test_the_same_pinned_files_of_splits_from_another_place_are_no_change(write, bundled):
    text = GOOD.replace('"texts.csv"', f'{{ train = "a.csv" }}\nsha256 = {{ train = "{"0" * 64}" }}')
    file = write(text)

    assert () == make_plan(file, ["data.source.train=b.csv"], bundled).changes


def test_a_recipe_that_needs_its_overrides_is_changed_by_each(write, fake, fakes):
    plan = make_plan(write(fake.replace('source = "texts.csv"\n', "")), ["data.source=a.csv"], fakes)

    assert ["data.source"] == list(plan.changes)


def test_labels_that_do_not_fit_are_told_with_the_place_of_the_setting(write, fake, fakes):
    labels = Labels(("a", "b", "c"))
    plan = make_plan(write(fake.replace('"count"', '"count"\nsteps = 2')), [], fakes)
    whole = make_plan(write(fake), ["trainer.watch=hits", "trainer.steps=1"], fakes)

    make_plan(write(fake), [], fakes).check_labels(labels)
    with pytest.raises(RecipeError, match=r"recipe\.toml:13:9: \[trainer\] steps: too few for 3 labels\n"):
        plan.check_labels(labels)
    with pytest.raises(RecipeError, match=r"recipe\.toml:11:1: \[trainer\] too few for 3 labels\n"):
        whole.check_labels(labels)


WATCHERS = """
[[watchers]]
use = "peep"
times = 3
required = true

[[watchers]]
use = "peep"
"""


def test_watchers_have_settings_and_say_whether_they_are_required(write, fake, fakes):
    plan = make_plan(write(fake + WATCHERS), [], fakes)
    expected = [{"use": "peep", "required": True, "times": 3}, {"use": "peep", "required": False, "times": 1}]

    assert [(3, True), (1, False)] == [(part.settings.times, part.required) for part in plan.watchers]
    assert expected == plan.resolved()["watchers"]
    assert "recipe.toml:19" == plan.origins["watchers.0.times"]
    assert make_plan(write(plan.resolved_toml(), "again.toml"), [], fakes).resolved() == plan.resolved()


def test_watchers_are_no_part_of_what_a_run_is(write, fake, fakes):
    without, watched = make_plan(write(fake), [], fakes), make_plan(write(fake + WATCHERS, "w.toml"), [], fakes)

    assert "watchers" not in without.resolved()
    assert without.portable() == watched.portable()
    assert without.identity() == watched.identity()


def test_a_watcher_that_is_added_makes_no_run_incomparable(write, fake, fakes):
    expect = "\n[expect.test]\nhits = { value = 1.0, tolerance = 0.1 }\n"
    plan = make_plan(write(fake + expect), ["watchers=[{use='peep'}]"], fakes)

    assert [] == list(plan.changes)
    assert 1 == len(plan.watchers)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('[watchers]\nuse = "peep"', r"write \[\[watchers\]\] with two brackets"),
        ('[[watchers]]\nuse = "peep"\nrequired = "yes"', "required: must be true or false, not the text 'yes'"),
        ('[[watchers]]\nuse = "peek"', "unknown watcher 'peek'; did you mean 'peep'"),
        ('[[watchers]]\nuse = "peep"\nuses = 3', "unknown key"),
    ],
)
def test_a_watcher_that_does_not_fit_is_told(write, fake, fakes, table, words):
    with pytest.raises(RecipeError, match=words):
        make_plan(write(f"{fake}\n{table}\n"), [], fakes)


def test_a_part_builds_from_its_settings(write, fake, fakes):
    class Built(ToyTrainer):
        def __init__(self, settings):
            self.settings = settings

    plan = make_plan(write(fake), [], fakes)
    object.__setattr__(plan.trainer.component, "build", Built)

    assert plan.trainer.settings is plan.trainer.build().part.settings


def test_a_part_that_fails_to_build_names_its_plugin(write, fake, fakes):
    plan = make_plan(write(fake), [], fakes)
    object.__setattr__(plan.model.component, "build", lambda _: 1 / 0)

    with pytest.raises(
        PluginError, match=r"plugin 'bags' \(acme-bags 1\.2\) failed in build of model 'bag': ZeroDivisionError"
    ):
        plan.model.build()


def test_the_text_is_kept_as_given(write, fake, fakes):
    given = "# mine\r\n" + fake.replace("\n", "\r\n")

    assert given == make_plan(write(given), [], fakes).text


def test_a_seed_of_0_is_a_seed(write, fake, fakes):
    plan = make_plan(write(fake), ["split.method=random", "split.train=3", "split.validation=1", "split.seed=0"], fakes)

    assert 0 == plan.recipe.split.seed
