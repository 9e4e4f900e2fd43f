"""Trunks tied by a penalty, or by averaging now and then."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_mtl import build_model, heads, trunks
from tf_mtl.training import add_head, remove_head
from tf_mtl.training.trunk_averaging import TrunkAveraging
from tf_mtl.trunks.soft_sharing import Tie, squared_distance, trace_norm

TASKS = ("a", "b", "c")


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(16, 5)).astype("float32")


def model_of(trunk, tasks=TASKS, inputs=None, **compiling):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((5,), name="x") if inputs is None else inputs
    model = build_model(inputs, trunk, {task: heads.Regression() for task in tasks})
    model.compile(keras.optimizers.SGD(0.1), metrics=None, **compiling)
    return model


def labels(x, tasks=TASKS):
    return {task: x[:, i] * (i + 1) for i, task in enumerate(tasks)}


def matrices(model, layer, tasks=TASKS):
    """Returns the parameters of a layer of all tasks, each flattened, as matrices [T, n]."""
    of_tasks = [model.get_layer(f"{task}_trunk_{layer}").get_weights() for task in tasks]
    return [np.stack([each.ravel() for each in group]) for group in zip(*of_tasks, strict=True)]


def l2(matrix):
    return sum(np.sum((s - t) ** 2) for i, s in enumerate(matrix) for t in matrix[:i])


def nuclear(matrix):
    return np.linalg.svd(matrix, compute_uv=False).sum()


@pytest.mark.parametrize(("penalty", "distance"), [("l2", l2), ("trace_norm", nuclear)])
def test_the_penalty_is_in_the_loss_once(x, penalty, distance):
    model = model_of(trunks.SoftSharing([4, 3], penalty, strength=0.3))
    expected = 0.3 * sum(
        distance(matrix) for layer in ("dense_0", "dense_1") for matrix in matrices(model, layer)
    )
    model(x)
    (loss,) = model.losses
    np.testing.assert_allclose(loss, expected, rtol=1e-5)
    free = model_of(trunks.SoftSharing([4, 3], penalty=None))
    found = [each.train_on_batch(x, labels(x), return_dict=True)["loss"] for each in (model, free)]
    np.testing.assert_allclose(found[0] - found[1], expected, rtol=1e-4)


@pytest.mark.parametrize("rank", [3, 2, 1, 0])
def test_the_trace_norm_has_the_subgradient_at_any_rank(rank):
    random = np.random.default_rng(rank)
    matrix = random.normal(size=(3, rank)) @ random.normal(size=(rank, 7))
    rows = [tf.Variable(row, dtype="float32") for row in matrix]
    with tf.GradientTape() as tape:
        value = trace_norm(rows)
    gradient = np.stack(tape.gradient(value, rows))
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    np.testing.assert_allclose(value, values.sum(), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(gradient, left[:, :rank] @ right[:rank], atol=2e-3)


def test_the_gradient_of_the_distance_pulls_trunks_together():
    rows = [tf.Variable([1.0, 0.0]), tf.Variable([3.0, 0.0]), tf.Variable([5.0, 6.0])]
    with tf.GradientTape() as tape:
        value = squared_distance(rows)
    assert float(value) == 4 + 40 + 52
    np.testing.assert_allclose(tape.gradient(value, rows)[0], [-2 * 2 - 2 * 4, -2 * 6])


def test_a_strong_penalty_makes_the_trunks_equal(x):
    model = model_of(trunks.SoftSharing([4], strength=0.5))
    model.compile(keras.optimizers.SGD(0.02))
    before = l2(matrices(model, "dense_0")[0])
    model.fit(x, labels(x), epochs=30, verbose=0)
    assert l2(matrices(model, "dense_0")[0]) < 0.2 * before


def test_layers_before_the_trunks_are_not_tied(x):
    inputs = keras.Input((5,), name="x")
    model = model_of(trunks.SoftSharing([4]), inputs=keras.layers.Dense(4, name="common")(inputs))
    paths = [v.path for group in tie_of(model).tied_variables() for v in group]
    assert sorted(paths) == [f"{t}_trunk_dense_0/{w}" for t in TASKS for w in ("bias", "kernel")]


def tie_of(model):
    return model.get_layer("soft_sharing")


def test_a_loaded_or_cloned_model_ties_its_own_trunks(x, tmp_path):
    model = model_of(trunks.SoftSharing([4], strength=0.3))
    model.fit(x, labels(x), verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    for each in (loaded, clone):
        own = {id(variable) for variable in each.weights}
        assert all(id(v) in own for group in tie_of(each).tied_variables() for v in group)
        each(x)
        model(x)
        np.testing.assert_allclose(each.losses[0], model.losses[0], rtol=1e-6)
    # A model of which it is a part sees the loss as well, and knows no other layers.
    outer_input = keras.Input((5,))
    outer = keras.Model(outer_input, model(outer_input))
    outer(x)
    np.testing.assert_allclose(outer.losses[0], model.losses[0], rtol=1e-6)


@pytest.mark.parametrize("gone", TASKS)
@pytest.mark.parametrize("penalty", ["l2", None])
def test_a_removed_task_is_tied_no_longer(x, gone, penalty, tmp_path):
    left = [task for task in TASKS if task != gone]
    model = model_of(trunks.SoftSharing([4], penalty, strength=0.3))
    before = [np.array(each) for each in (model(x), model.losses)[1]]
    reduced = remove_head(model, gone)
    reduced.save(tmp_path / "model.keras")
    expected = 0.3 * sum(map(l2, matrices(model, "dense_0", left)))
    for each in (reduced, keras.models.load_model(tmp_path / "model.keras")):
        each(x)
        np.testing.assert_allclose(each.losses, [expected] if penalty else [], rtol=1e-5)
        each.fit(x, labels(x, left), verbose=0, callbacks=[TrunkAveraging()])
        for matrix in matrices(each, "dense_0", left):
            np.testing.assert_allclose(matrix[0], matrix[1], atol=1e-6)
    model = model_of(trunks.SoftSharing([4], penalty, strength=0.3))
    remove_head(model, gone)
    model(x)
    np.testing.assert_allclose(model.losses, before)


def test_frozen_trunks_have_no_penalty(x):
    model = model_of(trunks.SoftSharing([4]))
    larger = add_head(model, "d", heads.Regression(), features="a", freeze=True)
    larger.fit(x, {"d": x[:, 0]}, verbose=0)
    trunks.set_trainable(larger, False)
    larger(x)
    assert not larger.losses


def test_the_tie_holds_no_variables_and_copies_keep_pretrained_weights(x):
    network = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4)])
    model = model_of(trunks.SoftSharing(network))
    assert not tie_of(model).weights
    assert len(model.weights) == 3 * 2 + 3 * 2
    model(x)
    assert float(model.losses[0]) < 1e-12


def test_mixed_precision_leaves_the_penalty_exact(x):
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = model_of(trunks.SoftSharing([4], strength=1.0))
    finally:
        keras.config.set_dtype_policy(previous)
    model(x)
    assert model.losses[0].dtype == tf.float32
    expected = sum(map(l2, matrices(model, "dense_0")))
    np.testing.assert_allclose(model.losses[0], expected, rtol=1e-6)


def mean_of_columns(model):
    return [matrix.mean(axis=0) for matrix in matrices(model, "dense_0")]


@pytest.mark.parametrize(("every", "unit", "steps"), [(2, "step", 2), (1, "epoch", 4)])
def test_trunks_are_independent_between_averagings(x, every, unit, steps):
    """Until the first averaging as without; then all are the mean of what they were."""
    model, alone = (model_of(trunks.SoftSharing([4], penalty=None)) for _ in range(2))
    data = tf.data.Dataset.from_tensor_slices((x, labels(x))).batch(4).repeat()
    alone.fit(data, steps_per_epoch=steps, verbose=0)
    averaging = TrunkAveraging(every, unit)
    model.fit(data, steps_per_epoch=steps, verbose=0, callbacks=[averaging])
    for found, expected in zip(matrices(model, "dense_0"), mean_of_columns(alone), strict=True):
        np.testing.assert_allclose(found, np.stack([expected] * 3), rtol=1e-5, atol=1e-6)
    assert np.ptp(matrices(alone, "dense_0")[0], axis=0).max() > 0.01


def test_averaging_at_each_step_is_training_of_one_trunk_on_the_mean_loss(x):
    model = model_of(trunks.SoftSharing([4], penalty=None))
    for task in TASKS:
        layer = model.get_layer(f"{task}_trunk_dense_0")
        layer.set_weights(model.get_layer("a_trunk_dense_0").get_weights())
    shared = model_of(trunks.MLP([4]))
    shared.get_layer("mlp_dense_0").set_weights(model.get_layer("a_trunk_dense_0").get_weights())
    for task in TASKS:
        shared.get_layer(task).set_weights(model.get_layer(task).get_weights())
    shared.compile(keras.optimizers.SGD(0.1 / 3), metrics=None)
    x, y = x[:4], {task: value[:4] for task, value in labels(x).items()}
    model.fit(x, y, verbose=0, callbacks=[TrunkAveraging(1, "step")])
    shared.fit(x, y, verbose=0)
    for found, expected in zip(
        model.get_layer("b_trunk_dense_0").get_weights(),
        shared.get_layer("mlp_dense_0").get_weights(),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_steps_executed_together_are_averaged_at_their_end(x):
    model = model_of(trunks.SoftSharing([4], penalty=None), steps_per_execution=3)
    averaging = TrunkAveraging(2, "step", share=0.5)
    times = []
    averaging.average = lambda: times.append(int(model.optimizer.iterations.numpy()))
    model.fit(x, labels(x), batch_size=2, verbose=0, callbacks=[averaging])
    assert times == [3, 6, 8]


def test_a_restored_run_is_averaged_at_the_same_steps(x, tmp_path):
    """Callbacks that restore a run may come behind the averaging."""

    def run(folder, stop):
        model = model_of(trunks.SoftSharing([4], penalty=None))
        averaging, times = TrunkAveraging(3, "step"), []
        averaging.average = lambda: times.append(int(model.optimizer.iterations.numpy()))
        backup = keras.callbacks.BackupAndRestore(folder, delete_checkpoint=not stop)
        callbacks, epochs = [averaging, backup], 1 if stop else 2
        model.fit(x, labels(x), batch_size=4, epochs=epochs, verbose=0, callbacks=callbacks)
        return times

    assert run(tmp_path / "whole", stop=False) == [3, 6]
    assert run(tmp_path / "begun", stop=True) == [3]
    assert run(tmp_path / "begun", stop=False) == [6]


def one_layer_for_all():
    layer = keras.layers.Dense(4)

    def body(inputs):
        return layer(inputs)

    model_of(trunks.SoftSharing(body))


def fit_untied():
    model = model_of(trunks.MLP([4]))
    model.fit(np.ones((2, 5)), labels(np.ones((2, 5))), verbose=0, callbacks=[TrunkAveraging()])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: trunks.SoftSharing([4], "l3"), "Did you mean 'l2'"),
        (lambda: trunks.SoftSharing([4], strength=0), "`strength` must be above 0"),
        (lambda: TrunkAveraging(0), "`every` of at least 1"),
        (lambda: TrunkAveraging(1.5), "a whole number"),
        (lambda: TrunkAveraging(unit="day"), "'epoch' or 'step'"),
        (lambda: TrunkAveraging(share=2), r"`share` in \(0, 1\]"),
        (lambda: Tie(["a"])(keras.Input((3,)), task="b"), "Unknown task 'b'"),
        (one_layer_for_all, "must make new layers"),
        (fit_untied, "tied"),
    ],
)
def test_arguments_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make()
