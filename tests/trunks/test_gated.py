"""Mixtures of experts against their formulas, and experts of any kind."""

import keras
import numpy as np
import pytest

from tf_mtl import build_model, heads, trunks
from tf_mtl.trunks.hard_concrete import HardConcreteGate
from tf_mtl.trunks.sparse_gate import SparseGate

TASKS = ["a", "b"]


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(16, 5)).astype("float32")


def features_of(trunk, shape=(5,), tasks=TASKS):
    """A Keras model from inputs to `{task: features}`."""
    inputs = keras.Input(shape, name="x")
    return keras.Model(inputs, trunk(inputs, tasks))


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def expert(model, name, x):
    kernel, bias = model.get_layer(f"{name}_dense_0").get_weights()
    return np.maximum(x @ kernel + bias, 0)


def gate(model, name, x):
    return softmax(x @ model.get_layer(name).get_weights()[0])


def mixed(gates, outputs):
    return np.einsum("be,ebd->bd", gates, np.stack(outputs))


def test_mmoe_is_its_formula(x):
    model = features_of(trunks.MMoE([4], num_experts=3))
    experts = [expert(model, f"expert_{i}", x) for i in range(3)]
    for task, found in model.predict(x, verbose=0).items():
        expected = mixed(gate(model, f"gate_{task}", x), experts)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_ple_is_its_formula(x):
    model = features_of(trunks.PLE([[4], [3]], num_experts=1, num_shared_experts=1))

    def level(number, seen, shared):
        own = {t: expert(model, f"level_{number}_expert_{t}_0", seen[t]) for t in TASKS}
        common = expert(model, f"level_{number}_shared_expert_0", shared)
        tasks = {
            t: mixed(gate(model, f"level_{number}_gate_{t}", seen[t]), [own[t], common])
            for t in TASKS
        }
        if number:
            return tasks, None
        every = [*own.values(), common]
        return tasks, mixed(gate(model, "level_0_shared_gate", shared), every)

    expected, _ = level(1, *level(0, dict.fromkeys(TASKS, x), x))
    for task, found in model.predict(x, verbose=0).items():
        np.testing.assert_allclose(found, expected[task], rtol=1e-5, atol=1e-6)


def test_ple_of_one_level_is_cgc(x):
    ple = features_of(trunks.PLE([4], num_levels=1))
    cgc = features_of(trunks.CGC([4]))
    cgc.set_weights(ple.get_weights())
    for task, found in ple.predict(x, verbose=0).items():
        np.testing.assert_array_equal(found, cgc.predict(x, verbose=0)[task])


def test_a_single_expert_has_no_gate(x):
    model = features_of(trunks.MMoE([4], num_experts=1))
    assert not [layer.name for layer in model.layers if "gate" in layer.name]
    for found in model.predict(x, verbose=0).values():
        np.testing.assert_allclose(found, expert(model, "expert_0", x), rtol=1e-5)


def test_snr_is_its_formula(x):
    model = features_of(trunks.SNR([4], num_experts=2, num_levels=1))
    experts = [expert(model, f"level_0_expert_{i}", x) for i in range(2)]
    for task, found in model.predict(x, verbose=0).items():
        log_alpha = model.get_layer(f"gate_{task}").get_weights()[0]
        z = np.clip(1.2 / (1 + np.exp(-log_alpha)) - 0.1, 0, 1)
        kernels = [model.get_layer(f"transform_{task}_{i}").get_weights()[0] for i in (0, 1)]
        expected = sum(z[i] * experts[i] @ kernels[i] for i in (0, 1))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


