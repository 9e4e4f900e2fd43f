"""Small models and data of the rows of `TRUNKS`."""

import keras
import numpy as np

from tf_mtl import build_model, heads

ROWS = 32


def model_of(row, tasks=("a", "b"), trunk=None, **compiling):
    """Returns a compiled model of a trunk; the same weights at every call."""
    keras.utils.set_random_seed(0)
    dtype = getattr(row, "dtype", "float32")
    if isinstance(row.shape, dict):
        inputs = {name: keras.Input(shape, name=name) for name, shape in row.shape.items()}
    else:
        inputs = keras.Input(row.shape, name="x", dtype=dtype)
    ends = {
        task: heads.BinaryClassification() if i % 2 else heads.Regression()
        for i, task in enumerate(tasks)
    }
    model = build_model(inputs, trunk or row.make(tasks), ends)
    compiling.setdefault("metrics", None)
    model.compile(compiling.pop("optimizer", keras.optimizers.SGD(0.1)), **compiling)
    return model


def data_of(row, tasks=("a", "b"), rows=ROWS):
    """Returns inputs and labels."""
    random = np.random.default_rng(0)
    shapes = row.shape if isinstance(row.shape, dict) else {"x": row.shape}
    x = {
        name: random.normal(size=(rows, *shape)).astype("float32") for name, shape in shapes.items()
    }
    y = {
        task: random.integers(0, 2, rows) if i % 2 else random.normal(size=rows).astype("float32")
        for i, task in enumerate(tasks)
    }
    return (x if isinstance(row.shape, dict) else x["x"]), y


def predictions(model, x):
    """Returns `{task: array}`, without a graph, whose making takes longer than all the rest."""
    return {task: np.array(values) for task, values in model(x, training=False).items()}


def moved(model, before):
    """Returns the layers with trainable weights of which one has changed since `before`."""
    return {
        layer.name
        for layer in model.layers
        if layer.trainable_weights
        and not all(map(np.array_equal, layer.get_weights(), before[layer.name]))
    }


def weights_by_layer(model):
    """Returns `{layer: arrays}`."""
    return {layer.name: layer.get_weights() for layer in model.layers}
