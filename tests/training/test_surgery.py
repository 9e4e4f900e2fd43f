"""Heads on and off trained models; heads of two models on one trunk; weights from another."""

import keras
import numpy as np
import pytest

from tf_mtl import MultiTaskModel, aggregators, build_model, heads, trunks
from tf_mtl.training import (
    add_head,
    layerwise_optimizer,
    merge_heads,
    remove_head,
    train_only,
    warm_start,
)

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(16, 4)).astype("float32")
Y = {
    "a": X[:, :1] * 2,
    "b": (X[:, 1] > 0).astype(int),
    "c": RANDOM.integers(0, 3, 16),
}
HEADS = {
    "a": heads.Regression,
    "b": heads.BinaryClassification,
    "c": lambda: heads.Classification(3),
}


def trained(tasks, trunk=None, optimizer="adam", **arguments):
    model = build_model(
        keras.Input((4,), name="x"),
        trunks.MLP([6]) if trunk is None else trunk,
        {task: HEADS[task]() for task in tasks},
        name="model",
    )
    model.compile(optimizer, **arguments)
    model.fit(X, {task: Y[task] for task in tasks}, verbose=0)
    return model


def predictions(model):
    return model.predict(X, verbose=0)


def equal(first, second, tasks):
    return all((first[task] == second[task]).all() for task in tasks)


def reloaded(model, path):
    model.save(path / "model.keras")
    return keras.models.load_model(path / "model.keras")


def test_a_head_is_added_and_trained_alone(tmp_path):
    model = trained("ab", aggregator="upgrad", metrics=None)
    before = predictions(model)
    larger = add_head(model, "c", HEADS["c"](), freeze=True)
    assert larger.tasks == ["a", "b", "c"]
    assert larger.get_layer("mlp_dense_0") is model.get_layer("mlp_dense_0")
    assert [v.path for v in larger.trainable_variables] == [
        "c/probabilities/kernel",
        "c/probabilities/bias",
    ]
    kernel = np.array(larger.heads["c"].weights[0])
    larger.fit(X, {"c": Y["c"]}, verbose=0, epochs=2)
    assert (np.array(larger.heads["c"].weights[0]) != kernel).any()
    again = reloaded(larger, tmp_path)
    for each in (larger, again):
        assert equal(before, predictions(each), "ab")
    assert set(again.label_rules) == {"a", "b", "c"}
    trunks.set_trainable(again, True)
    again.compile("adam", aggregator="upgrad")
    again.fit(X, Y, verbose=0)


def test_settings_of_compile_are_taken_over():
    model = trained(
        "ab",
        loss={"a": "mae", "b": "auto"},
        loss_weights={"a": 0.5},
        metrics={"b": ["accuracy"]},
        aggregator=aggregators.CAGrad(c=0.3),
        jit_compile=False,
    )
    model.optimizer.learning_rate = 0.02
    larger = add_head(model, "c", HEADS["c"]())
    assert type(larger.optimizer) is keras.optimizers.Adam
    assert larger.optimizer is not model.optimizer
    assert float(larger.optimizer.learning_rate) == pytest.approx(0.02)
    assert larger.aggregator.c == 0.3
    assert larger.aggregator is not model.aggregator
    config = larger.get_compile_config()
    assert config["loss_weights"] == {"a": 0.5}
    assert config["loss"] == {"a": "mae", "b": "auto", "c": "auto"}
    larger.fit(X, Y, verbose=0)
    smaller = remove_head(larger, "b")
    assert smaller.get_compile_config()["loss"] == {"a": "mae", "c": "auto"}
    assert smaller.aggregator.c == 0.3
    assert remove_head(smaller, "c").aggregator is None  # nothing to combine
    assert not add_head(model, "c", HEADS["c"](), compile=False).compiled


def absolute(y_true, y_pred):
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)


class Halved(keras.metrics.MeanAbsoluteError):
    """A metric that is not registered."""

    def result(self):
        return super().result() / 2


