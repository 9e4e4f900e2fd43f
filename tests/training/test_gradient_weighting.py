"""`compile(loss_weights="excess_mtl")`: a weighting that looks at the tasks' gradients first."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.programs import LOSSES, arrays, difference, network
from tf_mtl import MultiTaskModel, aggregators, weightings

TASKS = ("kind", "sold", "price")


def compiled(weighting, model=None, **arguments):
    model = model or network()
    model.compile(keras.optimizers.SGD(0.1), loss=dict(LOSSES), loss_weights=weighting, **arguments)
    return model


def by_hand(model, x, y, step_size, steps):
    """ExcessMTL written out: T gradients, weights in NumPy, a step of gradient descent."""
    squares, first, weights = 0.0, None, np.ones(3)
    for start in steps:
        rows = slice(start, start + 32)
        with tf.GradientTape(persistent=True) as tape:
            outputs = model(x[rows], training=True)
            losses = [
                tf.reduce_mean(
                    keras.losses.get(LOSSES[task])(y[task][rows].reshape(32, -1), outputs[task])
                )
                for task in TASKS
            ]
        trained = [variable.value for variable in model.trainable_variables]
        zero = tf.UnconnectedGradients.ZERO
        found = [tape.gradient(loss, trained, unconnected_gradients=zero) for loss in losses]
        shared = np.array([np.concatenate([np.ravel(part) for part in row[:2]]) for row in found])
        squares = squares + shared**2
        excess = np.where(shared == 0, 0, shared**2 / np.sqrt(np.maximum(squares, 1e-300))).sum(1)
        first = excess if first is None else first
        weights = weights * np.exp(step_size * excess / first)
        weights = 3 * weights / weights.sum()
        for variable, parts in zip(
            model.trainable_variables, zip(*found, strict=True), strict=True
        ):
            variable.assign_sub(0.1 * sum(w * part for w, part in zip(weights, parts, strict=True)))
    return weights


@pytest.mark.parametrize("aggregator", [None, "sum"])
def test_it_is_the_program_by_hand(aggregator):
    x, y, _ = arrays(96)
    model, reference = compiled(weightings.ExcessMTL(0.5), aggregator=aggregator), network()
    assert reference.trainable_variables[0].path.startswith("shared/")
    logs = model.fit(x, y, verbose=0, epochs=2, shuffle=False, batch_size=32).history
    weights = by_hand(reference, x, y, 0.5, [0, 32, 64] * 2)
    assert difference(model, reference) < 1e-5
    np.testing.assert_allclose([logs[f"{task}_weight"][-1] for task in TASKS], weights, rtol=1e-4)
    assert np.ptp(weights) > 0.05


@pytest.mark.parametrize(
    "make",
    [
        aggregators.MGDA,
        lambda: aggregators.MGDA(every=2),
        lambda: aggregators.MGDA("loss"),
        lambda: aggregators.PCGrad(groups="layer"),
        lambda: None,
    ],
    ids=["mgda", "every_2", "losses", "layer", "none"],
)
def test_with_equal_weights_it_is_the_aggregator_alone(make):
    x, y, _ = arrays(96)
    y["sold"][:40] = -1
    models = [
        compiled(weighting, aggregator=make()) for weighting in (None, weightings.ExcessMTL(0.0))
    ]
    for model in models:
        model.fit(x, y, verbose=0, shuffle=False)
    assert difference(*models) < 1e-6


def test_the_weighted_gradients_go_to_the_aggregator():
    """One step with weights that are already uneven is one with these as fixed weights."""
    x, y, _ = arrays(32)
    model = compiled(weightings.ExcessMTL(1.0), aggregator="upgrad")
    model.weighting.look([tf.random.normal(v.shape, seed=3) for v in _blocks(model)])
    state = {v.name: v for v in model.weighting.variables}
    state["logits"].assign([0.5, -1.0, 0.0])
    weights = np.asarray(model.weighting(tf.ones(3)))
    logs = model.train_on_batch(x, y, return_dict=True)
    moved = np.asarray(model.weighting(tf.ones(3)))
    assert not np.allclose(moved, weights)
    fixed = compiled(dict(zip(TASKS, map(float, moved), strict=True)), aggregator="upgrad")
    reference = fixed.train_on_batch(x, y, return_dict=True)
    assert difference(model, fixed) < 1e-6
    assert logs["loss"] == pytest.approx(reference["loss"], rel=1e-5)
    assert logs["sold_weight"] == pytest.approx(reference["sold_weight"], rel=1e-4)


def _blocks(model):
    return [v for v in model.weighting.variables if v.name.startswith("squares_")]


def test_regularization_counts_once():
    x, y, _ = arrays(64)
    models = []
    for weighting in (None, weightings.ExcessMTL(0.0)):
        keras.utils.set_random_seed(5)
        inputs = keras.Input((8,), name="x")
        features = keras.layers.Dense(6, name="shared", kernel_regularizer="l2")(inputs)
        outputs = {
            "kind": keras.layers.Dense(3, activation="softmax", name="kind")(features),
            "sold": keras.layers.Dense(1, activation="sigmoid", name="sold")(features),
            "price": keras.layers.Dense(2, name="price", activity_regularizer="l1")(features),
        }
        models.append(compiled(weighting, MultiTaskModel(inputs, outputs)))
        models[-1].fit(x, y, verbose=0, shuffle=False)
    assert difference(*models) < 1e-6


def test_no_pass_is_taken_twice():
    def matmuls(**arguments):
        model = network()
        model.compile("sgd", loss=dict(LOSSES), **arguments)
        y = arrays(4)[1]

        @tf.function
        def step(x):
            return model.train_step((x, y))

        graph = step.get_concrete_function(tf.zeros((4, 8))).graph
        return sum(op.type == "MatMul" for op in graph.get_operations())

    # Four products forward; backward for each task two of its head and one of the shared layer.
    assert matmuls(loss_weights="excess_mtl") == 4 + 3 * 3
    both = matmuls(loss_weights="excess_mtl", aggregator="sum")
    assert both == matmuls(aggregator="sum")


def test_mistakes_are_named():
    with pytest.raises(ValueError, match=r"ExcessMTL looks.*wrt='parameters'"):
        compiled("excess_mtl", aggregator=aggregators.UPGrad(wrt="features"))
    inputs = keras.Input((8,))
    outputs = {task: keras.layers.Dense(1)(inputs) for task in TASKS}
    with pytest.raises(ValueError, match=r"ExcessMTL needs gradients.*several tasks share"):
        compiled("excess_mtl", MultiTaskModel(inputs, outputs))
