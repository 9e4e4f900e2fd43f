"""`compile(loss_weights=...)`: every weighting trains with every way of execution, and resumes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.programs import LOSSES, arrays, difference, network
from tests.weightings.rows import WEIGHTINGS
from tf_mtl import MultiTaskModel, weightings

CLASSES = sorted({row.cls for row in WEIGHTINGS}, key=lambda cls: cls.__name__)
ROWS = {row.cls: row for row in WEIGHTINGS}
TASKS = ("kind", "sold", "price")


def made(cls):
    return cls(**next((v for v in ROWS[cls].variants if v), {}))


def compiled(weighting, **arguments):
    model = network()
    optimizer = arguments.pop("optimizer", None) or keras.optimizers.Adam(0.01)
    model.compile(optimizer, loss=dict(LOSSES), loss_weights=weighting, **arguments)
    return model


def holes(y):
    """The labels with some missing, and one task missing in the first half altogether."""
    rows = np.arange(len(y["kind"]))
    return {
        "kind": np.where(rows < len(rows) // 2, -1, y["kind"]),
        "sold": np.where(rows % 3 == 0, -1, y["sold"]),
        "price": np.where((rows % 5 == 0)[:, None], np.nan, y["price"]).astype("float32"),
    }


def test_constant_weights_are_those_of_keras():
    x, y, weights = arrays(96)
    models, logs = [], []
    given = {"kind": 1.0, "sold": 2.0, "price": 0.5}
    for weighting in (given, weightings.Constant([1.0, 2.0, 0.5])):
        model = compiled(weighting)
        model.fit(x, holes(y), sample_weight=weights, verbose=0, epochs=2, shuffle=False)
        models.append(model)
        logs.append(model.evaluate(x, y, verbose=0, return_dict=True))
    assert difference(*models) < 1e-6
    assert logs[0] == pytest.approx(logs[1], rel=1e-5)


def test_uncertainty_is_the_program_by_hand():
    """Kendall's loss written out in TensorFlow, with one optimizer for everything."""
    x, y, _ = arrays(96)
    model, reference = compiled("uncertainty"), network()
    model.fit(x, y, verbose=0, epochs=3, shuffle=False, batch_size=32)
    optimizer, s = keras.optimizers.Adam(0.01), keras.Variable(np.zeros(3, "float32"))
    optimizer.build([*reference.trainable_variables, s])
    for start in [0, 32, 64] * 3:
        rows = slice(start, start + 32)
        with tf.GradientTape() as tape:
            outputs = reference(x[rows], training=True)
            losses = tf.stack(
                [
                    tf.reduce_mean(
                        keras.losses.get(LOSSES[task])(y[task][rows].reshape(32, -1), outputs[task])
                    )
                    for task in TASKS
                ]
            )
            total = tf.reduce_sum(0.5 * tf.exp(-s.value) * losses + 0.5 * s.value)
        variables = [*reference.trainable_variables, s]
        gradients = tape.gradient(total, [variable.value for variable in variables])
        optimizer.apply_gradients(list(zip(gradients, variables, strict=True)))
    assert difference(model, reference) < 1e-5
    found = model.weighting.trainable_variables[0]
    np.testing.assert_allclose(found, s.numpy(), atol=1e-5)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_method_trains_and_a_saved_run_goes_on(cls, tmp_path):
    x, y, _ = arrays(96)
    model = compiled(made(cls))
    history = model.fit(x, holes(y), verbose=0, epochs=3, shuffle=False).history
    assert np.isfinite(history["loss"]).all()
    assert {f"{task}_weight" for task in TASKS} <= set(history)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    pairs = zip(model.weighting.variables, loaded.weighting.variables, strict=True)
    for before, after in pairs:
        np.testing.assert_array_equal(before, after)
    for each in (model, loaded):
        each.fit(x, holes(y), verbose=0, shuffle=False, epochs=2)
    assert difference(model, loaded) == 0.0


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_a_task_without_labels_is_absent(cls):
    """A task whose labels are all missing leaves the step of the others as it was."""
    x, y, _ = arrays(64)
    absent = {**y, "sold": np.full(64, -1)}
    models = [compiled(made(cls), run_eagerly=True) for _ in range(2)]
    models[0].fit(x, absent, verbose=0, shuffle=False)
    left_out = {task: value for task, value in y.items() if task != "sold"}
    models[1].fit(x, left_out, verbose=0, shuffle=False)
    assert difference(*models) < 1e-6


def test_any_weighting_goes_with_any_aggregator():
    """IMTL is IMTL-L with IMTL-G: the weights multiply, and the sum is the sum."""
    x, y, _ = arrays(96)
    models = [compiled("imtl_l"), compiled("imtl_l", aggregator="sum")]
    for model in models:
        model.fit(x, holes(y), verbose=0, shuffle=False, epochs=2)
    assert difference(*models) < 1e-6
    both = compiled("imtl_l", aggregator="imtl_g")
    logs = both.fit(x, y, verbose=0).history
    alone = compiled(None, aggregator="imtl_g").fit(x, y, verbose=0).history
    assert np.isfinite(logs["loss"]).all()
    assert logs["kind_weight"] != alone["kind_weight"]


def test_evaluation_compares_epochs():
    """A weighting that learns leaves the loss of an evaluation alone."""
    x, y, _ = arrays(96)
    model = compiled("uncertainty")
    model.fit(x, y, verbose=0, epochs=2)
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    parts = sum(logs[f"{task}_loss"] for task in TASKS)
    assert logs["loss"] == pytest.approx(parts, rel=1e-5)
    assert not any(name.endswith("_weight") for name in logs)


def test_compiling_again_leaves_nothing_behind():
    x, y, _ = arrays(64)
    model = compiled("uncertainty")
    model.fit(x, y, verbose=0)
    names = [variable.path for variable in model.variables]
    count = len(model.trainable_variables)
    model.compile(keras.optimizers.SGD(), loss=dict(LOSSES))
    assert model.weighting is None
    model.fit(x, y, verbose=0)
    assert len(model.trainable_variables) == count == len(network().trainable_variables)
    assert not any("log_variance" in path for path in names)


def test_an_optimizer_that_knows_other_variables_is_refused():
    x, y, _ = arrays(64)
    model = compiled(None)
    model.fit(x, y, verbose=0)
    with pytest.raises(ValueError, match="new optimizer"):
        model.compile(model.optimizer, loss=dict(LOSSES), loss_weights="uncertainty")


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="Did you mean 'uncertainty'"):
        compiled("uncertanty")
    with pytest.raises(ValueError, match="weights"):
        compiled(weightings.Constant([1.0, 2.0]))
    inputs = keras.Input((4,))
    model = MultiTaskModel(inputs, keras.layers.Dense(1)(inputs))
    with pytest.raises(ValueError, match="single tensor"):
        model.compile("sgd", loss="mse", loss_weights="uncertainty")
