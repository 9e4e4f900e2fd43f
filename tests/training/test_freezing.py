"""Frozen layers, layers that are freed one after the other, and learning rates by layer."""

import keras
import numpy as np
import pytest

from tf_mtl import MultiTaskModel, aggregators, build_model, heads, trunks
from tf_mtl.training import (
    GradualUnfreezing,
    LayerwiseOptimizer,
    layer_decay,
    layerwise_optimizer,
)


def network():
    """Three blocks of a dense layer and batch normalisation."""
    inputs = x = keras.Input((4,))
    for name in ("low", "middle", "top"):
        x = keras.layers.Dense(5, activation="tanh", name=name)(x)
        x = keras.layers.BatchNormalization(name=f"{name}_norm")(x)
    return keras.Model(inputs, x, name="body")


def model_of(optimizer="adam", body=None, **arguments):
    model = build_model(
        keras.Input((4,), name="x"),
        network() if body is None else body,
        {"a": heads.Regression(), "b": heads.BinaryClassification()},
    )
    if optimizer is not None:
        model.compile(optimizer, **arguments)
    return model


def data(rows=32):
    random = np.random.default_rng(0)
    x = random.normal(size=(rows, 4)).astype("float32")
    return x, {"a": x[:, :1] * 2, "b": (x[:, 1] > 0).astype(int)}


def state(model):
    body = model.get_layer("body")
    return {
        layer.name: [np.array(weight) for weight in layer.weights]
        for layer in [*body.layers, *model.layers]
        if layer.weights and layer is not body
    }


def changed(before, after):
    return {
        name
        for name in before
        if any((first != last).any() for first, last in zip(before[name], after[name], strict=True))
    }


class Watch(keras.callbacks.Callback):
    """Keeps the weights at the beginning and the end of each epoch."""

    def on_train_begin(self, logs=None):
        self.states = [state(self.model)]

    def on_epoch_end(self, epoch, logs=None):
        self.states.append(state(self.model))

    def changes(self):
        return [changed(*pair) for pair in zip(self.states, self.states[1:], strict=False)]


HEADS = {"a", "b"}
TOP = HEADS | {"top", "top_norm"}
ALL = TOP | {"low", "low_norm", "middle", "middle_norm"}


@pytest.mark.parametrize(
    ("trainable", "expected"),
    [(True, ALL), (False, HEADS), (1, HEADS | {"top_norm"}), (2, TOP), ("top", TOP), (0, HEADS)],
    ids=["all", "none", "1", "2", "from a name", "0"],
)
def test_layers_are_frozen_by_number_or_name_also_after_saving(trainable, expected, tmp_path):
    body = network()
    trunks.set_trainable(body, trainable)
    model = model_of(body=body)
    x, y = data()
    before = state(model)
    model.fit(x, y, verbose=0)
    assert changed(before, state(model)) == expected
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    before = state(loaded)
    loaded.fit(x, y, verbose=0)
    assert changed(before, state(loaded)) == expected
    trunks.set_trainable(body, True)
    assert {v.path for v in body.trainable_variables} == {
        v.path for v in network().trainable_variables
    }


