"""The first batches of a stream are looked at on the host, whatever compiles the step."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.programs import LOSSES, arrays, network


def compiled(**arguments):
    model = network()
    model.compile("sgd", loss=dict(LOSSES), **arguments)
    return model


def changed(row):
    x, y, _ = arrays(96)
    y["kind"][row] = 12
    return x, y


def stream(x, y):
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(32)


class Batches(keras.utils.PyDataset):
    def __init__(self, x, y):
        super().__init__()
        self.batches = list(stream(x, y).as_numpy_iterator())

    @property
    def num_batches(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.batches[index]


def generator(x, y):
    return stream(x, y).as_numpy_iterator()


@pytest.mark.parametrize("options", [{"jit_compile": True}, {"run_eagerly": True}], ids=str)
def test_steps_of_any_kind(options):
    model = compiled(**options)
    before = model.get_weights()
    with pytest.raises(ValueError, match="Task 'kind', training labels, row 7: 12 is not a class"):
        model.fit(stream(*changed(7)), verbose=0)
    assert all(map(np.array_equal, before, model.get_weights()))


@pytest.mark.parametrize("make", [stream, Batches, generator], ids=lambda make: make.__name__)
def test_streams_of_any_kind(make):
    batches = make(*changed(40))
    if make is generator:
        batches = (batch for batch in batches)
    with pytest.raises(ValueError, match=r"Task 'kind', training labels, row (40|8): 12 is not"):
        compiled(run_eagerly=True).fit(batches, verbose=0, steps_per_epoch=3, shuffle=False)


def test_data_for_evaluation_and_validation():
    x, y, _ = arrays(64)
    with pytest.raises(ValueError, match="Task 'kind', test labels, row 40: 12 is not a class"):
        compiled(run_eagerly=True).evaluate(stream(*changed(40)), verbose=0)
    with pytest.raises(ValueError, match="Task 'kind', validation labels, row 7: 12 is not"):
        compiled(run_eagerly=True).fit(x, y, validation_data=stream(*changed(7)), verbose=0)


def test_nan_inputs():
    x, y, _ = arrays(64)
    x[35, 2] = np.nan
    with pytest.raises(ValueError, match="Input 'x', training row 35: NaN"):
        compiled(run_eagerly=True).fit(stream(x, y), verbose=0)


def test_every_batch_passes_as_it_is():
    x, y, weights = arrays(96)
    data = tf.data.Dataset.from_tensor_slices((x, y, weights)).batch(32)
    model, reference = compiled(run_eagerly=True), compiled(run_eagerly=True)
    model.fit(data, epochs=2, verbose=0)
    for _ in range(2):
        for batch in data:
            reference.train_on_batch(*batch)
    assert all(map(np.array_equal, model.get_weights(), reference.get_weights()))


def test_a_sequence_of_batches_without_weights():
    """Keras cannot make a tensor of a None behind the labels."""
    x, y, _ = arrays(96)
    model, reference = compiled(), compiled()
    model.fit(Batches(x, y), validation_data=Batches(x, y), shuffle=False, verbose=0)
    reference.fit(stream(x, y), verbose=0)
    assert all(map(np.array_equal, model.get_weights(), reference.get_weights()))
    assert model.evaluate(Batches(x, y), verbose=0) == reference.evaluate(stream(x, y), verbose=0)
