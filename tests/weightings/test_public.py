"""Names, configs, arguments, absent tasks, compilation and state."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

sys.path.insert(0, str(Path(__file__).parent))
from rows import WEIGHTINGS, build, look

from tf_mtl import weightings

CASES = [
    pytest.param(row, variant, id=f"{row.cls.__name__}_{number}")
    for row in WEIGHTINGS
    for number, variant in enumerate(row.variants)
]
STEPS = np.array([[0.5, 2.0, 8.0], [0.4, 1.9, 8.5], [0.3, 1.9, 6.0], [0.35, 1.0, 5.0]], "float32")


def weights(weighting, losses, present=None):
    losses = tf.constant(losses)
    look(weighting, losses, present)
    with tf.GradientTape() as tape:
        tape.watch(losses)
        value = weighting(losses, present)
    return np.asarray(tape.gradient(value, losses)), np.asarray(value)


def train(weighting, steps, present=None):
    for number, losses in enumerate(steps):
        here = None if present is None else present[number]
        look(weighting, losses, here)
        weighting.update(losses, here)
        weighting.epoch_end()
    return weighting


def test_everything_public_is_on_the_list():
    public = {getattr(weightings, name) for name in weightings.__all__ if name[0].isupper()}
    concrete = {cls for cls in public if not inspect.isabstract(cls)}
    assert concrete == {row.cls for row in WEIGHTINGS}


@pytest.mark.parametrize(("row", "arguments"), CASES)
def test_configs_come_back(row, arguments):
    weighting = row.cls(**arguments, name="mine")
    again = weightings.get(keras.saving.serialize_keras_object(weighting))
    assert type(again) is row.cls
    assert again.get_config() == weighting.get_config()


class Largest(weightings.LossWeighting):
    """A weighting of a user's own: one number for all tasks, divided over them or not."""

    def __init__(self, divided, **options):
        super().__init__(**options)
        self.divided = divided

    def _weigh(self, tasks, state):
        largest = tf.cast(tf.reduce_max(tasks.losses), "float64")
        return tf.cast(tasks.mask, "float64") * largest / 3.0 if self.divided else largest


def test_own_weightings_answer_in_any_float_type_but_one_number_for_each_task():
    np.testing.assert_allclose(Largest(True)(STEPS[0]), [8 / 3] * 3, rtol=1e-6)
    with pytest.raises(ValueError, match=r"shape \[3\]\. Received the shape \[\]\. .*shares"):
        Largest(False)(STEPS[0])