class Subclassed(keras.Model):
    """A model whose config does not hold its layers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(3, name="dense")

    def call(self, inputs):
        return self.dense(inputs)


class Named(keras.Model):
    """A functional model whose config holds its name alone, as those of KerasHub."""

    def __init__(self, **kwargs):
        inputs = keras.Input((4,))
        super().__init__(inputs, keras.layers.Dense(3)(inputs), **kwargs)

    def get_config(self):
        return {"name": self.name, "trainable": self.trainable}


def names_of(model):
    return [variable.path for variable in model.trainable_variables]


@pytest.mark.parametrize("made", [Subclassed, Named])
def test_what_is_frozen_is_frozen_inside_also_after_saving(made, tmp_path):
    body = made()
    tasks = {"a": heads.Regression(trainable=False), "b": heads.BinaryClassification()}
    model = build_model(keras.Input((4,)), body, tasks)
    trunks.set_trainable(body, False)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", {made.__name__: made})
    assert names_of(model) == names_of(loaded) == ["b/probability/kernel", "b/probability/bias"]
    assert not [name for name in names_of(keras.models.clone_model(model)) if "value" in name]


@pytest.mark.parametrize("made", [Subclassed, Named])
@pytest.mark.parametrize("frozen", [True, False])
def test_parts_of_frozen_layers_may_be_trained_as_in_keras_also_after_saving(
    made, frozen, tmp_path
):
    body = made()
    body.trainable = not frozen
    body.layers[-1].trainable = frozen
    model = build_model(keras.Input((4,)), body, {"a": heads.Regression()})
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", {made.__name__: made})
    shapes = [(4, 3), (3,)] * frozen + [(3, 1), (1,)]
    for each in (model, loaded):
        assert [variable.shape for variable in each.trainable_variables] == shapes


def test_layers_to_be_trained_that_are_not_there():
    with pytest.raises(ValueError, match="from 0 to 6"):
        trunks.set_trainable(network(), 7)
    with pytest.raises(ValueError, match="Did you mean 'middle'"):
        trunks.set_trainable(network(), "midle")


def model_of_copies():
    """Returns a model with two experts that are copies of one network."""
    inputs = keras.Input((4,))
    low = keras.layers.Dense(3, name="low")(inputs)
    expert = keras.Model(inputs, keras.layers.Dense(2, name="high")(low))
    return build_model(
        keras.Input((4,)), trunks.MMoE(expert, num_experts=2), {"a": heads.Regression()}
    )


def test_a_name_of_several_layers_is_not_clear():
    model = model_of_copies()
    with pytest.raises(ValueError, match="2 layers called 'high'"):
        trunks.set_trainable(model, "high")
    trunks.set_trainable(model.get_layer("expert_0"), "high")
    frozen = [each.path for each in model.variables if not each.trainable]
    assert len(frozen) == 2


def test_a_factor_is_for_all_layers_of_the_name():
    model = model_of_copies()
    optimizer = layerwise_optimizer("sgd", model, {"high": 0.0, "expert_1": 0.5})
    assert [(factor, len(numbers)) for factor, numbers in optimizer.groups] == [(0.0, 4), (0.5, 2)]
    assert layer_decay(model, 0.5) == {"gate_a": 0.125, "low": 0.25, "high": 0.5, "a": 1.0}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"run_eagerly": True},
        {"jit_compile": True},
        {"steps_per_execution": 2},
        {"loss_weights": "uncertainty"},
        {"aggregator": "upgrad"},
        {"aggregator": aggregators.MGDA(wrt="features")},
        {"aggregator": aggregators.UPGrad(every=2)},
    ],
    ids=["plain", "eager", "xla", "several", "weighting", "exact", "features", "spared"],
)
def test_layers_join_by_epochs(arguments):
    model = model_of(**arguments)
    x, y = data()
    watch = Watch()
    schedule = GradualUnfreezing({1: 2, 2: 2, 3: True})
    model.fit(x, y, batch_size=8, epochs=4, verbose=0, callbacks=[schedule, watch])
    assert watch.changes() == [HEADS, TOP, TOP, ALL]
    before = state(model)
    model.fit(x, y, verbose=0)  # without the callback everything is trained
    assert changed(before, state(model)) == ALL


def test_each_network_has_a_schedule_of_its_own():
    inputs = keras.Input((4,), name="x")
    first, second = (
        keras.Sequential([keras.layers.Dense(3, name=f"{name}_dense")], name=name)
        for name in ("first", "second")
    )
    both = keras.layers.Concatenate()([first(inputs), second(inputs)])
    outputs = {"a": heads.Regression()(both), "b": heads.BinaryClassification()(both)}
    model = MultiTaskModel(inputs, outputs)
    model.compile("adam")
    x, y = data()
    schedules = [
        GradualUnfreezing({0: False, 2: True}, network="first"),
        GradualUnfreezing({0: False, 1: True}, network="second"),
    ]
    seen = []

    class Kernels(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append([np.array(each.layers[0].kernel) for each in (first, second)])

    start = [np.array(each.layers[0].kernel) for each in (first, second)]
    model.fit(x, y, epochs=3, verbose=0, callbacks=[*schedules, Kernels()])
    steps = zip([start, *seen], seen, strict=False)
    moved = [tuple((b != a).any() for b, a in zip(*each, strict=True)) for each in steps]
    assert moved == [(False, False), (False, True), (True, True)]


def test_steps_with_layers_held_back_are_those_of_a_frozen_network():
    """Difference 0.0, batch normalisation and Adam's means included."""
    x, y = data()
    frozen = network()
    trunks.set_trainable(frozen, 2)
    plain, held = (
        model_of(keras.optimizers.Adam(0.01), frozen),
        model_of(keras.optimizers.Adam(0.01)),
    )
    held.set_weights(plain.get_weights())
    plain.fit(x, y, epochs=3, verbose=0, shuffle=False)
    schedule = GradualUnfreezing({0: 2}, network="body")
    held.fit(x, y, epochs=3, verbose=0, shuffle=False, callbacks=[schedule])
    first, second = state(plain), state(held)
    assert not changed(first, second)


