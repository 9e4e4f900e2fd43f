import keras
import numpy as np
import pytest

from tf_mtl import build_model, heads, trunks


def test_maps_are_as_large_as_the_image():
    maps = trunks.UNet([4, 8, 6])(keras.Input((8, 12, 2)), ["a", "b"])
    assert maps.shape == (None, 8, 12, 4)
    free = trunks.UNet([4, 8])(keras.Input((None, None, 1)), ["a"])
    assert free.shape == (None, None, None, 4)


def test_a_pixel_is_told_from_its_own_place_and_from_afar():
    """The finest maps see details (skip connection) and context (coarse levels)."""
    image = keras.Input((16, 16, 1))
    maps = trunks.UNet([4, 4, 4], activation="linear")(image, ["a"])
    network = keras.Model(image, maps)
    x = np.zeros((1, 16, 16, 1), "float32")
    x[0, 8, 8] = 1
    changed = np.abs(network(x) - network(np.zeros_like(x))).sum(axis=(0, 3)) > 1e-9
    assert changed[8, 8]
    assert changed[3, 8]  # two convolutions of 3 x 3 alone reach no further than 2 pixels


def test_no_decoder_where_nobody_reads_it():
    maps = trunks.UNet([4, 8], coarse=["a"])(keras.Input((8, 8, 1)), ["a"])
    assert maps.shape == (None, 4, 4, 8)


def test_normalization_and_several_convolutions():
    model = build_model(
        keras.Input((8, 8, 1)),
        trunks.UNet([3, 4], coarse=["kind"], convolutions=2, normalization=True),
        {"kind": heads.Classification(2), "mask": heads.Segmentation(2)},
    )
    names = [layer.name for layer in model.layers]
    assert "unet_decoder_0_normalization_1" in names
    assert model.get_layer("unet_decoder_0_convolution_1").bias is None
    assert model.task_outputs["mask"].shape == (None, 8, 8, 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: trunks.UNet([8]), "2 or more whole numbers"),
        (lambda: trunks.UNet([8, 0]), "2 or more whole numbers"),
        (lambda: trunks.UNet(coarse="digit"), "list of tasks"),
        (lambda: trunks.UNet(convolutions=1.5), "`convolutions` must be a whole number"),
        (lambda: trunks.UNet()(keras.Input((8, 8)), ["a"]), "one image"),
        (lambda: trunks.UNet()(keras.Input((10, 8, 1)), ["a"]), "multiples of 4"),
        (
            lambda: trunks.UNet(coarse=["dgit"])(keras.Input((8, 8, 1)), ["digit", "mask"]),
            "Did you mean 'digit'",
        ),
    ],
)
def test_mistakes_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
