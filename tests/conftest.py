"""What all tests share."""

import os
import pathlib

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
# Two processes of pytest for two cores: threads of TensorFlow's own would only disturb each other.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
# Most of what is compiled here runs for a few steps: code that is compiled fast suits it better.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import keras
import pytest

from tests.memory import collect_seldom, free_memory


def pytest_collection_finish():
    collect_seldom()


@pytest.fixture(autouse=True)
def _fixed_seed():
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True, scope="module")
def _free_memory():
    """Lets go of models and graphs after each file; 4000 tests would gather gigabytes."""
    yield
    free_memory()


@pytest.fixture
def shared():
    """The folder of real data beside the checkout; tests that need it skip without."""
    folder = pathlib.Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the real data sets lie in ../shared beside the checkout, which is not here")
    return folder
