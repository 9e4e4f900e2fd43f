"""Every weighting and aggregator takes the same 20 steps on one, two and four replicas."""

import pytest

from tests.replicas import printed_by

PROGRAM = """
import sys
import keras
import numpy as np
import tensorflow as tf

from tests.descriptors import AGGREGATORS
from tests.memory import free_memory
from tests.replicas import strategies
from tests.training.programs import LOSSES, arrays, network
from tests.weightings.rows import WEIGHTINGS
from tf_mtl.weightings import GradientWeighting

kind = sys.argv[2]
one, many = strategies(int(sys.argv[1]))

x, y, weights = arrays(32 * 20)
random, rows = np.random.default_rng(3), np.arange(32 * 20)
y["price"][(rows % 32 < 14) & (random.random(len(x)) < 0.9)] = np.nan  # first replicas only
y["kind"][random.random(len(x)) < 0.5] = -1
y["sold"][32:64] = -1  # nowhere in one step
batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(32, drop_remainder=True)

# Each aggregator is together with a weighting, with another one at features: some aggregators
# do not tell by how much the losses were weighed.
def methods():
    at, shift = ({"wrt": "features"}, 7) if kind == "features" else ({}, 0)
    weightings = [
        lambda row=row, v=v: row.cls(**v)
        for row in WEIGHTINGS
        if not (at and issubclass(row.cls, GradientWeighting))  # these take parameters only
        for v in row.variants
    ]
    assert at or len(weightings) <= len(AGGREGATORS)
    accepted = {}
    for n, row in enumerate(AGGREGATORS):
        arguments = {**row.variants[0], **at}
        try:
            row.cls(**arguments)
        except ValueError:
            continue  # this method has no weights and takes parameters only
        # Some classes have several rows: all of them at parameters, one at features.
        accepted[row.cls if at else n] = lambda cls=row.cls, arguments=arguments: cls(**arguments)
    for n, aggregator in enumerate(accepted.values()):
        weighting = weightings[(n + shift) % len(weightings)]
        name = f"{type(aggregator()).__name__} {type(weighting()).__name__} {n}"
        yield name, {"aggregator": aggregator, "loss_weights": weighting}

def run(strategy, arguments):
    with strategy.scope():
        model = network(use_bias=False)
        made = {name: make() for name, make in arguments.items()}
        model.compile(keras.optimizers.SGD(0.02, momentum=0.9), loss=dict(LOSSES), **made)
        model.fit(batches, verbose=0)
    return model.get_weights()

for name, arguments in methods():
    pairs = zip(run(one, arguments), run(many, arguments), strict=True)
    print(name, max(float(abs(a - b).max()) for a, b in pairs), flush=True)
    free_memory()
"""


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [2, 4])
@pytest.mark.parametrize("kind", ["parameters", "features"])
def test_replicas_take_the_steps_of_one(replicas, kind):
    found = printed_by(PROGRAM, replicas, kind)
    assert len(found) >= 12
    assert {name: value for name, value in found.items() if not value <= 1e-5} == {}
