"""The warm-up of STCH, which no reference has numbers for."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tf_mtl import weightings


def test_the_warm_up_measures_what_the_losses_are_compared_with():
    weighting = weightings.STCH(mu=0.5, warmup_steps=2)
    for losses in np.array([[1.0, 8.0], [3.0, 4.0]], "float32"):
        np.testing.assert_allclose(weighting(losses), np.log(losses), rtol=1e-6)
        weighting.update(losses)
    losses = np.array([1.0, 3.0], "float32")
    relative = np.log(losses / [2.0, 6.0])
    expected = 0.5 * np.log(np.exp(relative / 2 / 0.5).sum())
    np.testing.assert_allclose(tf.reduce_sum(weighting(losses)), expected, rtol=1e-5)
    weighting.update(losses)
    np.testing.assert_allclose(weighting.read_state()["mean"], [2.0, 6.0])


def test_a_task_that_comes_late_warms_up_by_itself():
    weighting = weightings.STCH(warmup_steps=1)
    early, late = np.array([True, False]), np.array([False, True])
    losses = np.array([2.0, 5.0], "float32")
    weighting.update(losses, early)
    np.testing.assert_allclose(weighting(losses, late), [0.0, np.log(5.0)], rtol=1e-6)
    weighting.update(losses, late)
    np.testing.assert_allclose(weighting.read_state()["mean"], losses)
