"""Trunks that perturb or condition shared features by task, against their formulas in NumPy."""

import keras
import numpy as np
import pytest

from tf_mtl import build_model, heads, trunks
from tf_mtl.trunks.attention_pooling import QueryAttention


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(8, 6)).astype("float32")


def model_of(trunk, inputs, tasks=("a", "b")):
    return build_model(inputs, trunk, {task: heads.Regression() for task in tasks})


def with_random_weights(model):
    random = np.random.default_rng(1)
    model.set_weights([random.uniform(-1, 1, weight.shape) for weight in model.get_weights()])
    return model


def outputs_of(model, x, *names):
    inside = keras.Model(model.inputs[0], [model.get_layer(name).output for name in names])
    return [np.asarray(output) for output in inside(x)]


FORMULAS = {
    "additive": lambda h, beta: h + beta,
    "multiplicative": lambda h, gamma: h * (1 + gamma),
    "film": lambda h, gamma, beta: h * (1 + gamma) + beta,
    "low_rank": lambda h, down, up: h + h @ down @ up,
}


@pytest.mark.parametrize("kind", FORMULAS)
def test_perturbations_are_their_formulas(x, kind):
    inputs = keras.Input((6,))
    model = model_of(trunks.TaskPerturbed([5, 4], kind, rank=2), inputs)
    end = f"b_{'adapter' if kind == 'low_rank' else kind}"
    before, after = outputs_of(model, x, "shared_dense_1", end)
    np.testing.assert_array_equal(before, after)  # at the start it is hard sharing
    before, after = outputs_of(with_random_weights(model), x, "shared_dense_1", end)
    expected = FORMULAS[kind](before, *model.get_layer(end).get_weights())
    np.testing.assert_allclose(after, expected, rtol=1e-5, atol=1e-6)


def test_perturbed_blocks_share_their_weights(x):
    model = model_of(trunks.TaskPerturbed([5, 4], "film", at="blocks"), keras.Input((6,)))
    assert len([layer for layer in model.layers if layer.name.startswith("shared")]) == 2
    with_random_weights(model)
    (found,) = outputs_of(model, x, "b_1_film", "b_1_film")[:1]
    features = x
    for i in range(2):
        kernel, bias = model.get_layer(f"shared_{i}").get_weights()
        gamma, beta = model.get_layer(f"b_{i}_film").get_weights()
        features = np.maximum(features @ kernel + bias, 0) * (1 + gamma) + beta
    np.testing.assert_allclose(found, features, rtol=1e-5, atol=1e-5)


def test_noise_is_relative_different_by_task_and_only_in_training():
    ones = np.full((20000, 1), 5, "float32")
    trunk = trunks.TaskPerturbed(keras.layers.Identity(), perturbation=None, noise=0.3)
    inputs = keras.Input((1,))
    model = keras.Model(inputs, trunk(inputs, ["a", "b"]))
    first, second = (np.asarray(each) for each in model(ones, training=True).values())
    np.testing.assert_allclose([first.mean(), first.std()], [5, 1.5], rtol=0.03)
    assert abs(np.corrcoef(first[:, 0], second[:, 0])[0, 1]) < 0.03
    assert all((np.asarray(each) == 5).all() for each in model(ones).values())


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize("conditioning", ["film", "gate", "concatenate"])
def test_task_embeddings_condition_shared_layers(conditioning):
    image = np.random.default_rng(0).normal(size=(4, 3, 3, 2)).astype("float32")
    trunk = trunks.TaskEmbedding(keras.layers.Conv2D(5, 2), 3, conditioning, units=[4])
    inputs = keras.Input((3, 3, 2))
    model = with_random_weights(keras.Model(inputs, trunk(inputs, ["a", "b"])))
    features, vector = outputs_of(model, image, "shared_block_0", "b_embedding")
    matrices = model.get_layer("conditioning").get_weights()
    wide = np.broadcast_to(vector, (4, 2, 2, 3))
    expected = {
        "film": lambda w, v: (1 + vector @ w) * features + vector @ v,
        "gate": lambda w: sigmoid(vector @ w) * features,
        "concatenate": lambda: np.concatenate([features, wide], axis=-1),
    }[conditioning](*matrices)
    kernel, bias = model.get_layer("conditioned").get_weights()
    expected = np.maximum(expected.reshape(4, -1) @ kernel + bias, 0)
    np.testing.assert_allclose(model(image)["b"], expected, rtol=1e-4, atol=1e-5)
    assert model.get_layer("b_embedding").count_params() == 3


def transformer(**arguments):
    return trunks.TaskTransformer(width=8, num_layers=2, num_heads=2, **arguments)


def features_of(trunk, inputs, x, tasks):
    model = keras.Model(inputs, trunk(inputs, tasks))
    return model, {task: np.asarray(value) for task, value in model(x).items()}


