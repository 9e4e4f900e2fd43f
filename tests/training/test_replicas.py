"""Two and four replicas take the step that one takes, also when labels are missing unevenly."""

from unittest import mock

import keras
import pytest
import tensorflow as tf

from tests.replicas import printed_by
from tf_mtl import build_model, heads

PROGRAM = """
import sys
import keras
import numpy as np
import tensorflow as tf

from tests.memory import free_memory
from tests.replicas import strategies
from tests.training.programs import LOSSES, arrays, network
from tf_mtl.training import GradualUnfreezing

one, many = strategies(int(sys.argv[1]))

def data(mode):
    x, y, weights = arrays(32 * 10 - (29 if mode == "short" else 0))  # 3 rows in the last batch
    if mode == "missing":
        random = np.random.default_rng(3)
        rows = np.arange(len(x))
        y["price"][(rows % 32 < 14) & (random.random(len(x)) < 0.9)] = np.nan  # first replica only
        y["price"][5, 0] = np.nan
        y["kind"][random.random(len(x)) < 0.5] = -1
    return (x, y, weights) if mode == "weights" else (x, y)

def run(strategy, mode, aggregator):
    with strategy.scope():
        model = network()
        model.compile(
            keras.optimizers.Adam(0.01),
            loss=dict(LOSSES),
            loss_weights={"price": 0.5},
            metrics={"price": ["mae"], "kind": ["accuracy"]},
            aggregator=aggregator,
        )
        stream = tf.data.Dataset.from_tensor_slices(data(mode)).batch(32, mode != "short")
        callbacks = [GradualUnfreezing({1: True})] if mode == "unfreezing" else []
        history = model.fit(stream, epochs=2, verbose=0, callbacks=callbacks).history
        return model.get_weights(), history, model.evaluate(stream, verbose=0, return_dict=True)

for case in sys.argv[2:]:
    mode, _, aggregator = case.partition(" ")
    (weights, logs, results), (weights_2, logs_2, results_2) = (
        run(strategy, mode, aggregator or None) for strategy in (one, many)
    )
    pairs = zip(weights, weights_2, strict=True)
    print(case, "weights", max(float(abs(a - b).max()) for a, b in pairs))
    print(case, "logs", max(abs(logs[n][e] - logs_2[n][e]) for n in results for e in (0, 1)))
    print(case, "evaluate", max(abs(results[name] - results_2[name]) for name in results))
    free_memory()
"""
MOST = {"weights": 1e-5, "evaluate": 1e-5, "logs": 1e-4}
CASES = {
    2: [
        "complete",
        "missing",
        "weights",
        "short",
        "missing upgrad",
        "missing pcgrad",
        "unfreezing",
        "unfreezing upgrad",
    ],
    4: ["missing", "missing gradnorm"],
}


@pytest.mark.slow
@pytest.mark.parametrize("replicas", CASES)
def test_replicas_take_the_step_of_one(replicas):
    """20 steps of Adam."""
    found = printed_by(PROGRAM, replicas, *CASES[replicas])
    assert set(found) == {f"{case} {what}" for case in CASES[replicas] for what in MOST}
    assert {k: v for k, v in found.items() if not v <= MOST[k.rpartition(" ")[2]]} == {}


def workers(number):
    """A strategy of so many processes, which would wait for each other if it were made."""
    cluster = tf.train.ClusterSpec({"worker": [f"localhost:{i}" for i in range(number)]})
    strategy = mock.create_autospec(tf.distribute.MultiWorkerMirroredStrategy, instance=True)
    strategy.cluster_resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(cluster)
    return strategy


@pytest.mark.parametrize(
    ("strategy", "named"),
    [
        (workers(2), "MultiWorkerMirroredStrategy with several workers"),
        (
            mock.create_autospec(tf.distribute.ParameterServerStrategy, instance=True),
            "ParameterServerStrategy",
        ),
    ],
)
def test_strategies_that_keras_does_not_know_are_refused(strategy, named, monkeypatch):
    model = build_model(keras.Input((2,)), keras.layers.Dense(2), {"size": heads.Regression()})
    monkeypatch.setattr(type(model), "distribute_strategy", strategy)
    with pytest.raises(ValueError, match=f"under {named}"):
        model.compile("sgd")
