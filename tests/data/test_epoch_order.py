"""The order of rows is told by seed and epoch, however many iterators were made before."""

import pytest
import tensorflow as tf

from tf_mtl.data.epoch_order import EpochOrder


def whole(order):
    return order.rows(100)


def buffered(order):
    return order.shuffled(tf.data.Dataset.range(100), count=100, buffer=30)


def seen(dataset):
    return [int(row) for row in dataset]


@pytest.mark.parametrize("make", [whole, buffered])
@pytest.mark.parametrize("seed", [0, 7])
def test_seed_and_epoch_tell_the_order(make, seed):
    first, second = EpochOrder(seed), EpochOrder(seed)
    dataset, other = make(first), make(second)
    epochs = [seen(dataset) for _ in range(3)]
    assert all(sorted(epoch) == list(range(100)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2] != epochs[0]
    next(iter(other))  # an iterator more, as Keras makes it before the first epoch
    for epoch in (2, 0, 1):
        second.start_epoch(epoch)
        assert seen(other) == epochs[epoch]
    assert seen(make(EpochOrder(seed + 1))) != epochs[0]
    assert dataset.cardinality() == 100
