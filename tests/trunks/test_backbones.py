"""Pretrained networks: of keras.applications by name, of KerasHub, and models of one's own."""

import importlib.util

import keras
import numpy as np
import pytest

from tf_mtl import build_model, heads, trunks
from tf_mtl.trunks.freezing import leaf_layers

NEEDS_HUB = pytest.mark.skipif(
    importlib.util.find_spec("keras_hub") is None, reason="KerasHub, an extra, is not installed"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["ResNet50", "VGG16", "DenseNet121", "EfficientNetB0", "MobileNetV2", "ConvNeXtTiny"]
)
def test_networks_of_keras_take_a_step(name):
    backbone = trunks.backbone(name, (32, 32, 3), weights=None, trainable=2)
    model = build_model(
        keras.Input((32, 32, 3), name="image"),
        backbone,
        {"kind": heads.Classification(3), "size": heads.Regression()},
    )
    model.compile("adam")
    x = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    layers = [layer for layer in leaf_layers([backbone]) if layer.weights]
    frozen = [weight for layer in layers if not layer.trainable for weight in layer.weights]
    freed = [weight for layer in layers if layer.trainable for weight in layer.trainable_weights]
    before = [[np.array(weight) for weight in weights] for weights in (frozen, freed)]
    model.train_on_batch(x, {"kind": np.array([0, 1]), "size": np.array([[0.5], [1.0]])})
    assert len({weight.path.rpartition("/")[0] for weight in freed}) == 2
    assert all(map(np.array_equal, frozen, before[0]))
    assert not all(map(np.array_equal, freed, before[1]))


def small(name="small"):
    inputs = keras.Input((8, 8, 3))
    maps = keras.layers.Conv2D(4, 3, name="low")(inputs)
    return keras.Model(inputs, keras.layers.Conv2D(5, 3, name="high")(maps), name=name)


def test_a_model_of_ones_own_from_a_layer_on(tmp_path):
    network = small()
    backbone = trunks.backbone(network, trainable="high")
    assert backbone.output_shape == (None, 5)
    assert [v.path for v in backbone.trainable_variables] == ["high/kernel", "high/bias"]
    other = small()
    other.save_weights(tmp_path / "other.weights.h5")
    trunks.backbone(network, weights=tmp_path / "other.weights.h5")
    assert all(map(np.array_equal, network.get_weights(), other.get_weights()))


@pytest.mark.parametrize(
    "arguments", [{"input_shape": (8, 8, 3)}, {"weights": None}], ids=["shape", "weights"]
)
def test_a_model_has_its_shape_and_weights_already(arguments):
    with pytest.raises(ValueError, match="has its input shape and its weights already"):
        trunks.backbone(small(), **arguments)


def test_a_class_is_given_by_name():
    with pytest.raises(TypeError, match="the name of a class of"):
        trunks.backbone(keras.applications.MobileNetV2, (32, 32, 3), weights=None)


def test_a_file_of_a_whole_backbone_is_told(tmp_path):
    path = tmp_path / "whole.weights.h5"
    backbone = trunks.backbone("MobileNet", (32, 32, 3), weights=None)
    backbone.save_weights(path)
    with pytest.raises(ValueError, match=r"do not fit .* weights=None\).load_weights"):
        trunks.backbone("MobileNet", (32, 32, 3), weights=path)
    backbone.layers[-1].save_weights(path)
    again = trunks.backbone("MobileNet", (32, 32, 3), weights=path)
    assert all(map(np.array_equal, again.get_weights(), backbone.get_weights()))


def test_what_a_name_needs():
    with pytest.raises(ValueError, match="needs `input_shape`"):
        trunks.backbone("MobileNetV2", weights=None)
    with pytest.raises(ValueError, match="keras_hub:<preset>"):
        trunks.backbone("resnet_18", (32, 32, 3), weights=None)


@pytest.mark.skipif(
    importlib.util.find_spec("keras_hub") is not None, reason="KerasHub is installed"
)
def test_kerashub_is_an_extra():
    with pytest.raises(ModuleNotFoundError, match=r"pip install .tf_mtl\[hub\]"):
        trunks.backbone("keras_hub:resnet_18_imagenet", (32, 32, 3))


@NEEDS_HUB
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_networks_of_kerashub(tmp_path):
    import keras_hub

    network = keras_hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[3],
        stackwise_num_filters=[64],
        stackwise_num_blocks=[1],
        stackwise_num_strides=[1],
        block_type="basic_block",
        image_shape=(16, 16, 3),
    )
    network.save_to_preset(str(tmp_path))
    converter = keras_hub.layers.ResNetImageConverter(scale=[0.1, 0.2, 0.3], offset=[1, 2, 3])
    converter.save_to_preset(str(tmp_path))
    x = np.random.default_rng(0).uniform(0, 255, (2, 16, 16, 3)).astype("float32")
    backbone = trunks.backbone(f"keras_hub:{tmp_path}")
    expected = network.predict(x * [0.1, 0.2, 0.3] + [1, 2, 3], verbose=0).mean(axis=(1, 2))
    np.testing.assert_allclose(backbone.predict(x, verbose=0), expected, rtol=1e-3, atol=1e-4)
    other = trunks.backbone(f"keras_hub:{tmp_path}", (32, 32, 3), weights=None, trainable=True)
    assert other.input_shape == (None, 32, 32, 3)
    assert not np.allclose(other.get_weights()[0], network.get_weights()[0])
    assert other.trainable_variables
    assert trunks.backbone(network).output_shape == (None, 64)


@NEEDS_HUB
def test_a_preset_that_cannot_be_downloaded_says_how_to_pass_a_folder(monkeypatch):
    import keras_hub

    def unreachable(*args, **kwargs):
        raise OSError("Max retries exceeded")

    monkeypatch.setattr(keras_hub.models.Backbone, "from_preset", unreachable)
    with pytest.raises(ConnectionError, match=r"Max retries.*save_to_preset\(folder\)"):
        trunks.backbone("keras_hub:resnet_18_imagenet")


@NEEDS_HUB
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_text_networks_of_kerashub(tmp_path):
    import keras_hub

    network = keras_hub.models.BertBackbone(
        vocabulary_size=50,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        max_sequence_length=12,
    )
    backbone = trunks.backbone(network, trainable=1)
    assert backbone.output_shape == (None, 8)
    inputs = {
        name: keras.Input((12,), dtype="int32", name=name)
        for name in ("token_ids", "segment_ids", "padding_mask")
    }
    model = build_model(inputs, backbone, {"kind": heads.Classification(3)})
    model.compile("adam")
    x = {name: np.ones((2, 12), "int32") for name in inputs}
    model.train_on_batch(x, {"kind": np.array([0, 1])})


def test_a_sequential_model_is_a_backbone():
    network = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="hidden")])
    made = trunks.backbone(network)
    rows = np.ones((2, 4), "float32")
    np.testing.assert_array_equal(made(rows), network(rows))
