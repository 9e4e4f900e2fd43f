"""Bodies and trunks: shapes, names, freezing, several inputs, and features for each task."""

import keras
import numpy as np
import pytest

from tf_mtl import build_model, data, heads, trunks


def test_bodies_give_vectors_and_fresh_layers():
    body = trunks.MLP([16, 4], dropout=0.1, normalization=True)
    inputs = keras.Input((3, 2))
    first, second = body(inputs, name="first"), body(inputs, name="second")
    assert first.shape == second.shape == (None, 4)
    assert first._keras_history.operation is not second._keras_history.operation
    assert trunks.MLP(**body.get_config()).get_config() == body.get_config()
    image = keras.Input((9, 7, 3))
    for cnn in (trunks.CNN([4, 8, 16, 32], units=[10]), trunks.CNN([4], units=[])):
        assert len(cnn(image).shape) == 2
        assert trunks.CNN(**cnn.get_config()).get_config() == cnn.get_config()
    assert trunks.CNN([4])(keras.Input((None, None, 1))).shape == (None, 128)


def test_a_trunk_is_shown_by_its_arguments():
    shown = repr(trunks.HardSharing(trunks.MLP([4]), towers=[5]))
    assert shown.startswith("HardSharing(body=MLP(units=[4], activation='relu', dropout=0.0")
    assert shown.endswith("towers=[5])")
    assert repr(trunks.MLP.__new__(trunks.MLP)) == "MLP()", "in an error of the constructor"


def test_layers_are_named_by_what_they_are():
    model = build_model(
        keras.Input((8, 8, 1), name="image"),
        trunks.HardSharing(trunks.CNN([4]), towers=[5]),
        {"digit": heads.Classification(10), "ink": heads.Regression()},
    )
    names = {layer.name for layer in model.layers}
    assert {"cnn_convolution_0", "digit_tower_dense_0", "digit", "ink"} <= names


def test_several_inputs_are_joined():
    inputs = {"a": keras.Input((3,), name="a"), "b": keras.Input((2, 2), name="b")}
    model = build_model(inputs, trunks.MLP([4]), {"y": heads.Regression()})
    outputs = model.predict({"a": np.ones((2, 3)), "b": np.ones((2, 2, 2))}, verbose=0)
    assert outputs["y"].shape == (2, 1)


def test_any_layer_model_or_callable_is_a_trunk():
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])

    def function(inputs):
        return keras.layers.Dense(3)(inputs)

    for trunk in (keras.layers.Dense(3), network, function, [3], trunks.HardSharing([3])):
        model = build_model(keras.Input((4,)), trunk, {"y": heads.Regression()})
        assert model.count_params() == 4 * 3 + 3 + 3 + 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: [8, "4"], "A body is"),
        (lambda: trunks.HardSharing("cnn"), "A body is"),
        (lambda: trunks.MMoE, r"the class MMoE. Make one: MMoE\(\.\.\.\)"),
        (lambda: trunks.MMoE(keras.layers.Dense), "the class Dense. Make one"),
        (lambda: trunks.HardSharing(trunks.MLP), "the class MLP. Make one"),
        (lambda: trunks.CrossStitch([trunks.MLP]), "the class MLP. Make one"),
        (lambda: trunks.MMoE(trunks.CGC([4])), "CGC, a trunk"),
        (lambda: trunks.HardSharing(trunks.MMoE([4])), "MMoE, a trunk"),
        (lambda: trunks.MMoE(lambda inputs: None), "one tensor of features from 'expert_0'"),
        (lambda: lambda inputs: [inputs, inputs], "one tensor of features from 'trunk'"),
        (lambda: trunks.HardSharing(two_outputs(), towers=[3]), "task without features"),
        (
            lambda: trunks.HardSharing(lambda x: (x, x), towers=[3]),
            "one tensor of features from 'trunk'",
        ),
        (lambda: trunks.SoftSharing(two_outputs()), "one tensor of features from 'a_trunk'"),
        (lambda: trunks.CrossStitch(two_outputs()), "one tensor of features from 'a_block_0'"),
        (lambda: trunks.MTAN(two_outputs()), "one tensor of features from 'shared_block_0'"),
        (lambda: trunks.MMoE(two_outputs()), "one tensor of features from 'expert_0'"),
        (lambda: trunks.MMoE([4], gate=two_outputs()), "from 'gate_features'"),
        (lambda: trunks.AITM(two_outputs()), "one tensor of features from 'shared'"),
        (lambda: trunks.DBMTL(two_outputs(), {}), "one tensor of features from 'shared'"),
        (lambda: trunks.TaskAttention(two_outputs()), "one tensor of features from 'shared'"),
    ],
)
def test_trunks_that_are_none_are_refused(make, message):
    tasks = {"a": heads.Regression(), "b": heads.Regression()}
    with pytest.raises((TypeError, ValueError), match=message):
        build_model(keras.Input((4,)), make(), tasks)


