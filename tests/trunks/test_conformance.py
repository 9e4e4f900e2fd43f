"""Every trunk passes one suite: config, saving, export, precision, replicas, missing labels."""

import re
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.descriptors import BODIES, TRUNKS
from tests.replicas import printed_by
from tests.trunks.networks import data_of, model_of, moved, predictions, weights_by_layer
from tf_mtl import aggregators, export, trunks
from tf_mtl.training import AdversarialFeatures
from tf_mtl.training.sharing import shared_variables


def assert_equal_predictions(first, second, x, atol=1e-6):
    expected = predictions(first, x)
    for task, values in predictions(second, x).items():
        np.testing.assert_allclose(values, expected[task], atol=atol, err_msg=task)


def operations_of(model):
    """Returns the layers and operations of a model, with those of models and frames inside it."""
    found = []
    for operation in model.operations:
        found.append(operation)
        inner = getattr(operation, "layer", operation)  # of a wrapper, such as EveryFrame
        if isinstance(inner, keras.Model):
            found += [each for each in operations_of(inner) if not is_input(each)]
    return found


def is_input(operation):
    return isinstance(operation, keras.layers.InputLayer)


def assert_named(model):
    """Names given by Keras, such as dense_3, say nothing of what a layer is for."""
    operations = operations_of(model)
    assert len({operation.name for operation in operations}) == len(operations)
    for operation in operations:
        own = re.sub(r"_\d+$", "", operation.name).replace("_", "")
        assert own != type(operation).__name__.lower(), operation.name


def assert_draws(model, path):
    """A picture shows every layer, as a file where Graphviz is installed."""
    graph = keras.utils.model_to_dot(model, show_shapes=True, show_layer_names=True)
    text = graph.to_string()
    assert all(operation.name in text for operation in model.operations)
    if shutil.which("dot"):
        graph.set("splines", "polyline")  # Graphviz 2.43 aborts on right angles now and then
        graph.write(path, format="png")
        assert path.stat().st_size


def test_every_public_body_is_described():
    public = {
        value
        for value in vars(trunks).values()
        if isinstance(value, type) and issubclass(value, trunks.Body)
    }
    assert {row.cls for row in BODIES} == public - {trunks.Body}


@pytest.mark.parametrize("row", BODIES, ids=lambda row: row.cls.__name__)
class TestBody:
    def test_config_comes_back(self, row):
        body = row.make()
        restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(body))
        assert restored.get_config() == body.get_config()

    def test_layers_have_names_of_their_own(self, row):
        assert_named(model_of(row, trunk=row.make()))

    def test_draws_as_a_picture(self, row, tmp_path):
        pytest.importorskip("pydot", reason="pydot is not installed")
        assert_draws(model_of(row, trunk=row.make()), tmp_path / "model.png")


def test_every_public_trunk_is_described():
    public = {
        value
        for value in vars(trunks).values()
        if isinstance(value, type) and issubclass(value, trunks.Trunk)
    }
    assert {row.cls for row in TRUNKS} == public - {trunks.Trunk}


