"""What goes wrong between a recipe and the plugins that it needs."""

from __future__ import annotations

import pytest

from clsfw.discovery.plugins import Plugins
from clsfw.errors import PluginError, RecipeError
from clsfw.recipe.plan import make_plan


def test_a_clash_is_the_plugins_trouble_and_names_both(write, fake, set_aside):
    reason = "model 'bag' is claimed by plugin 'bags' (acme-bags 1.2) and plugin 'rival' (rival 3)"

    with pytest.raises(PluginError) as caught:
        make_plan(write(fake), [], set_aside("bags", "broken", reason))

    assert "recipe.toml:9:7: [model] use: model 'bag' cannot be had" in str(caught.value)
    assert reason in str(caught.value)


def test_a_broken_plugin_of_the_components_name_is_meant(write, fake, set_aside):
    plugins = set_aside("bags", "broken", "ImportError: no torch (bags.py:3)", loaded=False)

    with pytest.raises(PluginError, match=r"\(acme-bags 1\.2\) is broken: ImportError: no torch \(bags\.py:3\)"):
        make_plan(write(fake.replace('"bag"', '"bags"')), [], plugins)


def test_a_blocked_plugin_says_so(write, fake, set_aside):
    plugins = set_aside("bags", "blocked", "not in CLSFW_PLUGINS", loaded=False)

    with pytest.raises(PluginError, match="is blocked: not in CLSFW_PLUGINS"):
        make_plan(write(fake.replace('"bag"', '"bags"')), [], plugins)


def test_an_unknown_component_mentions_what_is_set_aside(write, fake, set_aside):
    plugins = set_aside("bags", "broken", "ImportError", loaded=False)

    with pytest.raises(RecipeError, match=r"unknown model 'bag'.*plugin 'bags' \(acme-bags 1\.2\) is broken"):
        make_plan(write(fake), [], plugins)


def test_a_broken_plugin_that_nothing_needs_does_no_harm(write, fake, fakes, set_aside):
    broken = set_aside("bags", "broken", "ImportError", loaded=False).named("bags")

    assert make_plan(write(fake), [], Plugins((*fakes.all, broken.__class__("x", "x", "1", "broken", "bad"))))


def test_with_mistakes_of_the_recipe_too_all_is_told_as_recipe_error(write, fake, set_aside):
    with pytest.raises(RecipeError) as caught:
        make_plan(write(fake.replace('"fake"', '""')), [], set_aside("bags", "broken", "bad"))

    assert [2, 9] == [problem.place.line for problem in caught.value.problems]


def test_all_plugins_that_are_out_of_order_are_told(write, fake, fakes, set_aside):
    broken = {name: set_aside(name, "broken", f"{name} is bad").named(name) for name in ("bags", "hitters")}
    plugins = Plugins(tuple(broken.get(plugin.name, plugin) for plugin in fakes.all))

    with pytest.raises(PluginError, match=r"(?s)bags is bad.*hitters is bad"):
        make_plan(write(fake), [], plugins)


def test_a_component_of_another_kind_is_told(write, fake, fakes):
    with pytest.raises(RecipeError, match="'hits' is a metric, not a data source; available: 'cloud', 'texts'"):
        make_plan(write(fake.replace('"texts"', '"hits"')), [], fakes)


def test_a_watcher_of_a_broken_plugin_is_the_plugins_trouble(write, fake, set_aside):
    plugins = set_aside("peepers", "broken", "no good")

    with pytest.raises(PluginError, match=r"watcher 'peep' cannot be had: plugin 'peepers' .* is broken: no good"):
        make_plan(write(fake + '\n[[watchers]]\nuse = "peep"\n'), [], plugins)


def test_settings_that_crash_name_their_plugin(write, fake, fakes):
    with pytest.raises(
        PluginError, match=r"plugin 'bags' \(acme-bags 1\.2\) failed in settings of 'bag': ZeroDivision"
    ):
        make_plan(write(fake.replace('"bag"', '"bag"\nextra = { a = 0 }')), [], fakes)


