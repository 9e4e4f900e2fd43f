"""Padded steps of a sequence count in no trunk and no body."""

import keras
import numpy as np
import pytest

from tests.descriptors import TRUNKS
from tf_mtl import build_model, heads, trunks
from tf_mtl.trunks.masked_layers import AverageSteps

TASKS = ("a", "b", "c")
WORDS = np.random.default_rng(0).integers(1, 20, (3, 4))
FRAMES = np.random.default_rng(1).normal(size=(3, 4, 5)).astype("float32")
# Trunks that read vectors, maps, or sequences of fixed length only.
WITHOUT_SEQUENCES = {trunks.InputPerTask, trunks.TaskTransformer, trunks.UNet}
OF_BLOCKS = {trunks.Branching, trunks.CrossStitch, trunks.LTB, trunks.MTAN, trunks.NDDR}
OF_BLOCKS |= {trunks.Sluice, trunks.TaskEmbedding, trunks.TaskPerturbed}


def words():
    return keras.Input((None,), dtype="int32", name="x")


def encoder():
    return [
        keras.layers.Embedding(20, 6, mask_zero=True),
        keras.layers.LSTM(8, return_sequences=True),
    ]


def as_model():
    """Returns a body whose mask is known only when the model runs."""
    return keras.Sequential(encoder())


def as_function():
    """Returns a body whose mask is a tensor of the model's graph."""

    def body(inputs, name="words"):
        for i, layer in enumerate(encoder()):
            layer.name = f"{name}_{i}"
            inputs = layer(inputs)
        return inputs

    return body


KINDS = pytest.mark.parametrize("body", [as_model, as_function])


def model_of(trunk, inputs=None):
    keras.utils.set_random_seed(0)
    inputs = words() if inputs is None else inputs
    return build_model(inputs, trunk, {task: heads.Regression() for task in TASKS})


def padded(x):
    return np.pad(x, ((0, 0), (0, 5), *((0, 0) for _ in x.shape[2:])))


def assert_same(model, x, longer, atol=1e-6):
    expected = model(x)
    for task, found in model(longer).items():
        np.testing.assert_allclose(found, expected[task], atol=atol, err_msg=task)


def on_words(row, body):
    """Returns the trunk of a row with another body: an encoder of words, then dense layers."""
    trunk = row.make(TASKS)
    upper = getattr(trunk, "num_levels", 3 if row.cls in OF_BLOCKS else 1) - 1
    bodies = [body(), *(keras.layers.Dense(8) for _ in range(upper))]
    setattr(trunk, "expert" if hasattr(trunk, "expert") else "body", bodies if upper else bodies[0])
    if hasattr(trunk, "gate"):
        trunk.gate = body()
    if hasattr(trunk, "wide"):
        trunk.wide = {TASKS[0]: body()}
    if hasattr(trunk, "orthogonality"):
        trunk.orthogonality = 0  # which is for dense layers
    return trunk


# One row of each class; the perturbations are layers of their own.
SEQUENCES = [
    row
    for i, row in enumerate(TRUNKS)
    if row.cls not in WITHOUT_SEQUENCES
    and (row.cls is trunks.TaskPerturbed or row.cls not in [each.cls for each in TRUNKS[:i]])
]


@KINDS
@pytest.mark.parametrize("row", SEQUENCES, ids=lambda row: row.cls.__name__)
def test_padding_counts_in_no_trunk(row, body, tmp_path):
    model = model_of(on_words(row, body))
    assert_same(model, WORDS, padded(WORDS))
    if body is as_model:
        model.save(tmp_path / "model.keras")
        assert_same(keras.models.load_model(tmp_path / "model.keras"), WORDS, padded(WORDS))


@KINDS
@pytest.mark.parametrize("fusion", ["concatenate", "sum", "gated", "attention"])
def test_a_text_beside_a_row(body, fusion):
    inputs = {"x": words(), "row": keras.Input((5,), name="row")}
    model = model_of(trunks.MultiInput({"x": body(), "row": [8]}, fusion, 8), inputs)
    row = FRAMES[:, 0]
    assert_same(model, {"x": WORDS, "row": row}, {"x": padded(WORDS), "row": row})


@pytest.mark.parametrize("within_a_model", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        lambda body: trunks.HardSharing(body, towers=[4]),
        lambda body: trunks.MMoE(body, 2, gate=body),
        lambda body: trunks.CrossStitch([body, 4]),
    ],
    ids=["towers", "gates", "blocks"],
)
def test_padding_is_zeros_where_sequences_of_fixed_length_are_flattened(
    make, within_a_model, recwarn
):
    body = keras.layers.Embedding(20, 6, mask_zero=True)
    trunk = make(keras.Sequential([body]) if within_a_model else body)
    model = model_of(trunk, keras.Input((9,), dtype="int32", name="x"))
    x = padded(WORDS)
    expected = model(x)
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Embedding):
            layer.set_weights([np.vstack([np.full((1, 6), 50), layer.get_weights()[0][1:]])])
    for task, found in model(x).items():
        np.testing.assert_allclose(found, expected[task], atol=1e-6, err_msg=task)
    assert not [each for each in recwarn if "mask" in str(each.message)]


@pytest.mark.parametrize("over_time", ["gru", "lstm", "convolution", "attention", "average"])
def test_frames_that_are_padding(over_time):
    fixed = over_time == "attention"  # which learns a vector for each time
    inputs = keras.Input((9 if fixed else None, 5), name="x")
    body = trunks.TimeDistributed([8], over_time, 8)
    model = model_of(lambda x: body(keras.layers.Masking()(x)), inputs)
    if fixed:
        model.get_layer("video_positions").set_weights([np.zeros((9, 8))])
        assert_same(model, padded(FRAMES), np.roll(padded(FRAMES), 3, axis=1))
    else:
        assert_same(model, FRAMES, padded(FRAMES))


def test_mixed_precision_keeps_the_mask():
    row = next(row for row in TRUNKS if row.cls is trunks.MMoE)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = model_of(on_words(row, as_model))
        frames = trunks.TimeDistributed([8], "convolution", 8)
        over_time = model_of(lambda x: frames(keras.layers.Masking()(x)), keras.Input((None, 5)))
    finally:
        keras.config.set_dtype_policy("float32")
    assert_same(model, WORDS, padded(WORDS), atol=2e-3)
    assert_same(over_time, FRAMES, padded(FRAMES), atol=2e-3)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_averages_as_many_steps_as_there_are(dtype):
    """Keras' own average of 20 000 masked steps is 0.8 where all of them are 7, in float16."""
    features = keras.layers.Masking(dtype=dtype)(np.full((1, 20_000, 2), 7.0))
    found = AverageSteps(dtype=dtype)(features)
    np.testing.assert_allclose(np.array(keras.ops.cast(found, "float32")), [[7, 7]], rtol=4e-3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: trunks.MLP([4])(keras.Input((3, None))), "known number of channels"),
        (
            lambda: trunks.TimeDistributed([4], "attention")(keras.Input((None, 3))),
            "its length must be fixed",
        ),
    ],
)
def test_unknown_sizes_that_do_not_do_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
