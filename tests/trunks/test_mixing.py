"""Trunks that mix features between blocks, against their formulas in NumPy."""

import keras
import numpy as np
import pytest

from tf_mtl import build_model, heads, trunks
from tf_mtl.trunks.cross_stitch import CrossStitchUnit
from tf_mtl.trunks.sluice import LayerMixture, SluiceUnit


def outputs_of(trunk, x, names, tasks=("a", "b")):
    """Returns a model, no weight of which is as it began, and outputs of layers on `x`."""
    model = build_model(
        keras.Input(x.shape[1:], name="x"), trunk, {task: heads.Regression() for task in tasks}
    )
    random = np.random.default_rng(1)
    for variable in model.weights:
        lowest = 0.1 if variable.name == "moving_variance" else -1
        variable.assign(random.uniform(lowest, 1, variable.shape))
    inside = keras.Model(model.inputs[0], [model.get_layer(name).output for name in names])
    return model, [np.asarray(output) for output in inside(x)]


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(16, 6)).astype("float32")


@pytest.fixture
def image():
    return np.random.default_rng(0).normal(size=(8, 6, 4, 2)).astype("float32")


@pytest.mark.parametrize("by_channel", [True, False])
def test_cross_stitch_is_equation_1(image, by_channel):
    names = ["a_pooling_0", "b_pooling_0", "a_cross_stitch_0", "b_cross_stitch_0"]
    trunk = trunks.CrossStitch(trunks.CNN([3], units=[4]), own=0.8, by_channel=by_channel)
    model, (of_a, of_b, *mixed) = outputs_of(trunk, image, names)
    for task, found in zip("ab", mixed, strict=True):
        (alpha,) = model.get_layer(f"{task}_cross_stitch_0").get_weights()
        assert alpha.shape == (2, 3 if by_channel else 1)
        np.testing.assert_allclose(found, alpha[0] * of_a + alpha[1] * of_b, rtol=1e-5, atol=1e-6)


def test_shares_at_the_start_sum_to_one():
    unit = CrossStitchUnit(1, own=0.7)
    unit.build([(None, 2)] * 4)
    np.testing.assert_allclose(unit.get_weights()[0][:, 0], [0.1, 0.7, 0.1, 0.1], rtol=1e-6)
    alone = CrossStitchUnit(0, own=0.7)
    alone.build([(None, 2)])
    assert alone.get_weights()[0].tolist() == [[1, 1]]


def test_sluice_is_equation_2_and_mixes_the_layers(x):
    names = ["a_dense_0", "b_dense_0", "a_sluice_0", "b_sluice_0"]
    names += ["a_sluice_1", "a_layers"]
    model, (of_a, of_b, *mixed, second, layers) = outputs_of(trunks.Sluice([6, 6]), x, names)
    subspaces = np.stack([*np.split(of_a, 2, axis=-1), *np.split(of_b, 2, axis=-1)])
    for task, found in zip("ab", mixed, strict=True):
        (alpha,) = model.get_layer(f"{task}_sluice_0").get_weights()
        expected = np.concatenate(np.einsum("ks,sbc->kbc", alpha, subspaces), axis=-1)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    (beta,) = model.get_layer("a_layers").get_weights()
    expected = beta[0] * mixed[0] + beta[1] * second
    np.testing.assert_allclose(layers, expected, rtol=1e-5, atol=1e-6)


def test_sluice_starts_near_the_last_block(x):
    """β of the authors' code: 0.9 for the last layer, the rest shared equally."""
    inputs = keras.Input((6,))
    features = trunks.Sluice([4, 4, 4])(inputs, ["a", "b"])
    layers = keras.Model(inputs, features).get_layer("a_layers")
    np.testing.assert_allclose(layers.get_weights()[0], [0.05, 0.05, 0.9], rtol=1e-6)
    model = keras.Model(inputs, trunks.Sluice([4, 4], own=1.0)(inputs, ["a", "b"]))
    last = keras.Model(inputs, model.get_layer("a_dense_1").output)
    np.testing.assert_allclose(model(x)["a"], last(x), rtol=1e-6)


