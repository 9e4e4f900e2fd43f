"""What all tests share."""

import gc
import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import pytest
from tensorflow.python.framework import ops


@pytest.fixture(autouse=True)
def _fixed_seed():
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True, scope="module")
def _free_memory():
    """Lets go of models and graphs after each file; 4000 tests would gather gigabytes.

    TensorFlow registers a gradient for each graph that has a sum over replicas, as that of Keras'
    optimizers, and never forgets it, nor the graph.
    """
    yield
    keras.backend.clear_session()
    registry = ops.gradient_registry._registry
    for name in [each for each in registry if each.startswith(("CustomGradient-", "Partitioned"))]:
        del registry[name]
    gc.collect()


@pytest.fixture
def shared():
    """The folder of real data beside the checkout; tests that need it skip without."""
    folder = pathlib.Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the real data sets lie in ../shared beside the checkout, which is not here")
    return folder
