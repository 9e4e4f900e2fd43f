"""Memory in long runs: thousands of models in one process."""

import gc

import keras
from tensorflow.python.framework import ops


def collect_seldom():
    """Makes Python look for garbage less often, and never among what is loaded by now.

    Each look goes through all objects that there are, and TensorFlow's modules are half a million.
    """
    gc.freeze()
    gc.set_threshold(5_000, 10, 10)


def free_memory():
    """Lets go of models and graphs.

    TensorFlow registers a gradient for each graph that has a sum over replicas, as that of Keras'
    optimizers, and never forgets it, nor the graph.
    """
    keras.backend.clear_session(free_memory=False)
    registry = ops.gradient_registry._registry
    for name in [each for each in registry if each.startswith(("CustomGradient-", "Partitioned"))]:
        del registry[name]
    gc.collect()