@pytest.mark.parametrize(("row", "arguments"), CASES)
def test_an_absent_task_might_as_well_not_exist(row, arguments):
    if row.cls is weightings.RandomLossWeighting:
        pytest.skip("draws belong to positions: see test_random_weights_sum_to_one")
    fewer = {key: value[:2] if key in row.positional else value for key, value in arguments.items()}
    pair, three = row.cls(**fewer), row.cls(**arguments)
    present = np.array([True, True, False])
    broken = STEPS.copy()
    broken[:, 2] = np.nan
    train(pair, STEPS[:3, :2])
    train(three, broken[:3], [present] * 3)
    gradient, value = weights(three, broken[3], present)
    expected, expected_value = weights(pair, STEPS[3, :2])
    np.testing.assert_allclose(gradient, [*expected, 0.0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(value, [*expected_value, 0.0], rtol=1e-5, atol=1e-7)
    for key, first in row.cls(**arguments)._first_state(3).items():
        if first.ndim:
            np.testing.assert_array_equal(three.read_state()[key][2], first[2], key)


@pytest.mark.parametrize(("row", "arguments"), CASES)
def test_no_task_at_all_is_zero(row, arguments):
    gradient, value = weights(row.cls(**arguments), STEPS[0] * np.nan, np.zeros(3, bool))
    np.testing.assert_array_equal(gradient, 0.0)
    np.testing.assert_array_equal(value, 0.0)


@pytest.mark.parametrize(("row", "arguments"), CASES)
@pytest.mark.parametrize("scale", [0.0, 1e-8, 1e8])
def test_finite_at_any_scale(row, arguments, scale):
    weighting = train(row.cls(**arguments), STEPS[:3] * np.float32(scale))
    for array in weights(weighting, STEPS[3] * np.float32(scale)):
        assert np.isfinite(array).all()


@pytest.mark.parametrize(
    ("row", "arguments"), [case for case in CASES if case.values[0].scale_free]
)
def test_scales_of_losses_do_not_matter(row, arguments):
    scales = np.array([1e-4, 1.0, 1e6], "float32")
    plain, scaled = row.cls(**arguments), row.cls(**arguments)
    train(plain, STEPS[:3]), train(scaled, STEPS[:3] * scales)
    first = weights(plain, STEPS[3])[0] * STEPS[3]
    second = weights(scaled, STEPS[3] * scales)[0] * STEPS[3] * scales
    np.testing.assert_allclose(first / first.sum(), second / second.sum(), rtol=1e-4)


@pytest.mark.parametrize(("row", "arguments"), CASES)
def test_compiled_with_xla_it_is_the_same(row, arguments):
    eager, compiled = row.cls(**arguments), row.cls(**arguments)
    build(compiled, 3)

    @tf.function(jit_compile=True)
    def step(losses, present):
        look(compiled, losses, present)
        with tf.GradientTape() as tape:
            tape.watch(losses)
            value = compiled(losses, present)
        compiled.update(losses, present)
        return tape.gradient(value, losses), value

    present = np.array([[True, True, True], [True, False, True], [True, True, True]])
    for losses, here in zip(STEPS, present, strict=False):
        expected = weights(eager, losses, here)
        eager.update(losses, here)
        for a, b in zip(step(tf.constant(losses), tf.constant(here)), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
        eager.epoch_end(), compiled.epoch_end()


@pytest.mark.parametrize(("row", "arguments"), CASES)
def test_state_is_saved(row, arguments):
    first, second = row.cls(**arguments), row.cls(**arguments)
    build(first, 3), build(second, 3)
    store = {}
    train(first, STEPS[:3]).save_own_variables(store)
    second.load_own_variables(store)
    np.testing.assert_array_equal(weights(first, STEPS[3])[0], weights(second, STEPS[3])[0])


@pytest.mark.parametrize(("row", "arguments"), CASES)
def test_a_step_that_overflowed_is_forgotten(row, arguments):
    weighting = train(row.cls(**arguments), STEPS[:2])
    before = weighting.read_state()
    weighting.update(np.array([1.0, np.inf, 1.0], "float32"))
    for key, value in weighting.read_state().items():
        if value.shape.rank:
            np.testing.assert_array_equal(value, before[key])


def test_famo_remembers_a_task_through_a_loss_of_zero():
    """A loss that is not positive is left out: the next one is compared with the last that was."""
    weighting = weightings.FAMO()
    for losses in ([1e-3, 1.0], [0.0, 1.0], [1e-3, 1.0]):
        weighting.update(np.array(losses, "float32"))
    np.testing.assert_array_equal(weighting.read_state()["logits"], 0.0)  # nothing has fallen


@pytest.mark.parametrize(("row", "arguments"), CASES)
def test_a_broken_loss_shows(row, arguments):
    """Left out, NaN would be trained on while the displayed loss stays a number."""
    weighting = train(row.cls(**arguments), STEPS[:2])
    broken = np.array([np.nan, 1.0, 2.0], "float32")
    assert np.isnan(np.asarray(weighting(broken)).sum())


def test_state_is_in_the_file_of_a_model(tmp_path):
    class Carrier(keras.Model):
        def __init__(self):
            super().__init__()
            self.weighting = weightings.FAMO()

        def call(self, losses):
            return self.weighting(losses)

    first, second = Carrier(), Carrier()
    first(STEPS[0]), second(STEPS[0])
    train(first.weighting, STEPS[:3])
    first.save_weights(tmp_path / "a.weights.h5")
    second.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(first(STEPS[3]), second(STEPS[3]))


@pytest.mark.parametrize("cls", [weightings.Uncertainty, weightings.IMTLL])
def test_learned_weights_reach_their_optimum(cls):
    weighting, optimizer = cls(), keras.optimizers.Adam(0.05)
    weighting.build(3)
    for _ in range(300):
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(weighting(STEPS[0]))
        variables = weighting.trainable_variables
        optimizer.apply(tape.gradient(value, variables), variables)
    weighted = weights(weighting, STEPS[0])[0] * STEPS[0]
    np.testing.assert_allclose(weighted, 1.0 if cls is weightings.IMTLL else 0.5, rtol=0.02)


@pytest.mark.parametrize("distribution", ["normal", "dirichlet"])
def test_random_weights_sum_to_one(distribution):
    weighting = weightings.RandomLossWeighting(distribution, seed=1)
    draws = []
    for losses in STEPS:
        present = np.array([True, False, True])
        draws.append(weights(weighting, losses, present)[0])
        weighting.update(losses, present)
    np.testing.assert_allclose(np.sum(draws, axis=1), 1.0, rtol=1e-5)
    assert len({draw.tobytes() for draw in draws}) == len(draws)


def test_many_dirichlet_draws_are_even():
    weighting = weightings.RandomLossWeighting("dirichlet")
    draw = weights(weighting, np.ones(20000, "float32"))[0] * 20000
    np.testing.assert_allclose([draw.mean(), draw.var()], [1.0, 1.0], rtol=0.05)


@pytest.mark.parametrize(
    "bad", ["famoo", 3, None, "schedule", {"class_name": "Dense", "config": {}}]
)
def test_get_refuses(bad):
    with pytest.raises((ValueError, TypeError)) as caught:
        weightings.get(bad)
    assert bad != "famoo" or "Did you mean 'famo'?" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "arguments", "part"),
    [
        ("Constant", {"weights": [-1.0, 2.0]}, "weights="),
        ("Constant", {"weights": {"digit": "one"}}, "weights="),
        ("Constant", {"weights": "12"}, "weights="),
        ("RandomLossWeighting", {"distribution": "uniform"}, "distribution='uniform'"),
        ("RandomLossWeighting", {"seed": 0.5}, "seed=0.5"),
        ("Uncertainty", {"form": "square"}, "form='square'"),
        ("DynamicWeightAverage", {"temperature": 0.0}, "temperature=0.0"),
        ("STCH", {"mu": -1.0}, "mu=-1.0"),
        ("FAMO", {"learning_rate": 0.0}, "learning_rate=0.0"),
        ("PBI", {"theta": -1.0}, "theta=-1.0"),
        ("COSMOS", {"preference": []}, "preference=[]"),
        ("Schedule", {"schedules": 1.0}, "schedules=1.0"),
        ("Schedule", {"schedules": ["late"]}, "'late'"),
        ("Schedule", {"schedules": {"digit": np.nan}}, "nan"),
        ("Schedule", {"warmup_steps": None}, "warmup_steps=None"),
        ("RandomLossWeighting", {"seed": True}, "seed=True"),
        ("RandomLossWeighting", {"seed": 2**70}, "seed=1180591620717411303424"),
    ],
)
def test_arguments_are_checked(name, arguments, part):
    with pytest.raises(ValueError, match="Received") as caught:
        getattr(weightings, name)(**arguments)
    assert part in str(caught.value)


def test_numbers_of_numpy_are_numbers():
    assert weightings.STCH(mu=np.float32(0.5)).mu == 0.5
    assert weightings.GO4Align(num_groups=np.int64(3)).num_groups == 3
    assert weightings.Schedule([np.float32(0.5), 1]).schedules == [0.5, 1.0]


def test_one_number_for_each_task():
    with pytest.raises(ValueError, match="2 values for 3 tasks"):
        weightings.Constant([1.0, 2.0]).build(3)


def test_build_wants_a_number_of_tasks():
    with pytest.raises(ValueError, match="num_tasks=0"):
        weightings.Constant().build(0)


def test_get_by_a_config_that_a_person_has_written():
    method = weightings.get({"class_name": "stch", "config": {"mu": 0.1}})
    assert type(method) is weightings.STCH
    assert method.mu == 0.1
    assert type(weightings.get({"class_name": "STCH"})) is weightings.STCH
    with pytest.raises(ValueError, match="Did you mean 'famo'"):
        weightings.get({"class_name": "FAMOO", "config": {}})