@pytest.mark.parametrize(
    "make",
    [lambda: [4], lambda: trunks.TaskTransformer(4, num_heads=1), lambda: trunks.SoftSharing([4])],
)
def test_text_is_to_be_encoded_first(make):
    inputs = keras.Input((1,), dtype="string", name="job")
    with pytest.raises(ValueError, match="received the text 'job'"):
        build_model(inputs, make(), {"a": heads.Regression()})


@pytest.mark.parametrize("task", ["image", "mlp_dense_0"])
def test_a_task_named_as_an_input_or_layer_is_refused(task):
    with pytest.raises(ValueError, match=f"head of task '{task}'.*Rename the task"):
        build_model(
            keras.Input((4,), name="image"),
            trunks.MLP([4]),
            {"sum": heads.Regression(), task: heads.Reconstruction((4,))},
        )


def two_outputs():
    inputs = keras.Input((4,))
    return keras.Model(inputs, {name: keras.layers.Dense(2)(inputs) for name in ("p", "q")})


def test_inputs_of_copies_are_named_as_the_keys_of_a_dictionary(recwarn):
    inputs = {name: keras.Input((2,)) for name in ("left", "right")}
    encoded = {name: keras.layers.Dense(3)(tensor) for name, tensor in inputs.items()}

    def joined(tensors):
        return keras.layers.Dense(4)(keras.layers.Concatenate()(list(tensors.values())))

    for trunk in (trunks.MMoE(joined, 2), trunks.TaskPerturbed([joined], at="blocks")):
        features = trunk(encoded, ["a"])["a"]
        assert features.shape == (None, 4)
    assert not [warning for warning in recwarn if "must match the names" in str(warning.message)]


def test_a_function_with_an_input_of_its_own_is_refused_unless_it_is_told_its_name():
    inputs, other = keras.Input((4,), name="x"), keras.Input((2,), name="other")

    def joined(tensor):
        return keras.layers.Concatenate()([keras.layers.Dense(3)(tensor), other])

    with pytest.raises(ValueError, match="'other', which is none of them"):
        trunks.MMoE(joined, 2)(inputs, ["a"])

    def named(tensor, name):
        return keras.layers.Dense(3, name=name)(joined(tensor))

    assert trunks.MMoE(named, 2)(inputs, ["a"])["a"].shape == (None, 3)


def test_a_function_is_told_its_name():
    def body(inputs, name):
        return keras.layers.Dense(3, name=f"{name}_mine")(inputs)

    for trunk, names in (
        (body, ["shared_mine"]),
        (trunks.HardSharing(body), ["shared_mine"]),
        (trunks.SoftSharing(body), ["a_trunk_mine", "b_trunk_mine"]),
    ):
        tasks = {"a": heads.Regression(), "b": heads.Regression()}
        model = build_model(keras.Input((4,)), trunk, tasks)
        assert [layer.name for layer in model.layers if layer.name.endswith("mine")] == names


@pytest.mark.parametrize(
    "make",
    [
        lambda towers: trunks.HardSharing([4], towers=towers),
        lambda towers: trunks.MMoE([4], 2, towers=towers),
        lambda towers: trunks.CGC([4], towers=towers),
    ],
)
def test_a_tower_is_any_body(make):
    tower = trunks.MLP([3], dropout=0.5, normalization=True)
    trunk = make({"a": tower, "b": keras.layers.Dense(2), "c": []})
    trunk = type(trunk).from_config(trunk.get_config())
    features = trunk(keras.Input((5,)), ["a", "b", "c", "d"])
    shapes = {task: tensor.shape for task, tensor in features.items()}
    assert shapes == {"a": (None, 3), "b": (None, 2), "c": (None, 4), "d": (None, 4)}
    model = keras.Model(features["a"]._keras_history.operation.input, features["a"])
    assert model.get_layer("a_tower_dropout_0")


def test_preprocessing_before_the_trunk_becomes_part_of_the_model():
    inputs = keras.Input((1,), dtype="string", name="colour")
    lookup = keras.layers.StringLookup(vocabulary=["red", "blue"], output_mode="one_hot")
    model = build_model(lookup(inputs), trunks.MLP([4]), {"y": heads.Regression()})
    assert [tensor.name for tensor in model.inputs] == ["colour"]


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (lambda x: {"a": x}, "task without features of the trunk: 'b'"),
        (lambda x: {"a": x, "b": [x, x]}, "one tensor of features from 'trunk, task b'"),
    ],
)
def test_a_trunk_without_features_for_a_task_is_refused(features, message):
    class Partial(trunks.Trunk):
        def __call__(self, inputs, tasks):
            return features(inputs)

    with pytest.raises(ValueError, match=message):
        build_model(
            keras.Input((4,)), Partial(), {"a": heads.Regression(), "b": heads.Regression()}
        )


