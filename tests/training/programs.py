"""Small multi-task programs that several tests train."""

import keras
import numpy as np
from keras.layers import Dense

from tf_mtl import MultiTaskModel

LOSSES = {
    "price": "mse",
    "kind": "sparse_categorical_crossentropy",
    "sold": "binary_crossentropy",
}


def arrays(rows=200, seed=0):
    """Inputs, labels and sample weights of three tasks."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 8)).astype("float32")
    y = {
        "kind": random.integers(0, 3, rows),
        "sold": random.integers(0, 2, rows),
        "price": random.normal(size=(rows, 2)).astype("float32"),
    }
    weights = {task: random.uniform(0.5, 2, rows).astype("float32") for task in y}
    return x, y, weights


def network(model_class=MultiTaskModel, seed=1, use_bias=True):
    """Three heads, with biases or not, on a small network; the same weights for the same seed."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((8,), name="x")
    # Named, because TensorFlow sums gradients in the order of the names: dense_9, dense_10 is
    # another order than dense_1, dense_2, for keras.Model too.
    features = Dense(16, activation="relu", name="shared")(inputs)
    outputs = {
        "kind": Dense(3, activation="softmax", name="kind_output", use_bias=use_bias)(features),
        "sold": Dense(1, activation="sigmoid", name="sold_output", use_bias=use_bias)(features),
        "price": Dense(2, name="price_output", use_bias=use_bias)(features),
    }
    return model_class(inputs, outputs)


def difference(first, second):
    """Largest difference between the weights of two models."""
    pairs = zip(first.get_weights(), second.get_weights(), strict=True)
    return max(float(abs(a - b).max()) for a, b in pairs)
