"""Every weighting and aggregator, at parameters and features, with every way of training."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest

from tests.descriptors import AGGREGATORS
from tests.training.programs import LOSSES, arrays, network
from tests.weightings.rows import WEIGHTINGS

# One optimizer has all of Keras' options at once, one model two ways: a run for each would take
# as many minutes.
OPTIONS = {
    "gradient_accumulation_steps": 2,
    "global_clipnorm": 0.5,
    "weight_decay": 0.01,
    "use_ema": True,
    "ema_overwrite_frequency": 2,
}
WAYS = {
    "jit_compile": {"jit_compile": True, "steps_per_execution": 2},
    "run_eagerly": {"run_eagerly": True},
}
PRECISIONS = {"float16": {}, "bfloat16": OPTIONS}
# All ways are gone with each method at its defaults, half of them with each of its options.
BY_OPTION = {
    "wrt": ("jit_compile", "float16"),
    "every": ("run_eagerly", "bfloat16"),
}


def methods():
    """`(name, arguments of compile)` for the first variant of each class."""
    found = {}
    for row in WEIGHTINGS:
        found.setdefault(row.cls.__name__, ("loss_weights", row.cls, row.variants[-1]))
    for row in AGGREGATORS:
        name = row.cls.__name__
        found.setdefault(name, ("aggregator", row.cls, row.variants[0]))
        for option, value in (("wrt", "features"), ("every", 2)):
            arguments = {**row.variants[0], option: value}
            if accepted(row.cls, arguments):
                found.setdefault(f"{name}-{option}", ("aggregator", row.cls, arguments))
    return found


def accepted(cls, arguments):
    """Whether a method takes these options; those that weigh no rows refuse them."""
    try:
        cls(**arguments)
    except ValueError:
        return False
    return True


METHODS = methods()


def pairs(ways):
    """Each method with each of these ways that it is tried in."""
    return [
        pytest.param(method, way, id=f"{method}-{way}")
        for method in METHODS
        for way in ways
        if way in BY_OPTION.get(method.partition("-")[2], ways)
    ]


def trained(method, optimizer=(), **ways):
    """A model's movement in six steps, and the logs of the first."""
    slot, cls, arguments = METHODS[method]
    x, y, _ = arrays(64)
    y["kind"][::3] = -1
    model = network(use_bias=False)
    before = [weight.copy() for weight in model.get_weights()]
    model.compile(
        keras.optimizers.SGD(0.05, **dict(optimizer)),
        loss=dict(LOSSES),
        **{slot: cls(**arguments)},
        **ways,
    )
    first = model.fit(x[:32], {t: v[:32] for t, v in y.items()}, verbose=0, shuffle=False).history
    model.fit(x, y, epochs=2, batch_size=32, verbose=0, shuffle=False)
    moved = [after - b for after, b in zip(model.get_weights(), before, strict=True)]
    return np.concatenate([part.ravel() for part in moved]), first


@pytest.fixture(scope="module")
def plain():
    """`trained(method)`, once for each method."""
    return functools.cache(trained)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "way"), pairs(WAYS))
def test_ways_of_execution_agree(method, way, plain):
    expected, _ = plain(method)
    moved, _ = trained(method, **WAYS[way])
    assert np.abs(moved).max() > 1e-4
    assert np.linalg.norm(moved - expected) <= 1e-3 * np.linalg.norm(expected)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "precision"), pairs(PRECISIONS))
def test_weights_in_half_precision_are_those_of_float32(method, precision, plain):
    """The optimizer has its options in one of the two: the weights of the first step ignore it."""
    _, single = plain(method)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(f"mixed_{precision}")
    try:
        moved, half = trained(method, PRECISIONS[precision])
    finally:
        keras.config.set_dtype_policy(before)
    assert np.isfinite(moved).all()
    assert np.abs(moved).max() > (1e-5 if PRECISIONS[precision] else 1e-4)
    weights = [name for name in single if name.endswith("_weight")]
    largest = max(abs(single[name][0]) for name in weights) if weights else 1.0
    for name in weights:
        assert half[name][0] == pytest.approx(single[name][0], abs=0.02 * largest), name