def test_sluice_penalizes_kernels_whose_subspaces_are_not_orthogonal(x):
    model, _ = outputs_of(trunks.Sluice([6, 4], mix_layers=False, orthogonality=0.5), x, ["a"])
    kernels = [
        model.get_layer(f"{task}_dense_{i}").get_weights()[0] for task in "ab" for i in (0, 1)
    ]
    expected = [0.5 * np.sum((np.hsplit(k, 2)[0].T @ np.hsplit(k, 2)[1]) ** 2) for k in kernels]
    model(x)
    np.testing.assert_allclose(sum(map(float, model.losses)), sum(expected), rtol=1e-5)


def test_nddr_is_equation_2_then_normalized(image):
    names = ["a_pooling_0", "b_pooling_0", "a_nddr_0", "a_nddr_0_activation"]
    trunk = trunks.NDDR(trunks.CNN([3], units=[]), activation="tanh")
    names = [name.replace("pooling_0", "average") for name in names]
    model, (of_a, of_b, reduced, activated) = outputs_of(trunk, image, names)
    (kernel,) = model.get_layer("a_nddr_0").get_weights()
    expected = np.concatenate([of_a, of_b], axis=-1) @ kernel
    np.testing.assert_allclose(reduced, expected, rtol=1e-5, atol=1e-6)
    gamma, beta, mean, variance = model.get_layer("a_nddr_0_normalization").get_weights()
    normal = gamma * (reduced - mean) / np.sqrt(variance + 1e-3) + beta
    np.testing.assert_allclose(activated, np.tanh(normal), rtol=1e-4, atol=1e-5)


def test_nddr_normalizes_the_shortcut_too(x):
    names = ["a_nddr_0_activation", "a_nddr_1_activation", "a_shortcut_nddr"]
    names += ["a_shortcut_nddr_activation"]
    model, (*blocks, reduced, activated) = outputs_of(trunks.NDDR([4, 3], shortcut=True), x, names)
    (kernel,) = model.get_layer("a_shortcut_nddr").get_weights()
    np.testing.assert_allclose(reduced, np.hstack(blocks) @ kernel, rtol=1e-4, atol=1e-5)
    layer = model.get_layer("a_shortcut_nddr_normalization")
    gamma, beta, mean, variance = layer.get_weights()
    normal = gamma * (reduced - mean) / np.sqrt(variance + 1e-3) + beta
    np.testing.assert_allclose(activated, np.maximum(normal, 0), rtol=1e-4, atol=1e-5)