@pytest.mark.parametrize("row", TRUNKS, ids=lambda row: row.cls.__name__)
class TestTrunk:
    def test_config_comes_back(self, row):
        trunk = row.make(["a", "b"])
        again = type(trunk).from_config(trunk.get_config())
        assert again.get_config() == trunk.get_config()
        restored = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(trunk))
        assert restored.get_config() == trunk.get_config()
        x, _ = data_of(row)
        assert_equal_predictions(model_of(row, trunk=trunk), model_of(row, trunk=restored), x)

    @pytest.mark.parametrize("tasks", [("a",), ("a", "b", "c", "d", "e")], ids=len)
    def test_any_number_of_tasks(self, row, tasks):
        x, y = data_of(row, tasks)
        model = model_of(row, tasks, run_eagerly=True)
        assert np.isfinite(model.train_on_batch(x, y)).all()
        assert list(predictions(model, x)) == list(tasks)
        if len(tasks) == 1:
            assert not shared_variables(model)

    def test_shared_variables_are_those_of_the_shared_layers(self, row):
        model = model_of(row)
        shared = {id(variable) for variable in shared_variables(model)}
        found = {
            layer.name
            for layer in model.layers
            if any(id(variable) in shared for variable in layer.trainable_variables)
        }
        assert found == row.shared
        partly = {
            layer.name
            for layer in model.layers
            if layer.name in found
            and not all(id(variable) in shared for variable in layer.trainable_variables)
        }
        assert not partly

    def test_layers_have_names_of_their_own(self, row):
        assert_named(model_of(row))

    def test_draws_as_a_picture(self, row, tmp_path):
        pytest.importorskip("pydot", reason="pydot is not installed")
        assert_draws(model_of(row), tmp_path / "model.png")

    def test_comes_back_from_a_file_and_goes_on(self, row, tmp_path):
        x, y = data_of(row)
        model = model_of(row, optimizer=keras.optimizers.SGD(0.1, momentum=0.9))
        model.train_on_batch(x, y)
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        assert_equal_predictions(model, loaded, x, atol=0)
        if row.replicable:  # the state of random numbers is not the point here
            for each in (model, loaded):
                each.train_on_batch(x, y)
            assert_equal_predictions(model, loaded, x)

    def test_is_served(self, row, tmp_path):
        model, (x, _) = model_of(row), data_of(row)
        folder = export.saved_model(model, tmp_path)
        serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
        served = serve(**{name: tf.constant(v) for name, v in as_dictionary(x).items()})
        for task, values in predictions(model, x).items():
            np.testing.assert_allclose(served[task], values, atol=1e-6)

    def test_missing_labels_train_the_other_tasks_part_only(self, row):
        """A task without labels leaves the layers of its own as they were."""
        x, y = data_of(row)
        model = model_of(row, run_eagerly=True)
        before = weights_by_layer(model)
        model.train_on_batch(x, dict(y, a=np.full(len(y["a"]), np.nan, "float32")))
        still = set(before) - moved(model, before)
        assert "a" in still
        assert "b" not in still
        assert all(np.isfinite(weight).all() for weight in model.get_weights())

    @pytest.mark.parametrize("wrt", ["parameters", "features"])
    def test_an_aggregator_trains_it(self, row, wrt):
        x, y = data_of(row)
        if not row.shared:
            with pytest.raises(ValueError, match="no trainable variable"):
                model_of(row, aggregator="upgrad")
            return
        if wrt == "features" and not row.frontier:
            with pytest.raises(ValueError, match="Use wrt='parameters'"):
                model_of(row, aggregator=aggregators.UPGrad(wrt=wrt))
            return
        model = model_of(row, aggregator=aggregators.UPGrad(wrt=wrt))
        before = weights_by_layer(model)
        losses = [model.train_on_batch(x, y) for _ in range(2)]
        assert np.isfinite(losses).all()
        assert {"a", "b", *row.shared} <= moved(model, before)

    @pytest.mark.slow
    def test_an_adversary_trains_it(self, row):
        x, y = data_of(row)
        adversary = AdversarialFeatures(epsilon=0.1)
        if not row.shared or not row.frontier:
            with pytest.raises(ValueError, match="An adversary needs features"):
                model_of(row, adversary=adversary)
            return
        model = model_of(row, adversary=adversary)
        before = weights_by_layer(model)
        assert np.isfinite([model.train_on_batch(x, y) for _ in range(2)]).all()
        assert {"a", "b", *row.shared} <= moved(model, before)

    @pytest.mark.slow
    @pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
    def test_mixed_precision_trains(self, row, policy):
        x, y = data_of(row)
        previous = keras.config.dtype_policy()
        keras.config.set_dtype_policy(policy)
        try:
            model = model_of(row)
            before = weights_by_layer(model)
            # The loss scale of float16 starts high; the first steps may only lower it.
            losses = [model.train_on_batch(x, y) for _ in range(5)]
        finally:
            keras.config.set_dtype_policy(previous)
        assert np.isfinite(losses).all()
        assert {"a", "b"} <= moved(model, before)
        assert all(values.dtype == "float32" for values in predictions(model, x).values())

    @pytest.mark.slow
    def test_xla_takes_the_same_step(self, row):
        x, y = data_of(row)
        models = [model_of(row, jit_compile=compiled) for compiled in (False, True)]
        for model in models:
            assert np.isfinite(model.train_on_batch(x, y)).all()
        if row.replicable:
            assert_equal_predictions(*models, x, atol=1e-5)


def as_dictionary(x):
    return x if isinstance(x, dict) else {"x": x}


REPLICAS = """
import numpy as np
import tensorflow as tf

from tests.descriptors import TRUNKS
from tests.memory import free_memory
from tests.replicas import strategies
from tests.trunks.networks import data_of, model_of

def run(row, strategy):
    x, y = data_of(row)
    y["a"][np.arange(len(y["a"])) < 12] = np.nan  # missing on the first replica only
    with strategy.scope():
        model = model_of(row)
        stream = tf.data.Dataset.from_tensor_slices((x, y)).batch(16).repeat(2)
        model.fit(stream, verbose=0)
        return model.get_weights()

one, two = strategies(2)
for i, row in enumerate(TRUNKS):
    pairs = zip(run(row, one), run(row, two), strict=True)
    largest = max(float(np.nan_to_num(abs(a - b), nan=np.inf).max()) for a, b in pairs)
    print(i, row.cls.__name__, largest)
    free_memory()
"""


@pytest.mark.slow
def test_two_replicas_take_the_step_of_one():
    found = printed_by(REPLICAS)
    allowed = {f"{i} {r.cls.__name__}": 1e-5 if r.replicable else 1.0 for i, r in enumerate(TRUNKS)}
    assert list(found) == list(allowed)
    assert {name: value for name, value in found.items() if not value < allowed[name]} == {}