class TestSparseGate:
    @pytest.mark.parametrize("num_experts", [2, 3, 4, 5, 7])
    @pytest.mark.parametrize("per_example", [True, False])
    def test_values_are_shares(self, x, num_experts, per_example):
        layer = SparseGate(num_experts, num_selected=2, per_example=per_example)
        found = np.array(layer(x))
        assert found.shape == (16, num_experts)
        assert (found >= 0).all()
        np.testing.assert_allclose(found.sum(axis=-1), 1, rtol=1e-6)

    def test_formula(self):
        layer = SparseGate(4, num_selected=2, per_example=False)
        layer.build((None, 5))
        z = np.array([[0.1, -0.3], [0.5, -0.5]])
        layer.set_weights([z.reshape(-1), np.array([0.2, 1.0])])
        step = np.clip(-2 * z**3 + 1.5 * z + 0.5, 0, 1)
        digits = [(0, 0), (1, 0), (0, 1), (1, 1)]
        r = [[np.prod(np.where(d, s, 1 - s)) for d in digits] for s in step]
        expected = softmax(np.array([0.2, 1.0])) @ np.array(r)
        np.testing.assert_allclose(np.array(layer(np.ones((3, 5)))), [expected] * 3, rtol=1e-5)

    @pytest.mark.parametrize("num_experts", [4, 6])
    def test_settled_selectors_pick_k_experts(self, x, num_experts):
        layer = SparseGate(num_experts, num_selected=2)
        layer.build((None, 5))
        layer.set_weights([1e6 * weight for weight in layer.get_weights()])
        assert ((np.array(layer(x)) > 1e-6).sum(axis=-1) <= 2).all()

    def test_the_entropy_is_a_loss_and_falls(self, x):
        layer = SparseGate(4, per_example=False, entropy_regularization=0.5)
        layer(x)
        (first,) = layer.losses
        layer.set_weights([100 * np.ones_like(weight) for weight in layer.get_weights()])
        layer(x)
        assert float(first) == pytest.approx(0.5 * 2 * np.log(4), rel=1e-2)
        assert float(layer.losses[0]) == 0.0

    def test_gradients_are_finite_where_selectors_have_settled(self, x):
        inputs = keras.Input((5,))
        layer = SparseGate(3, entropy_regularization=0.1)
        model = keras.Model(inputs, keras.layers.Dense(1)(layer(inputs)))
        layer.set_weights([1e6 * weight for weight in layer.get_weights()])
        model.compile("sgd", "mse")
        model.train_on_batch(x, x[:, 0])
        assert all(np.isfinite(weight).all() for weight in model.get_weights())

    def test_half_precision_trains_selectors_that_have_almost_settled(self, x):
        """The entropy's gradient at small shares, 1 / share, does not exist in float16."""
        moved = []
        for dtype in ("float32", "mixed_float16"):
            inputs = keras.Input((5,))
            layer = SparseGate(
                4, 1, per_example=False, entropy_regularization=0.1, dtype=dtype, name="gate"
            )
            model = keras.Model(inputs, keras.layers.Dense(1, use_bias=False)(layer(inputs)))
            start = np.array([-0.49, -0.48])
            layer.set_weights([start])
            optimizer = keras.optimizers.SGD(0.01)
            if dtype == "mixed_float16":
                optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
            model.compile(optimizer, "mse")
            model.set_weights([start, np.zeros((4, 1))])
            model.train_on_batch(x, 0 * x[:, 0])
            moved.append(layer.get_weights()[0] - start)
        assert np.abs(moved[0]).min() > 1e-4
        np.testing.assert_allclose(moved[1], moved[0], rtol=0.05)


class TestHardConcreteGate:
    def test_draws_are_those_of_the_distribution(self):
        """P(z = 0) and P(z = 1) in closed form."""
        layer = HardConcreteGate(4000)
        layer.build((None, 1))
        layer.set_weights([np.full(4000, 0.5)])
        z = np.array(layer(np.ones((1, 1)), training=True))[0]
        opened = 1 / (1 + np.exp(-(0.5 - 2 / 3 * np.log(0.1 / 1.1))))
        whole = 1 / (1 + np.exp(-(0.5 - 2 / 3 * np.log(1.1 / 0.1))))
        assert (z > 0).mean() == pytest.approx(opened, abs=0.02)
        assert (z == 1).mean() == pytest.approx(whole, abs=0.02)

    def test_the_penalty_is_the_expected_number_of_open_connections(self):
        layer = HardConcreteGate(3, l0_regularization=0.1)
        layer.build((None, 1))
        layer.set_weights([np.array([-1.0, 0.0, 2.0])])
        layer(np.ones((2, 1)))
        opened = 1 / (1 + np.exp(-(np.array([-1.0, 0.0, 2.0]) - 2 / 3 * np.log(0.1 / 1.1))))
        assert float(layer.losses[0]) == pytest.approx(0.1 * opened.sum(), rel=1e-5)

    def test_a_closed_connection_is_exactly_zero(self):
        layer = HardConcreteGate(2)
        layer.build((None, 1))
        layer.set_weights([np.array([-5.0, 5.0])])
        assert np.array(layer(np.ones((2, 1)))).tolist() == [[0, 1], [0, 1]]


def function(inputs):
    return keras.layers.Dense(4, name="mine")(inputs)