def test_saved_on_the_way_and_resumed(tmp_path):
    x, y = data()
    whole = model_of(keras.optimizers.Adam(0.01))
    begun = model_of(keras.optimizers.Adam(0.01))
    begun.set_weights(whole.get_weights())

    def run(model, first, last):
        model.fit(
            x, y, batch_size=8, shuffle=False, verbose=0, initial_epoch=first, epochs=last,
            callbacks=[
                keras.callbacks.ModelCheckpoint(tmp_path / "last.keras", monitor="loss"),
                GradualUnfreezing({0: False, 1: 2, 3: True}),
            ],
        )  # fmt: skip

    run(whole, 0, 5)
    run(begun, 0, 2)
    resumed = keras.models.load_model(tmp_path / "last.keras")
    run(resumed, 2, 5)
    assert not changed(state(whole), state(resumed))


@pytest.mark.parametrize("later", ["fit", "train_on_batch"])
def test_an_interrupted_call_leaves_nothing_behind(later):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    model = model_of()
    x, y = data()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, verbose=0, callbacks=[GradualUnfreezing({0: False}), Stop()])
    before = state(model)
    if later == "fit":
        model.fit(x, y, verbose=0)
    else:
        model.train_on_batch(x, y)
    assert changed(before, state(model)) == ALL


def test_keras_models_of_one_output_and_mixed_precision():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        inputs = keras.Input((4,))
        model = keras.Model(inputs, keras.layers.Dense(1, dtype="float32")(network()(inputs)))
    finally:
        keras.config.set_dtype_policy("float32")
    model.compile("adam", "mse")
    x, y = data()
    before = state(model)
    model.fit(x, y["a"], verbose=0, callbacks=[GradualUnfreezing({0: 2})])
    assert changed(before, state(model)) - HEADS == {"top", "top_norm", model.layers[-1].name}


@pytest.mark.parametrize(
    ("schedule", "message"),
    [({}, "empty"), ([1], "dictionary"), ({-1: True}, "whole num"), ({"1": True}, "whole num")],
    ids=str,
)
def test_schedules_are_checked(schedule, message):
    with pytest.raises(ValueError, match=message):
        GradualUnfreezing(schedule)


