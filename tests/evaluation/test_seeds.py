"""Gains over several seeds: pairs of one seed, their mean and its error."""

import numpy as np
import pytest

from tf_mtl.evaluation import delta_m, gains_over_seeds

BETTER = {"accuracy": True, "mae": False}


def run(accuracy, mae):
    return {"digit": {"accuracy": accuracy, "loss": 1.0}, "ink": {"mae": mae}}


MULTI = {0: run(0.9, 2.0), 1: run(0.8, 3.0), 2: run(0.95, 2.5)}
SINGLE = {2: run(0.8, 2.0), 0: run(0.75, 4.0), 1: run(0.8, 2.5)}  # in an order of their own


def test_mean_and_error_of_the_gains_of_each_seed():
    found = gains_over_seeds(MULTI, SINGLE, BETTER)
    gains = {
        "digit": 100 * (np.array([0.9, 0.8, 0.95]) / [0.75, 0.8, 0.8] - 1),
        "ink": -100 * (np.array([2.0, 3.0, 2.5]) / [4.0, 2.5, 2.0] - 1),
    }
    for task, values in gains.items():
        assert found.tasks[task].mean == pytest.approx(values.mean())
        assert found.tasks[task].standard_error == pytest.approx(values.std(ddof=1) / np.sqrt(3))
    by_seed = [delta_m(MULTI[seed], SINGLE[seed], BETTER) for seed in MULTI]
    assert found.delta_m.mean == pytest.approx(np.mean(by_seed))
    assert found.delta_m.standard_error == pytest.approx(np.std(by_seed, ddof=1) / np.sqrt(3))


@pytest.mark.parametrize(
    ("multi", "single", "words"),
    [
        (MULTI, {0: SINGLE[0]}, "pairs of one seed"),
        ({0: MULTI[0]}, {0: SINGLE[0]}, "takes two seeds or more"),
        (list(MULTI.values()), SINGLE, "`multi_task` must be {seed: "),
        ({0: MULTI[0], 1: {"ink": MULTI[1]["ink"]}}, {0: SINGLE[0], 1: SINGLE[1]}, "results"),
    ],
)
def test_what_is_no_pairs_of_runs_is_refused(multi, single, words):
    with pytest.raises(ValueError, match=words):
        gains_over_seeds(multi, single, BETTER)