class Plain(keras.optimizers.SGD):
    """An optimizer that is not registered."""


def test_what_was_compiled_need_not_be_registered():
    arguments = {"loss": {"a": absolute, "b": "auto"}, "metrics": {"a": [Halved(name="half")]}}
    model = trained("ab", optimizer=Plain(0.01), **arguments)
    larger = add_head(model, "c", HEADS["c"]())
    assert type(larger.optimizer) is Plain
    logs = larger.evaluate(X, Y, return_dict=True, verbose=0)
    assert logs["a_half"] == pytest.approx(logs["a_loss"] / 2, rel=1e-5)


class NoConfig(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule as in many tutorials, without get_config()."""

    def __call__(self, step):
        return 0.01


def test_settings_that_cannot_be_copied_are_told():
    model = trained("ab", optimizer=keras.optimizers.SGD(NoConfig()))
    with pytest.raises(ValueError, match=r"cannot be copied.*compile=False"):
        add_head(model, "c", HEADS["c"]())


def test_arguments_that_are_not_by_task_stay_with_their_tasks():
    single = trained("a", loss="mae", metrics=["mse"], loss_weights=0.5)
    larger = add_head(single, "c", HEADS["c"]())
    config = larger.get_compile_config()
    assert config["loss"] == {"a": "mae", "c": "auto"}
    assert config["metrics"] == {"a": ["mse"], "c": "auto"}
    assert config["loss_weights"] == {"a": 0.5}
    larger.fit(X, {"a": Y["a"], "c": Y["c"]}, verbose=0)
    merged = merge_heads(trained("b"), single).get_compile_config()
    assert merged["loss"] == {"a": "mae", "b": "auto"}
    assert merged["loss_weights"] == {"a": 0.5}
    both = trained("ab", loss="mse")  # one loss for all tasks, which class numbers do not suit
    assert add_head(both, "c", HEADS["c"]()).get_compile_config()["loss"]["c"] == "auto"


@pytest.mark.parametrize(("fitted", "scaled"), [(True, False), (False, True)])
def test_learning_rates_by_layer_stay_with_their_layers(fitted, scaled):
    model = trained("ab")
    factors = {"mlp_dense_0": 0.0, "b": 0.1}
    optimizer = layerwise_optimizer(keras.optimizers.SGD(0.1), model, factors)
    model.compile(keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer)
    if fitted:
        model.fit(X, {task: Y[task] for task in "ab"}, verbose=0)
    smaller = remove_head(add_head(model, "c", HEADS["c"]()), "b")
    before = smaller.get_weights()
    smaller.fit(X, {"a": Y["a"], "c": Y["c"]}, verbose=0)
    changed = [(a != b).any() for a, b in zip(before, smaller.get_weights(), strict=True)]
    assert changed == [False, False, True, True, True, True]
    frozen = add_head(model, "c", HEADS["c"](), freeze=True)
    frozen.fit(X, Y, verbose=0)
    optimizer = frozen.optimizer.inner_optimizer if scaled else frozen.optimizer
    assert optimizer.groups == []


def test_weightings_start_anew_and_say_when_they_do_not_fit():
    model = trained("ab", loss_weights="uncertainty")
    larger = add_head(model, "c", HEADS["c"]())
    larger.fit(X, Y, verbose=0)
    assert larger.weighting is not model.weighting
    model = trained("ab", aggregator=aggregators.UPGrad(preference={"a": 1.0, "b": 2.0}))
    with pytest.raises(ValueError, match="compile=False"):
        add_head(model, "c", HEADS["c"]())


def test_a_head_is_removed(tmp_path):
    model = trained("abc")
    before = predictions(model)
    smaller = remove_head(model, "b")
    assert smaller.tasks == ["a", "c"]
    assert equal(before, predictions(smaller), "ac")
    assert "b" not in {layer.name for layer in smaller.layers}
    smaller.fit(X, {"a": Y["a"], "c": Y["c"]}, verbose=0)
    assert equal(predictions(smaller), predictions(reloaded(smaller, tmp_path)), "ac")
    assert predictions(model).keys() == {"a", "b", "c"}


class Counting(MultiTaskModel):
    """A model with a step of its own."""

    def train_step(self, data):
        return {**super().train_step(data), "one": 1.0}


def test_a_subclass_stays_one():
    model = build_model(keras.Input((4,)), [3], {task: HEADS[task]() for task in "ab"})
    own = Counting(model.input, model.task_outputs)
    own.compile("adam")
    larger = add_head(own, "c", HEADS["c"]())
    assert larger.fit(X, Y, verbose=0).history["one"] == [1.0]
    other = build_model(keras.Input((4,)), [3], {"c": HEADS["c"]()})
    assert [type(each) for each in (remove_head(larger, "b"), merge_heads(own, other))] == (
        [Counting, Counting]
    )


def test_inputs_of_a_removed_head_go_with_it():
    inputs = {name: keras.Input((4,), name=name) for name in ("x", "z")}
    outputs = {
        "a": keras.layers.Dense(1, name="a")(inputs["x"]),
        "b": keras.layers.Dense(1, name="b")(inputs["z"]),
    }
    smaller = remove_head(MultiTaskModel(inputs, outputs), "b")
    assert [tensor.name for tensor in smaller.inputs] == ["x"]


def test_added_heads_of_layers_and_on_named_features():
    model = trained("ab", trunks.MMoE(expert=[5], num_experts=2))
    with pytest.raises(ValueError, match="2 different features"):
        add_head(model, "c", HEADS["c"]())
    larger = add_head(model, "c", keras.layers.Dense(3, name="c"), features="a")
    assert not larger.compiled  # a layer has no loss of its own
    features = [larger.get_layer(task)._inbound_nodes[-1].input_tensors[0] for task in ("a", "c")]
    assert features[0] is features[1]
    other = add_head(model, "c", HEADS["c"](), features="x")
    assert other.heads["c"].weights[0].shape == (4, 3)
    with pytest.raises(ValueError, match="task or layer in `features`"):
        add_head(model, "c", HEADS["c"](), features="y")
    with pytest.raises(ValueError, match="has a task 'a' already"):
        add_head(model, "a", heads.Regression())


def test_heads_and_features_that_are_not_clear():
    model = build_model(keras.Input((4,)), trunks.SoftSharing([3]), {t: HEADS[t]() for t in "ab"})
    with pytest.raises(ValueError, match="'soft_sharing' has 2 outputs, of one call or several"):
        add_head(model, "c", HEADS["c"](), features="soft_sharing")
    with pytest.raises(ValueError, match="task 'c' is called 'a', as is an input or a layer"):
        add_head(model, "c", model.heads["a"], features="a")
    with pytest.raises(ValueError, match="task 'c' is the class Regression"):
        add_head(model, "c", heads.Regression, features="a")
    inputs = keras.Input((4,))
    plain = keras.Model(inputs, keras.layers.Dense(2)(inputs))
    with pytest.raises(TypeError, match=r"MultiTaskModel\(model.input"):
        add_head(plain, "c", HEADS["c"]())


def test_only_some_tasks_are_trained():
    model = trained("abc", trunks.HardSharing(trunks.MLP([6]), towers=[5]))
    train_only(model, ["a", "c"])
    names = {variable.path.split("/")[0] for variable in model.trainable_variables}
    assert names == {"a_tower_dense_0", "a", "c_tower_dense_0", "c"}
    trunks.set_trainable(model, True)
    assert len(model.trainable_variables) == 14
    inputs = keras.Input((4,))
    output = keras.layers.Dense(1)(inputs)
    twice = MultiTaskModel(inputs, {"a": output, "b": output})
    with pytest.raises(ValueError, match="no layer with weights of their own"):
        train_only(twice, "a")


def test_some_tasks_of_a_frozen_model_are_trained():
    model = trained("ab")
    model.trainable = False
    train_only(model, "a")
    assert [v.path for v in model.trainable_variables] == ["a/value/kernel", "a/value/bias"]


@pytest.mark.parametrize("trunk", ["first", "second"])
def test_heads_of_two_models_on_one_trunk(trunk, tmp_path):
    first, second = trained("ab"), trained("c", metrics={"c": ["accuracy"]})
    before = {**predictions(first), **predictions(second)}
    merged = merge_heads(first, second, trunk)
    assert merged.tasks == ["a", "b", "c"]
    kept, moved = ("ab", "c") if trunk == "first" else ("c", "ab")
    assert equal(before, predictions(merged), kept)
    assert not equal(before, predictions(merged), moved)  # other features
    merged.fit(X, Y, verbose=0)
    assert equal(predictions(merged), predictions(reloaded(merged, tmp_path)), "abc")
    smaller = merge_heads(trained("a"), second, compile=False)
    smaller.get_layer("mlp_dense_0").set_weights(second.get_layer("mlp_dense_0").get_weights())
    # The same trunk: the same answers.
    assert equal(predictions(second), predictions(smaller), "c")


def network(units=5, activation="relu"):
    inputs = keras.Input((4,))
    hidden = keras.layers.Dense(units, activation=activation)(inputs)
    return keras.Model(inputs, keras.layers.BatchNormalization()(hidden))


def test_trunks_that_are_models_merge_and_others_are_refused():
    first, second = trained("a", network()), trained("b", network())
    assert merge_heads(first, second).tasks == ["a", "b"]
    for other in (network(4), network(activation="tanh"), trunks.MLP([5, 5]), trunks.MLP([5])):
        with pytest.raises(ValueError, match="not built alike"):
            merge_heads(first, trained("b", other))
    with pytest.raises(ValueError, match="Both models have the tasks"):
        merge_heads(first, trained("ab", network()))
    with pytest.raises(ValueError, match="'first' or 'second'"):
        merge_heads(first, second, trunk="both")


def wrapped(activation):
    """A layer around a Sequential, which have names of Keras' in their configs."""

    def trunk(inputs):
        inside = keras.Sequential([keras.layers.Dense(2, activation=activation)])
        steps = keras.layers.Reshape((4, 1))(inputs)
        return keras.layers.Flatten()(keras.layers.TimeDistributed(inside)(steps))

    return trunk


def test_names_within_layers_do_not_count():
    first = trained("a", keras.Sequential([keras.layers.Dense(3)]))
    second = trained("b", keras.Sequential([keras.layers.Dense(3)]))
    assert merge_heads(first, second).tasks == ["a", "b"]
    first = trained("a", wrapped("relu"))
    assert merge_heads(first, trained("b", wrapped("relu"))).tasks == ["a", "b"]
    with pytest.raises(ValueError, match="not built alike"):
        merge_heads(first, trained("b", wrapped("tanh")))


def test_experts_are_not_taken_for_each_other():
    """Two equal experts on one input and one expert read twice are not the same trunk."""

    def trunk(experts):
        def join(inputs):
            layers = [keras.layers.Dense(3) for _ in range(experts)]
            return keras.layers.Add()([layers[0](inputs), layers[-1](inputs)])

        return join

    with pytest.raises(ValueError, match="not built alike"):
        merge_heads(trained("a", trunk(2)), trained("b", trunk(1)))
    assert merge_heads(trained("a", trunk(2)), trained("b", trunk(2))).tasks == ["a", "b"]


def test_warm_start_copies_by_name_and_shape(tmp_path):
    single = trained("a")
    single.save(tmp_path / "single.keras")
    for source in (single, tmp_path / "single.keras"):
        model = trained("abc")
        head = np.array(model.heads["b"].weights[0])
        report = warm_start(model, source)
        assert report.copied == ["mlp_dense_0", "a"]
        assert report.missing == ["b", "c"]
        assert not report.unused
        assert not report.other_shapes
        assert equal(predictions(single), predictions(model), "a")
        assert (np.array(model.heads["b"].weights[0]) == head).all()
    wider = trained("ab", trunks.MLP([6, 7]))
    report = warm_start(wider, trained("ac"))
    assert report.copied == ["mlp_dense_0"]
    assert report.other_shapes == {"a": ([(7, 1), (1,)], [(6, 1), (1,)])}
    assert report.missing == ["mlp_dense_1", "b"]
    assert report.unused == ["c"]


def test_warm_start_within_models(tmp_path):
    body = network()
    single = trained("a", body)
    bare = network()
    names = {layer.name: layer for layer in body.layers}
    for layer, other in zip(bare.layers, names, strict=True):
        layer.name = other
    report = warm_start(trained("ab", bare), single)
    assert len(report.copied) == 3
    with pytest.raises(ValueError, match="No layer of the source"):
        warm_start(trained("b", trunks.MLP([3])), single)
    with pytest.raises(ValueError, match="no file"):
        warm_start(single, tmp_path / "none.keras")
    single.save_weights(tmp_path / "single.weights.h5")
    with pytest.raises(ValueError, match="another kind of file"):
        warm_start(single, tmp_path / "single.weights.h5")


class Scaled(keras.Model):
    """A model with a weight that is in none of its layers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(6, name="inside")
        self.scale = self.add_weight(shape=(6,), initializer="random_normal", name="scale")

    def call(self, inputs):
        return self.dense(inputs) * self.scale


def test_warm_start_of_adapted_normalization():
    x = np.random.default_rng(0).normal(3, 5, (32, 4)).astype("float32")

    def made(rows):
        normal = keras.layers.Normalization(name="normal")
        normal.adapt(rows)
        return build_model(normal(keras.Input((4,))), [3], {"a": heads.Regression()})

    source, model = made(x), made(x + 100)
    assert "normal" in warm_start(model, source).copied
    np.testing.assert_array_equal(np.array(model(x)["a"]), np.array(source(x)["a"]))


def test_warm_start_with_other_vocabularies_is_told(recwarn):
    def made(words):
        lookup = keras.layers.StringLookup(vocabulary=words, name="lookup")
        numbers = lookup(keras.Input((1,), dtype="string"))
        body = keras.layers.Embedding(3, 2, name="embedding")(numbers)
        return build_model(keras.layers.Flatten()(body), [3], {"a": heads.Regression()})

    assert "embedding" in warm_start(made(["no", "yes"]), made(["no", "yes"])).copied
    assert not recwarn.list
    with pytest.warns(UserWarning, match=r"\['lookup'\] have other vocabularies"):
        warm_start(made(["no", "yes"]), made(["yes", "no"]))
    with pytest.raises(TypeError, match="Received: ndarray"):
        warm_start(made(["no", "yes"]), X)


def test_warm_start_of_weights_beside_the_layers():
    first, second = trained("a", Scaled(name="scaled")), trained("a", Scaled(name="scaled"))
    report = warm_start(second, first)
    assert sorted(report.copied) == ["a", "inside", "scaled"]
    assert equal(predictions(first), predictions(second), "a")
    alone, other = Scaled(), Scaled()
    for model in (alone, other):
        model(X)
    assert warm_start(other, alone).copied == ["(model)", "inside"]
    np.testing.assert_array_equal(other(X), alone(X))


def test_warm_start_of_experts_that_are_copies():
    inputs = keras.Input((4,))
    expert = keras.Model(inputs, keras.layers.Dense(3, name="inside")(inputs))
    first, second = (trained("ab", trunks.MMoE(expert, num_experts=2)) for _ in range(2))
    report = warm_start(second, first)
    assert {"expert_0/inside", "expert_1/inside", "gate_a", "a"} <= set(report.copied)
    assert not report.missing
    assert equal(predictions(first), predictions(second), "ab")