@pytest.mark.parametrize("shape", [(6,), (5, 3), (9, 6, 2)], ids=len)
def test_the_transformer_takes_vectors_sequences_and_images(shape):
    x = np.random.default_rng(0).normal(size=(4, *shape)).astype("float32")
    trunk = transformer(patch_size=3)
    model, found = features_of(trunk, keras.Input(shape), x, ["a", "b"])
    assert found["a"].shape == (4, 8)
    assert not np.allclose(found["a"], found["b"])
    length = {1: 6, 2: 5, 3: 6}[len(shape)]
    assert model.get_layer("tokens_of_tasks").output.shape == (None, 2 + length, 8)


def test_the_transformer_joins_the_tokens_of_several_inputs():
    inputs = {"row": keras.Input((4,), name="row"), "words": keras.Input((5, 3), name="words")}
    features = transformer()(inputs, ["a"])
    assert features["a"].shape == (None, 8)


def changed_by(model, x, task_tokens):
    """Returns which tasks' features change with the token of one task."""
    before = model(x)
    model.get_layer("tokens_of_tasks").set_weights([task_tokens])
    after = model(x)
    return {task for task in before if not np.allclose(before[task], after[task], atol=1e-6)}


@pytest.mark.parametrize(("interact", "expected"), [(True, {"a", "b"}), (False, {"b"})])
def test_tokens_of_tasks_see_each_other_only_if_asked_for(x, interact, expected):
    model, _ = features_of(transformer(interact=interact), keras.Input((6,)), x, ["a", "b"])
    (tokens,) = model.get_layer("tokens_of_tasks").get_weights()
    tokens[0, 1] += np.linspace(-1, 1, 8)
    assert changed_by(model, x, tokens) == expected


@pytest.mark.parametrize("interact", [True, False])
def test_the_transformer_heeds_padding(interact):
    inputs = keras.Input((6,), dtype="int32")
    words = keras.layers.Embedding(10, 4, mask_zero=True)(inputs)
    features = transformer(interact=interact)(words, ["a", "b"])
    model = keras.Model(inputs, features)
    model.get_layer("input_positions").set_weights([np.zeros((6, 8))])
    padded = model(np.array([[3, 4, 0, 0, 0, 0]]))
    moved = model(np.array([[0, 3, 0, 0, 4, 0]]))
    np.testing.assert_allclose(padded["b"], moved["b"], atol=1e-5)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def test_task_attention_is_attention_with_a_query_of_the_task():
    x = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
    layer = QueryAttention(num_heads=2, width=3)
    layer(x)
    layer.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in layer.get_weights()])
    weights = {variable.path.split("/", 1)[1]: variable.numpy() for variable in layer.weights}

    def project(name, features):
        kernel = weights[f"attention/{name}/kernel"]
        return (
            np.einsum("bld,dhw->bhlw", features, kernel)
            + weights[f"attention/{name}/bias"][None, :, None]
        )

    query = project("query", np.broadcast_to(weights["query"], (3, 1, 4)))
    key, value = project("key", x), project("value", x)
    shares = softmax(query @ key.swapaxes(-1, -2) / np.sqrt(3))
    expected = np.einsum(
        "bhlw,hwd->bd", shares @ value, weights["attention/attention_output/kernel"]
    )
    expected += weights["attention/attention_output/bias"]
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)
    mask = np.array([[True] * 3 + [False] * 2] * 3)
    np.testing.assert_allclose(layer(x, mask=mask), layer(x[:, :3]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: trunks.TaskPerturbed([4], "flim"), "Did you mean 'film'"),
        (lambda: trunks.TaskPerturbed([4], at="start"), "Unknown place"),
        (lambda: trunks.TaskPerturbed([4], rank=1.5), "`rank` must be a whole number"),
        (lambda: trunks.TaskPerturbed([4], None), "a perturbation or noise"),
        (lambda: trunks.TaskEmbedding([4], conditioning="fil"), "Did you mean 'film'"),
        (
            lambda: trunks.TaskEmbedding([4], 3, "concatenate", []),
            "`units` must be a list of 1 or more",
        ),
        (lambda: trunks.TaskTransformer(width=6, num_heads=4), "multiple of the number of heads"),
        (lambda: trunks.TaskTransformer(dropout=1), r"\[0, 1\)"),
        (lambda: transformer()(keras.Input((None, 3)), ["a"]), "its length must be fixed"),
        (lambda: transformer()(keras.Input((2, 2, 2, 2)), ["a"]), "Tokens are made of"),
        (lambda: trunks.TaskAttention([4], num_heads=0), "`num_heads` must be a whole number"),
        (lambda: trunks.TaskTransformer(num_layers=1.5), "`num_layers` must be a whole number"),
        (lambda: trunks.TaskTransformer(patch_size=0), "`patch_size` must be a whole number"),
        (lambda: trunks.TaskAttention([4])(keras.Input((3,)), ["a"]), "attends to positions"),
    ],
)
def test_arguments_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make()