def test_a_backbone_is_frozen_and_tuned_in_two_lines(tmp_path):
    backbone = trunks.backbone("MobileNetV2", (32, 32, 3), weights=None)
    model = build_model(
        keras.Input((32, 32, 3), name="image"), backbone, {"y": heads.Classification(3)}
    )
    assert len(model.trainable_variables) == 2
    backbone.trainable = True
    model.compile(keras.optimizers.Adam(1e-5))
    assert len(model.trainable_variables) > 100
    x = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    model.train_on_batch(x, {"y": np.array([0, 1])})
    expected = model.predict(x, verbose=0)["y"]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0)["y"], expected, atol=1e-6)


def test_a_backbone_is_not_given_scaled_pictures(tmp_path):
    for n in range(20):
        (tmp_path / f"{n % 2}").mkdir(exist_ok=True)
        keras.utils.save_img(tmp_path / f"{n % 2}" / f"{n}.png", np.full((8, 8, 3), n))
    splits = data.from_image_folder(tmp_path, size=(32, 32))
    backbone = trunks.backbone("MobileNetV2", (32, 32, 3), weights=None)
    tasks = {"label": heads.BinaryClassification()}
    for trunk in (backbone, trunks.HardSharing(backbone, towers=[4])):
        with pytest.raises(ValueError, match=r"'mobilenetv2' takes pixels.*'image__scaled'"):
            build_model(splits.features, trunk, tasks)
    own = keras.layers.Rescaling([1 / 255] * 3, name="own")(keras.Input((32, 32, 3)))
    with pytest.raises(ValueError, match=r"'own', which are 0 to 1.*without that layer"):
        build_model(own, backbone, tasks)
    twice = keras.layers.Rescaling(2.0)(keras.Input((32, 32, 3)))
    for inputs in (splits.inputs, twice):
        assert build_model(inputs, backbone, tasks).tasks == ["label"]


def test_a_backbone_takes_a_local_file_of_weights(tmp_path):
    first = keras.applications.MobileNetV2(
        include_top=False, pooling="avg", input_shape=(32, 32, 3), weights=None
    )
    first.save_weights(tmp_path / "local.weights.h5")
    second = trunks.backbone("MobileNetV2", (32, 32, 3), tmp_path / "local.weights.h5")
    weights = second.layers[-1].get_weights()
    assert all(map(np.array_equal, first.get_weights(), weights))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: trunks.MLP([]), "`units` must be a list of 1 or more whole numbers"),
        (lambda: trunks.MLP([6.5]), "whole numbers"),
        (lambda: trunks.MLP("64"), "whole numbers"),
        (lambda: trunks.MLP([0]), "at least 1"),
        (lambda: trunks.MLP([4], dropout=1.0), r"\[0, 1\)"),
        (lambda: trunks.MLP([4], dropout="0.5"), r"\[0, 1\)\. Received: dropout='0.5'"),
        (lambda: trunks.MLP([4], dropout=None), "dropout=None"),
        (lambda: trunks.DSelectK([4], entropy_regularization="1"), "at least 0.*Received: '1'"),
        (lambda: trunks.SNR([4], l0_regularization=np.nan), "at least 0.*Received: nan"),
        (lambda: trunks.CrossStitch([4], own="most"), "own='most'"),
        (lambda: trunks.Sluice([4], orthogonality=np.nan), "orthogonality=nan"),
        (lambda: trunks.SoftSharing([4], strength=np.nan), "strength=nan"),
        (lambda: trunks.TaskPerturbed([4], noise="some"), "noise='some'"),
        (lambda: trunks.CNN([]), "filters"),
        (lambda: trunks.CNN([4])(keras.Input((8,))), "expects one image"),
    ],
)
def test_arguments_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_widths_are_numbers_of_python_or_numpy_or_lists_of_them():
    inputs, tasks = keras.Input((4,)), ["a", "b"]
    eight = np.int64(8)
    for trunk in (
        trunks.HardSharing(8, towers=eight),
        trunks.MMoE((eight,), num_experts=np.int64(2)),
        trunks.AITM(8, tower=eight),
        trunks.DBMTL([8], {"b": ["a"]}, tower=8, relation=eight),
        trunks.TaskEmbedding(8, conditioning="concatenate", units=eight),
    ):
        features = trunk(inputs, tasks)
        assert {tensor.shape for tensor in features.values()} == {(None, 8)}