class Normalized(keras.layers.Layer):
    """A layer with layers inside."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(4)
        self.normalization = keras.layers.BatchNormalization()

    def call(self, inputs, training=False):
        return self.normalization(self.dense(inputs), training=training)


class TestExperts:
    @pytest.mark.parametrize(
        "make",
        [
            pytest.param(lambda: [4], id="units"),
            pytest.param(lambda: trunks.MLP([4]), id="body"),
            pytest.param(lambda: keras.layers.Dense(4), id="layer"),
            pytest.param(lambda: keras.Sequential([keras.layers.Dense(4)]), id="sequential"),
            pytest.param(lambda: function, id="function"),
        ],
    )
    def test_each_has_weights_of_its_own(self, make, x):
        model = features_of(trunks.MMoE(make(), num_experts=2))
        kernels = [w for w in model.get_weights() if w.shape == (5, 4)]
        assert len(kernels) == 2
        assert not np.array_equal(*kernels)
        assert model.predict(x, verbose=0)["a"].shape == (16, 4)

    def test_a_pretrained_model_is_copied_with_its_weights(self, x):
        pretrained = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4)])
        model = features_of(trunks.MMoE(pretrained, num_experts=2))
        first, second = (model.get_layer(f"expert_{i}") for i in (0, 1))
        for copy in (first, second):
            assert copy is not pretrained
            assert all(map(np.array_equal, copy.get_weights(), pretrained.get_weights()))
        first.set_weights([weight + 1 for weight in first.get_weights()])
        assert all(map(np.array_equal, second.get_weights(), pretrained.get_weights()))

    def test_a_pretrained_part_keeps_its_weights_where_the_whole_is_not_built_yet(self, x):
        part = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4, name="pretrained")])
        whole = keras.Sequential([keras.layers.Dropout(0.1), part, keras.layers.Dense(3)])
        model = features_of(trunks.MMoE(whole, num_experts=2))
        copies = [model.get_layer(f"expert_{i}").layers for i in (0, 1)]
        for _, copy, _ in copies:
            assert all(map(np.array_equal, copy.get_weights(), part.get_weights()))
        assert not np.array_equal(*(copy[2].get_weights()[0] for copy in copies))

    def test_what_layers_have_learnt_by_adapt_is_copied(self, x):
        normal = keras.layers.Normalization()
        normal.adapt(3 * x + 1)
        model = features_of(trunks.SNR(normal, 2, 1, "average"))
        copy = model.get_layer("level_0_expert_1")
        np.testing.assert_array_equal(np.array(copy(x)), np.array(normal(x)))
        words = keras.layers.TextVectorization(output_mode="tf_idf")
        with pytest.raises(ValueError, match=r"no vocabulary that .* Call its adapt\(\)"):
            trunks.CrossStitch(words)(keras.Input((1,), dtype="string"), TASKS)
        words.adapt(["one two", "two"])
        bag = keras.Sequential([words, keras.layers.Dense(3)])
        text = keras.Input((1,), dtype="string")
        model = keras.Model(text, trunks.CrossStitch(bag)(text, TASKS))
        texts = keras.ops.convert_to_tensor([["two two one"], ["three"]])
        copy = model.get_layer("b_block_0").layers[0]
        np.testing.assert_array_equal(np.array(copy(texts)), np.array(words(texts)))

    def test_lora_is_copied_as_it_is(self):
        """A file would have it merged into the kernel, and zeros that cannot be trained."""
        layer = keras.layers.Dense(4)
        layer.build((None, 5))
        layer.enable_lora(2)
        model = features_of(trunks.MMoE(layer, num_experts=2))
        assert all(
            map(np.array_equal, model.get_layer("expert_0").get_weights(), layer.get_weights())
        )

    def test_a_function_that_shares_a_layer_is_refused(self):
        layer = keras.layers.Dense(4)

        def shared(inputs):
            return keras.layers.Activation("relu")(layer(inputs))

        with pytest.raises(ValueError, match="Two experts share a layer"):
            features_of(trunks.MMoE(shared))

    @pytest.mark.parametrize("part", ["all", "normalization"])
    @pytest.mark.parametrize("built", [True, False])
    def test_what_is_frozen_in_a_layer_is_frozen_in_its_copies(self, x, part, built):
        """The configuration of a layer says nothing of those within it."""
        layer = Normalized()
        if built:
            layer(x)
        (layer if part == "all" else layer.normalization).trainable = False
        model = build_model(keras.Input((5,)), trunks.MMoE(layer, 2), {"a": heads.Regression()})
        model.compile("sgd")
        before = model.get_layer("expert_1").normalization.get_weights()
        model.train_on_batch(x + 3, {"a": x[:, :1]})
        copy = model.get_layer("expert_1")
        assert [each.trainable for each in (copy, copy.dense, copy.normalization)] == (
            [False] * 3 if part == "all" else [True, True, False]
        )
        assert all(map(np.array_equal, copy.normalization.get_weights(), before))

    def test_several_outputs_are_refused(self):
        with pytest.raises(ValueError, match="one tensor"):
            features_of(trunks.MMoE(lambda inputs: [keras.layers.Dense(4)(inputs)]))

    def test_outputs_that_do_not_fit_are_named(self):
        widths = iter([3, 4])

        def wider(inputs):
            return keras.layers.Dense(next(widths))(inputs)

        with pytest.raises(ValueError, match=r"'expert_1': \(None, 4\)"):
            features_of(trunks.MMoE(wider, num_experts=2))

    def test_a_layer_that_cannot_be_copied_is_named(self):
        class Mine(keras.layers.Layer):
            def __init__(self, units):
                super().__init__()
                self.dense = keras.layers.Dense(units)

            def call(self, inputs):
                return self.dense(inputs)

        with pytest.raises(ValueError, match=r"(?s)Mine 'mine' cannot be copied.*get_config"):
            features_of(trunks.MMoE(Mine(4)))

        def made_anew(inputs):
            return Mine(4)(inputs)

        model = features_of(trunks.MMoE(made_anew, num_experts=2))
        assert model.output["a"].shape == (None, 4)

    def test_feature_maps_stay_maps(self):
        """Experts of images need not end in vectors; the head pools."""
        model = features_of(trunks.CGC(keras.layers.Conv2D(3, 3), 1, 1), (6, 6, 1))
        assert model.output["a"].shape == (None, 4, 4, 3)


class TestWhatGatesSee:
    def test_images_are_flattened(self):
        model = features_of(trunks.MMoE(trunks.CNN([2], [4]), 2), (4, 4, 3))
        assert model.get_layer("gate_a").get_weights()[0].shape == (4 * 4 * 3, 2)

    def test_images_of_unknown_size_are_averaged(self):
        model = features_of(trunks.MMoE(trunks.CNN([2], [4]), 2), (None, None, 3))
        assert model.get_layer("gate_a").get_weights()[0].shape == (3, 2)

    def test_several_inputs_are_joined(self):
        inputs = {name: keras.Input((2,), name=name) for name in ("first", "second")}
        model = build_model(inputs, trunks.MMoE([4], 2), {"y": heads.Regression()})
        assert model.get_layer("gate_y").get_weights()[0].shape == (4, 2)

    def test_numbers_of_words_need_features(self):
        def embedded(tokens):
            vectors = keras.layers.Embedding(10, 4)(tokens)
            return keras.layers.GlobalAveragePooling1D()(vectors)

        words = keras.Input((7,), dtype="int32", name="words")
        with pytest.raises(ValueError, match=r"'words' holds int32 .* gate=\.\.\."):
            trunks.MMoE(embedded, 2)(words, TASKS)
        assert trunks.MMoE(embedded, 2, gate=embedded)(words, TASKS)["a"].shape == (None, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(lambda: trunks.MMoE(num_experts=0), "`num_experts` must be", id="none"),
        pytest.param(lambda: trunks.OMoE(num_experts=2.0), "whole number", id="float"),
        pytest.param(lambda: trunks.CGC(num_shared_experts=-1), "at least 0", id="negative"),
        pytest.param(lambda: trunks.PLE([[4]], num_levels=2), "lists 1 recipes", id="levels"),
        pytest.param(lambda: trunks.DSelectK(num_experts=2, num_selected=3), "pick", id="k"),
        pytest.param(lambda: trunks.DSelectK(entropy_regularization=-1), "at least 0", id="sign"),
        pytest.param(lambda: trunks.SNR(connection="transfrom"), "Did you mean", id="typo"),
        pytest.param(lambda: trunks.SNR(l0_regularization=-1), "at least 0", id="l0"),
        pytest.param(
            lambda: trunks.MMoE([4], towers={"c": [4]})(keras.Input((5,)), TASKS),
            "task in `towers`: 'c'",
            id="tower",
        ),
    ],
)
def test_arguments_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make()