def test_what_cannot_be_freed_gradually_is_refused():
    x, y = data()
    frozen = network()
    frozen.trainable = False
    with pytest.raises(ValueError, match="compiled with it frozen"):
        model_of(body=frozen).fit(x, y, callbacks=[GradualUnfreezing({1: 1})])
    with pytest.raises(ValueError, match="Did you mean 'body'"):
        model_of().fit(x, y, callbacks=[GradualUnfreezing({1: 1}, network="bodi")])
    for aggregator in ("moco", aggregators.UPGrad(groups="layer")):
        with pytest.raises(ValueError, match="layers that come and go"):
            model_of(aggregator=aggregator).fit(x, y, callbacks=[GradualUnfreezing({1: 1})])


SCALED = {"class_name": "sgd", "config": {"learning_rate": 0.1, "loss_scale_factor": 4.0}}


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "rmsprop", SCALED], ids=str)
def test_factors_of_one_are_the_optimizer_itself(optimizer):
    x, y = data()
    plain, layerwise = model_of(optimizer), model_of(None)
    layerwise.set_weights(plain.get_weights())
    layerwise.compile(layerwise_optimizer(optimizer, layerwise, {"body": 1.0, "a": 1.0}))
    for model in (plain, layerwise):
        model.fit(x, y, epochs=2, shuffle=False, verbose=0)
    pairs = zip(plain.get_weights(), layerwise.get_weights(), strict=True)
    assert max(abs(first - second).max() for first, second in pairs) < 1e-6


def test_factors_multiply_steps_also_of_weight_decay():
    x, y = data()
    model = model_of(None)
    before = state(model)
    rate = keras.optimizers.schedules.PiecewiseConstantDecay([100], [0.1, 0.0])
    optimizer = keras.optimizers.SGD(rate, weight_decay=0.5)
    model.compile(layerwise_optimizer(optimizer, model, {"body": 0.5, "low": 0.0, "a": 0.25}))
    reference = model_of(None)
    reference.set_weights(model.get_weights())
    reference.compile(keras.optimizers.SGD(rate, weight_decay=0.5))
    for each in (model, reference):
        each.train_on_batch(x, y)
    after, usual = state(model), state(reference)
    for name, factor in (("low", 0.0), ("top", 0.5), ("a", 0.25), ("b", 1.0)):
        expected = before[name][0] + factor * (usual[name][0] - before[name][0])
        np.testing.assert_allclose(after[name][0], expected, atol=1e-6)


def test_one_learning_rate_for_callbacks():
    x, y = data()
    model = model_of(None)
    model.compile(layerwise_optimizer("sgd", model, {"body": 0.5}))
    scheduler = keras.callbacks.LearningRateScheduler(lambda epoch: 0.0)
    before = state(model)
    history = model.fit(x, y, verbose=0, callbacks=[scheduler])
    moved = changed(before, state(model))
    assert moved == {"low_norm", "middle_norm", "top_norm"}  # their statistics
    assert history.history["learning_rate"] == [0.0]


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_training_goes_on_after_loading(policy, tmp_path):
    x, y = data()
    keras.config.set_dtype_policy(policy)
    try:
        model = model_of(None)
    finally:
        keras.config.set_dtype_policy("float32")
    factors = layer_decay(model.get_layer("body"), 0.5)
    assert list(factors.values()) == [0.5**i for i in (5, 4, 3, 2, 1, 0)]
    model.compile(layerwise_optimizer("adam", model, factors), aggregator="upgrad")
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for each in (model, loaded):
        each.fit(x, y, epochs=2, shuffle=False, verbose=0)
    assert not changed(state(model), state(loaded))
    inner = getattr(loaded.optimizer, "inner_optimizer", loaded.optimizer)
    assert isinstance(inner, LayerwiseOptimizer)


def first_step(optimizer):
    """Size of the first step of `top` after 30 epochs without it, over the learning rate."""
    x, y = data(8)
    model = model_of(None)
    if optimizer == "groups":
        optimizer = layerwise_optimizer("adam", model, {"top": 1.0, "body": 1.0})
    model.compile(optimizer)
    watch = Watch()
    model.fit(x, y, epochs=31, verbose=0, callbacks=[GradualUnfreezing({30: "top"}), watch])
    step = watch.states[-1]["top"][0] - watch.states[-2]["top"][0]
    return abs(step).max() / 0.001


