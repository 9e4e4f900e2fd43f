"""The networks that the benchmarks of speed train, and how a step of theirs is timed."""

from __future__ import annotations

import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

BATCHES = {"mlp": 256, "cnn": 128, "resnet50": 32}
SHAPES = {"mlp": (784,), "cnn": (28, 28, 1), "resnet50": (64, 64, 3)}


def network(model_class: type[keras.Model], kind: str, tasks: int) -> keras.Model:
    """An MLP 784-4x512, a CNN 32-64-128-256 or a ResNet50 with heads of ten classes.

    Args:
        model_class: `keras.Model` or `MultiTaskModel`.
        kind: "mlp", "cnn" or "resnet50".
        tasks: Number of heads.
    """
    keras.utils.set_random_seed(0)
    inputs = keras.Input(SHAPES[kind], name="image")
    x = inputs
    if kind == "mlp":
        for _ in range(4):
            x = keras.layers.Dense(512, activation="relu")(x)
    elif kind == "cnn":
        for filters in (32, 64, 128):
            x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
            x = keras.layers.MaxPooling2D()(x)
        x = keras.layers.Dense(256, activation="relu")(keras.layers.Flatten()(x))
    else:
        x = keras.applications.ResNet50(
            include_top=False, weights=None, input_shape=SHAPES[kind], pooling="avg"
        )(x)
    heads = [keras.layers.Dense(10, dtype="float32", name=f"head_{i}") for i in range(tasks)]
    return model_class(inputs, {f"task_{i}": head(x) for i, head in enumerate(heads)})


def batch(kind: str, tasks: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Returns a batch of noise and labels for each task."""
    random = np.random.default_rng(0)
    x = random.normal(size=(BATCHES[kind], *SHAPES[kind])).astype("float32")
    return x, {f"task_{i}": random.integers(0, 10, BATCHES[kind]) for i in range(tasks)}


class Steps:
    """A compiled model that takes steps on one batch.

    Args:
        model: The model.
        data: Inputs and labels of the batch.
    """

    def __init__(self, model: keras.Model, data: tuple[Any, Any]) -> None:
        self.model = model
        self._batches = iter(tf.data.Dataset.from_tensors(data).repeat())
        self.model.make_train_function()
        self.milliseconds(2)

    def milliseconds(self, steps: int) -> float:
        """Returns the mean time of so many steps."""
        start = time.perf_counter()
        for _ in range(steps):
            logs = self.model.train_function(self._batches)
        float(keras.tree.flatten(logs)[0])  # waits for the device
        return 1000.0 * (time.perf_counter() - start) / steps


def network_steps(model_class: type[keras.Model], kind: str, tasks: int, **arguments: Any) -> Steps:
    """Returns the steps of a network.

    Args:
        model_class: `keras.Model` or `MultiTaskModel`.
        kind: Of the network.
        tasks: Number of tasks.
        **arguments: Of `compile`.
    """
    model = network(model_class, kind, tasks)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        keras.optimizers.SGD(0.01),
        loss={f"task_{i}": loss for i in range(tasks)},
        **{"jit_compile": False, **arguments},
    )
    return Steps(model, batch(kind, tasks))