def test_nddr_starts_as_cross_stitch_does(x):
    def start(trunk):
        keras.utils.set_random_seed(0)
        model = build_model(
            keras.Input((6,)), trunk, {"a": heads.Regression(), "b": heads.Regression()}
        )
        return model.predict(x, verbose=0)

    first = start(trunks.CrossStitch([8, 4], own=0.6))
    second = start(trunks.NDDR([8, 4], own=0.6, normalization=False))
    for task in first:
        np.testing.assert_allclose(first[task], second[task], rtol=1e-5, atol=1e-6)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_mtan_masks_the_shared_features(x):
    """f, which sees what the block before yields for a task, is one for all tasks."""
    names = ["shared_dense_0", "shared_dense_1"]
    names += [f"{task}_attention_{i}" for task in "ab" for i in (0, 1)]
    model, (first, second, *attended) = outputs_of(
        trunks.MTAN([8, 6], normalization=False), x, names
    )

    def dense(name, features):
        kernel, bias = model.get_layer(name).get_weights()
        return features @ kernel + bias

    def mask(task, i, seen):
        hidden = np.maximum(dense(f"{task}_attention_{i}_hidden", seen), 0)
        return sigmoid(dense(f"{task}_attention_{i}_mask", hidden))

    for task, found in (("a", attended[:2]), ("b", attended[2:])):
        before = mask(task, 0, first) * first
        np.testing.assert_allclose(found[0], before, rtol=1e-4, atol=1e-5)
        extracted = np.maximum(dense("shared_extract_1", before), 0)
        expected = mask(task, 1, np.concatenate([second, extracted], axis=-1)) * second
        np.testing.assert_allclose(found[1], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("size", [(9, 7), (8, 8), (7, 6)], ids=str)
def test_mtan_follows_the_size_of_any_blocks(size):
    blocks = [
        keras.layers.Conv2D(3, 3, padding="same"),
        keras.layers.Conv2D(4, 3, strides=2, padding="same"),
        keras.layers.Conv2D(5, 3),
        keras.layers.GlobalAveragePooling2D(),
        6,
    ]
    features = trunks.MTAN(blocks)(keras.Input((*size, 1)), ["a", "b"])
    assert features["a"].shape == (None, 6)


SEQUENCES = [
    keras.layers.Conv1D(3, 3, strides=2, padding="same"),
    keras.layers.Conv1D(4, 3),
    keras.layers.MaxPooling1D(),
]
FILMS = [
    keras.layers.Conv3D(3, 3, padding="same"),
    keras.layers.Conv3D(4, 3, strides=2, padding="same"),
]


@pytest.mark.parametrize("ending", [[], [keras.layers.Flatten(), 5]], ids=["features", "vectors"])
@pytest.mark.parametrize(
    ("trunk", "blocks", "shape", "size"),
    [
        (trunks.MTAN, SEQUENCES, (16, 2), (3, 4)),
        (trunks.MTAN, FILMS, (4, 6, 6, 1), (2, 3, 3, 4)),
        (lambda body: trunks.NDDR(body, shortcut=True), SEQUENCES, (16, 2), (3, 4)),
    ],
    ids=["mtan-sequences", "mtan-films", "nddr-sequences"],
)
def test_blocks_may_shorten_sequences_and_films(trunk, blocks, shape, size, ending):
    x = np.random.default_rng(0).normal(size=(4, *shape)).astype("float32")
    inputs = keras.Input(shape)
    features = trunk([*blocks, *ending])(inputs, ["a", "b"])
    assert features["a"].shape == features["b"].shape == (None, *((5,) if ending else size))
    assert np.isfinite(keras.Model(inputs, features)(x, training=True)["b"]).all()


@pytest.mark.parametrize(
    ("blocks", "shape", "message"),
    [
        ([4, keras.layers.Reshape((2, 2))], (3,), "go from maps or sequences to"),
        ([keras.layers.Conv3D(2, 1), keras.layers.Conv3D(2, 2)], (4, 4, 4, 1), "padding='same'"),
    ],
)
def test_sizes_that_cannot_be_brought_together(blocks, shape, message):
    with pytest.raises(ValueError, match=message):
        trunks.NDDR(blocks, shortcut=True)(keras.Input(shape), ["a"])


def test_the_network_within_a_backbone_is_cut():
    pixels = keras.Input((6, 6, 3))
    inner = keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            keras.layers.Conv2D(2, 3, name="low"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Conv2D(4, 3, name="high"),
        ],
        name="inner",
    )
    scaled = keras.layers.Rescaling(1 / 255, name="scaling")(pixels)
    pooled = keras.layers.GlobalAveragePooling2D(name="pooled")(inner(scaled, training=False))
    model = keras.Model(pixels, pooled, name="net")
    first, second = trunks.cut(model, "norm")
    assert [layer.name for layer in second.layers[1:]] == ["high", "pooled"]
    assert second.get_layer("high") is inner.get_layer("high")
    x = np.random.default_rng(0).uniform(0, 255, (4, 6, 6, 3)).astype("float32")
    # Called with training=False, and so it stays.
    found = second(first(x, training=True), training=True)
    np.testing.assert_array_equal(found, model(x, training=True))
    features = trunks.CrossStitch([first, second])(keras.Input((6, 6, 3)), ["a", "b"])
    assert features["b"].shape == (None, 4)


def test_a_layer_used_before_is_cut_where_this_model_uses_it():
    layer = keras.layers.Dense(3, name="low")
    layer(keras.Input((4,)))
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2, name="high")(layer(inputs)))
    assert [block.output_shape for block in trunks.cut(model, ["low"])] == [(None, 3), (None, 2)]


def test_blocks_of_a_network_keep_its_weights_and_mix_between():
    network = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(32, 32, 3), pooling="avg", alpha=0.35
    )
    blocks = trunks.cut(network, at=["block_2_add", "block_5_add"])
    x = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    whole = x
    for block in blocks:
        whole = block(whole)
    np.testing.assert_allclose(whole, network(x), atol=1e-6)
    # Equal columns, mixed with weights that sum to one, are the network itself.
    inputs = keras.Input((32, 32, 3))
    features = trunks.CrossStitch(blocks)(inputs, ["a", "b"])
    for found in keras.Model(inputs, features)(x).values():
        np.testing.assert_allclose(found, network(x), atol=1e-5)


class Unregistered(keras.layers.Layer):
    def call(self, inputs):
        return inputs * 2