def test_groups_count_their_own_steps():
    assert first_step("groups") == pytest.approx(1.0, rel=1e-2)
    assert first_step("adam") < 0.6  # and too long after more steps


def test_factors_are_checked():
    model = model_of(None)
    with pytest.raises(ValueError, match="Did you mean 'body'"):
        layerwise_optimizer("adam", model, {"bodi": 1.0})
    with pytest.raises(ValueError, match="at least 0"):
        layerwise_optimizer("adam", model, {"body": -1.0})
    with pytest.raises(ValueError, match="clipnorm"):
        layerwise_optimizer(keras.optimizers.Adam(global_clipnorm=1.0), model, {"body": 1.0})
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam())
    with pytest.raises(ValueError, match=r"LossScaleOptimizer\(layerwise_optimizer"):
        layerwise_optimizer(scaled, model, {"body": 1.0})
    with pytest.raises(TypeError, match="The optimizer comes first"):
        layerwise_optimizer(model, "adam", {"body": 1.0})
    with pytest.raises(ValueError, match="rate"):
        layer_decay(model, 0.0)
    with pytest.raises(ValueError, match="rate='half'"):
        layer_decay(model, "half")
    used = keras.optimizers.Adam()
    used.build(model.trainable_variables)
    with pytest.raises(ValueError, match="in use already"):
        layerwise_optimizer(used, model, {"body": 1.0})


def layers_of_the_same_names():
    """Returns a body with two variables of each path."""
    inputs = keras.Input((4,))
    branches = []
    for name in ("left", "right"):
        inside = keras.Input((4,))
        dense = keras.layers.Dense(2, name="dense")(inside)
        branches.append(keras.Model(inside, dense, name=name)(inputs))
    return keras.Model(inputs, keras.layers.Concatenate()(branches), name="body")


@pytest.mark.parametrize(
    ("make", "layer"),
    [
        (lambda: keras.Sequential([keras.Input((4,)), *network().layers[1:]], name="body"), "top"),
        (lambda: keras.Sequential(network().layers[1:], name="body"), "low"),
        (layers_of_the_same_names, "right"),
    ],
)
@pytest.mark.parametrize("trained", [True, False])
# Keras says so of every optimizer that was saved before it was used.
@pytest.mark.filterwarnings("ignore:Skipping variable loading for optimizer")
def test_a_loaded_model_keeps_its_rates(make, layer, trained, tmp_path):
    x, y = data()
    model = model_of(None, make())
    model.compile(layerwise_optimizer("adam", model, {layer: 0.0, "a": 0.5}))
    if trained:
        model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    before = loaded.get_layer("body").get_layer(layer).get_weights()
    for each in (model, loaded):
        each.fit(x, y, epochs=2, shuffle=False, verbose=0)
    pairs = zip(model.get_weights(), loaded.get_weights(), strict=True)
    assert all(np.array_equal(first, second) for first, second in pairs)
    still = loaded.get_layer("body").get_layer(layer).get_weights()
    assert all(np.array_equal(first, second) for first, second in zip(before, still, strict=True))


def test_rates_of_a_network_that_is_not_trained_are_refused():
    """They were none, and so all layers had the full rate when they were freed later."""
    body = network()
    trunks.set_trainable(body, False)
    for each in (body, keras.Sequential([keras.layers.Dense(3)])):
        with pytest.raises(ValueError, match="is frozen, or not built yet"):
            layer_decay(each, 0.5)


def test_a_group_that_is_not_trained_is_named():
    model = model_of(None)
    optimizer = layerwise_optimizer("adam", model, {"low": 0.5})
    model.get_layer("body").get_layer("low").trainable = False
    model.compile(optimizer)
    with pytest.raises(ValueError, match="Freeze layers first"):
        model.fit(*data(), verbose=0)