def test_a_check_that_crashes_names_its_plugin(write, fake, fakes):
    with pytest.raises(PluginError, match=r"plugin 'counters' \(acme-counters 1\.2\) failed in check_plan of 'count'"):
        make_plan(write(fake), ["trainer.watch=crash"], fakes)


def test_a_check_of_the_plan_points_at_its_key(write, fake, fakes):
    text = fake.replace('"count"', '"count"\nwatch = "misses"')

    with pytest.raises(RecipeError, match=r"recipe\.toml:13:9: \[trainer\] watch: no score 'misses', only \['hits'\]"):
        make_plan(write(text), [], fakes)


def test_a_check_of_the_plan_without_a_key_points_at_the_table(write, fake, fakes):
    text = fake + '[split]\nmethod = "random"\ntrain = 0.5\n'

    with pytest.raises(RecipeError, match=r"recipe\.toml:11:1: \[trainer\] it cannot do without a validation split"):
        make_plan(write(text), [], fakes)


def test_a_mistake_about_several_settings_points_at_one_that_is_given(write, fake, fakes):
    text = fake.replace('"bag"', '"bag"\ncheckpoint = "a/b"\ninner = {}')

    with pytest.raises(RecipeError, match=r"recipe\.toml:10:14: \[model\] checkpoint: give either checkpoint or inner"):
        make_plan(write(text), [], fakes)


def test_a_key_of_its_own_name_is_known_by_it(write, fake, fakes):
    assert 0.1 == make_plan(write(fake), ["trainer.C=0.1"], fakes).trainer.settings.lr
    with pytest.raises(RecipeError, match=r"lr: unknown key"):
        make_plan(write(fake), ["trainer.lr=0.1"], fakes)


def test_two_metrics_of_one_score_are_told_before_training(write, fake, fakes):
    text = fake + '[[metrics]]\nuse = "hits"\n'

    with pytest.raises(
        RecipeError, match=r"recipe\.toml:17:7: \[\[metrics\]\] use: it gives 'hits', which 'hits' gives"
    ):
        make_plan(write(text), [], fakes)


def test_an_unknown_score_in_the_expectation_is_suggested(write, fake, fakes):
    text = fake + "[expect.test]\nhit = { value = 1, tolerance = 0 }\nhits_of_a = { value = 1, tolerance = 0 }\n"

    with pytest.raises(RecipeError) as caught:
        make_plan(write(text), [], fakes)

    (problem,) = caught.value.problems
    assert "recipe.toml:17:1: [expect] test.hit: no metric of this recipe gives 'hit'; did you mean 'hits'?" in str(
        problem
    )


EXPECTED = "[expect.{}]\n{} = {{ value = 1, tolerance = 0 }}\n"
HISTORY = "[expect.history]\nsteps = [{}]\ntolerance = 0\n{} = [1]\n"


def test_a_score_that_no_metric_gives_cannot_be_expected(write, fake, fakes):
    text = fake + EXPECTED.format("test", "colour") + HISTORY.format(1, "colour")

    with pytest.raises(RecipeError) as caught:
        make_plan(write(text), [], fakes)

    assert [
        "[expect] test.colour: no metric of this recipe gives 'colour'; known: 'hits'",
        "[expect] history.colour: no metric of this recipe gives 'colour'; known: 'hits', 'loss'",
    ] == [str(problem).splitlines()[0].split(": ", 1)[1] for problem in caught.value.problems]


def test_the_loss_may_be_expected_during_training(write, fake, fakes):
    assert make_plan(write(fake + HISTORY.format(1, "loss")), [], fakes)


def test_any_score_may_be_expected_of_a_metric_that_names_none(write, fake, fakes):
    assert make_plan(write(fake + "sure = false\n" + EXPECTED.format("test", "colour")), [], fakes)


