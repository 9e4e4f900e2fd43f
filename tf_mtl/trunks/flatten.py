"""Any inputs → one vector for each example."""

from __future__ import annotations

from typing import Any

import keras


def flattened(inputs: Any, name: str) -> Any:
    """Returns inputs as `[B, d]`: tensors of other ranks flattened, several of them joined.

    Args:
        inputs: Keras tensor, or a dictionary or list of them.
        name: Prefix of the layers' names.
    """
    given = keras.tree.flatten(inputs)
    names = [f"{name}_flatten"]
    if len(given) > 1:
        names = [f"{name}_flatten_{i}" for i in range(len(given))]
    vectors = [
        tensor if len(tensor.shape) == 2 else keras.layers.Flatten(name=flatten)(tensor)
        for tensor, flatten in zip(given, names, strict=True)
    ]
    if len(vectors) == 1:
        return vectors[0]
    return keras.layers.Concatenate(name=f"{name}_inputs")(vectors)