def test_every_kind_of_block_is_copied():
    def block(inputs):
        return keras.layers.Dense(3)(inputs)

    def named(inputs, name):
        return keras.layers.Dense(3, name=f"{name}_mine")(inputs)

    inside = keras.Input((3,))
    network = keras.Model(inside, Unregistered()(keras.layers.Dense(3)(inside)))
    unbuilt = keras.Sequential([keras.layers.Dense(3)])
    body = [4, trunks.MLP([5, 3]), keras.layers.Dense(3), network, unbuilt, block, named]
    inputs = keras.Input((6,))
    model = keras.Model(inputs, trunks.CrossStitch(body)(inputs, ["a", "b"]))
    names = {layer.name for layer in model.layers}
    assert {"a_block_0_dense_0", "b_block_1_dense_1", "a_block_3", "b_block_6_mine"} <= names
    kernels = [model.get_layer(f"{task}_block_2").get_weights()[0] for task in "ab"]
    assert not np.array_equal(*kernels)


def one_layer_for_all():
    layer = keras.layers.Dense(4)

    def body(inputs):
        return layer(inputs)

    return body


@pytest.mark.parametrize(
    "trunk",
    [
        trunks.CrossStitch,
        trunks.LTB,
        trunks.NDDR,
        trunks.Sluice,
        lambda body: trunks.Branching(body, [[["a"], ["b"]]]),
        lambda body: trunks.SNR([body], 2, num_levels=1),
    ],
)
def test_a_function_that_repeats_its_layer_is_refused(trunk):
    with pytest.raises(ValueError, match="share a layer"):
        build(trunk(one_layer_for_all()))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: trunks.CrossStitch([4], own=1.5), r"`own` must lie in \[0, 1\]"),
        (lambda: trunks.NDDR([4], own=-1), r"`own` must lie in \[0, 1\]"),
        (lambda: trunks.Sluice([4], subspaces=2.0), "`subspaces` must be a whole number"),
        (lambda: trunks.Sluice([4], orthogonality=-1), "`orthogonality` must be at least 0"),
        (lambda: trunks.MTAN([4], reduction=0), "`reduction` must be a whole number of at least 1"),
        (lambda: trunks.MTAN([4], reduction=1.5), "`reduction` must be a whole number"),
        (lambda: build(trunks.Sluice([5])), "cannot divide 5 channels into 2"),
        (lambda: build(trunks.Sluice([8, 4])), "mix_layers=False"),
        (lambda: build(trunks.Sluice(keras.layers.Dense(4), orthogonality=1.0)), "orthogonality=0"),
        (lambda: build(trunks.CrossStitch([])), "at least one block"),
        (lambda: CrossStitchUnit(0)([np.ones((1, 2)), np.ones((1, 3))]), "one shape"),
        (lambda: SluiceUnit(0)([np.ones((1, 2)), np.ones((1, 4))]), "one shape"),
        (lambda: LayerMixture()([np.ones((1, 2)), np.ones((1, 4))]), "mix_layers=False"),
        (lambda: trunks.MTAN([3, "dense"])(keras.Input((4,)), ["a"]), "A body is"),
        (
            lambda: trunks.MTAN(trunks.CNN([3, 3]))(keras.Input((None, None, 1)), ["a"]),
            "fixed size",
        ),
        (lambda: trunks.cut(skipping(), at=["b"]), "cannot be cut at"),
        (lambda: trunks.cut(keras.Sequential([keras.layers.Dense(3)]), at=["b"]), "Build it"),
        (lambda: trunks.cut([8, 4], at=["b"]), "Expected a functional Keras model"),
        (lambda: trunks.cut(two_inputs(), at=["c"]), "of one input and one output"),
        (lambda: trunks.cut(skipping(), at=["bb"]), "Did you mean 'b'"),
    ],
)
def test_arguments_are_checked(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def build(trunk):
    return trunk(keras.Input((6,)), ["a", "b"])


def skipping():
    inputs = keras.Input((4,), name="x")
    first = keras.layers.Dense(4, name="a")(inputs)
    second = keras.layers.Dense(4, name="b")(first)
    return keras.Model(inputs, keras.layers.Add(name="c")([first, second]))


def two_inputs():
    inputs = [keras.Input((4,)), keras.Input((4,))]
    return keras.Model(inputs, keras.layers.Add(name="c")(inputs))
