"""The relative gain follows the papers, sign and order of averages included."""

import math

import pytest

from tf_mtl.evaluation import delta_m, task_gains

BETTER = {"miou": True, "rmse": False, "angle": False}


def test_the_formula_of_the_papers():
    single = {"segmentation": {"miou": 43.9}, "depth": {"rmse": 0.585}}
    multi = {"segmentation": {"miou": 44.4}, "depth": {"rmse": 0.587}}
    better = {"miou": True, "rmse": False}
    expected = 100 * ((44.4 - 43.9) / 43.9 - (0.587 - 0.585) / 0.585) / 2
    assert delta_m(multi, single, better) == pytest.approx(expected, abs=1e-12)
    assert delta_m(multi, single, better) > 0  # better on average


def test_equal_results_gain_nothing():
    results = {"a": {"miou": 0.3}, "b": {"rmse": 2.0, "angle": 9.0}}
    assert delta_m(results, results, BETTER) == 0.0


@pytest.mark.parametrize(("metric", "better"), [("miou", 0.6), ("rmse", 0.4)])
def test_higher_is_better(metric, better):
    sign, single = {metric: BETTER[metric]}, {"a": {metric: 0.5}}
    assert delta_m({"a": {metric: better}}, single, sign) == pytest.approx(20)
    assert delta_m({"a": {metric: 1 - better}}, single, sign) == pytest.approx(-20)


def test_metrics_are_averaged_inside_a_task_first():
    single = {"a": {"miou": 1.0}, "b": {"rmse": 1.0, "angle": 10.0}}
    multi = {"a": {"miou": 1.1}, "b": {"rmse": 1.2, "angle": 6.0}}
    gains = task_gains(multi, single, BETTER)
    assert gains == {"a": pytest.approx(10), "b": pytest.approx((-20 + 40) / 2)}
    assert delta_m(multi, single, BETTER) == pytest.approx(10)


def test_metrics_that_are_not_named_do_not_count():
    single = {"a": {"miou": 1.0, "loss": 1.0, "r2": -0.5}}
    multi = {"a": {"miou": 1.1, "loss": math.nan, "r2": 0.9}}
    assert delta_m(multi, single, {"miou": True}) == pytest.approx(10)


ONE = {"a": {"miou": 1.0}}
TWO = {**ONE, "b": {"rmse": 1.0}}


@pytest.mark.parametrize(
    ("multi", "single", "better", "words"),
    [
        ({}, {}, BETTER, "no task to compare"),
        ({"depht": {"rmse": 1.0}}, {"depth": {"rmse": 1.0}}, BETTER, "Did you mean 'depth'"),
        (ONE, {**ONE, "b": {"rmse": 1.0}}, BETTER, "without multi-task results: 'b'"),
        ({"a_miou": 1.0}, {"a_miou": 1.0}, BETTER, "`multi_task` must be .* `per_task` sorts"),
        (ONE, {"a": 1.0}, BETTER, "`single_task` must be .* for 'a': 1.0"),
        ([0.9, 0.8], ONE, BETTER, r"`multi_task` must be .* Received: \[0.9, 0.8\]"),
        (ONE, None, BETTER, "`single_task` must be .* Received: None"),
        (ONE, ONE, ["miou"], r"`higher_is_better` must be .* Received: \['miou'\]"),
        (ONE, ONE, {"miou": True, "accuracy": True}, "no task has: 'accuracy'"),
        (ONE, ONE, {"mio": True}, "Did you mean 'miou'"),
        (TWO, TWO, {"rmse": False}, "none of the metrics"),
        (ONE, ONE, {}, "none of the metrics"),
        (ONE, ONE, {"miou": "max"}, "True or False"),
        ({"a": {"loss": 1.0}}, ONE, {"miou": True}, "no 'miou' in the multi-task"),
        (ONE, {"a": {"loss": 1.0}}, {"miou": True}, "no 'miou' in the single-task"),
        (ONE, {"a": {"miou": 0.0}}, {"miou": True}, "single-task miou of task 'a' is 0.0"),
        (ONE, {"a": {"miou": -0.1}}, {"miou": True}, "always positive"),
        ({"a": {"miou": math.nan}}, ONE, {"miou": True}, "diverged"),
        (ONE, {"a": {"miou": math.inf}}, {"miou": True}, "diverged"),
    ],
)
def test_what_cannot_be_compared(multi, single, better, words):
    with pytest.raises(ValueError, match=words):
        delta_m(multi, single, better)