def test_a_trainer_is_told_the_steps_that_are_expected(write, fake, fakes):
    with pytest.raises(RecipeError, match=r"\[trainer\] .*there is no step 9"):
        make_plan(write(fake + HISTORY.format(9, "hits")), [], fakes)


@pytest.mark.parametrize("override", ["trainer.steps=2", "metrics.0.prefix=my_"])
def test_a_run_that_is_not_judged_need_not_give_what_is_expected(override, write, fake, fakes):
    text = fake + HISTORY.format(3, "hits")

    assert make_plan(write(text), [override], fakes)


def test_no_more_need_the_resolved_recipe_of_such_a_run(write, fake, fakes):
    plan = make_plan(write(fake + HISTORY.format(3, "hits")), ["trainer.steps=2"], fakes)

    again = make_plan(write(plan.resolved_toml(), "resolved.toml"), ["trainer.C=1.0"], fakes)

    assert ["trainer.steps: 2, not 3"] == list(plan.changes)
    assert ["trainer.steps: 2, not 3", "trainer.C: 1.0, not 0.5"] == list(again.changes)


@pytest.mark.parametrize("key", ["tune_threshold", "temperature_scaling"])
def test_evidence_on_validation_needs_a_validation_split(key, write, fake, bundled):
    with pytest.raises(RecipeError, match=rf"\[evidence\] {key}: needs a validation split"):
        make_plan("quickstart", [f"evidence.{key}=true", 'split={method="random", train=0.5, test=0.5}'], bundled)


def test_an_expectation_of_a_split_that_there_is_not_is_told(write, fake, fakes):
    text = fake + '[split]\nmethod = "random"\ntrain = 0.5\nvalidation = 0.5\n[expect.test]\n'

    with pytest.raises(RecipeError, match=r"recipe\.toml:20:1: \[expect\] test: there is no test split"):
        make_plan(write(text), [], fakes)


def test_an_expectation_in_one_line_is_told_at_its_name(write, fake, fakes):
    text = fake + '[split]\nmethod = "random"\ntrain = 0.5\nvalidation = 0.5\n[expect]\ntest = {}\n'

    with pytest.raises(RecipeError, match=r"recipe\.toml:21:1: \[expect\] test: there is no test split"):
        make_plan(write(text), [], fakes)


def test_a_recipe_without_evidence_is_not_told_what_evidence_needs(write, fake, fakes):
    text = fake + '[split]\nmethod = "random"\ntrain = 0.5\ntest = 0.5\n'

    with pytest.raises(RecipeError, match="cannot do without a validation split") as caught:
        make_plan(write(text), [], fakes)
    assert "[evidence]" not in str(caught.value)


@pytest.mark.parametrize("overrides", [["split.test="], ["split.test=", "trainer.steps=2"]])
def test_of_a_changed_split_no_result_is_expected(overrides, write, fake, fakes):
    split = '[split]\nmethod = "random"\ntrain = 0.5\nvalidation = 0.2\ntest = 0.3\n'
    file = write(f"{fake}{split}[expect.test]\nhits = {{ value = 1, tolerance = 0 }}\n")

    assert make_plan(file, overrides, fakes).changes


def test_a_misspelt_expectation_is_told_beside_an_override_of_another_table(write, fake, fakes):
    file = write(f"{fake}[expect.test]\nhitz = {{ value = 1, tolerance = 0 }}\n")

    with pytest.raises(RecipeError, match="no metric of this recipe gives 'hitz'; did you mean 'hits'"):
        make_plan(file, ["trainer.steps=2"], fakes)


def test_a_score_of_one_label_is_known_by_the_score_it_is_named_after(write, fake, fakes):
    assert make_plan(write(fake), ["trainer.watch=hits_positive"], fakes)


def test_a_misspelt_score_is_suggested(write, fake, fakes):
    with pytest.raises(RecipeError, match=r"no score 'hit', only \['hits'\]; did you mean 'hits'\?"):
        make_plan(write(fake), ["trainer.watch=hit"], fakes)
