"""Runs Keras' own tests of models and trainers with MultiTaskModel in place of keras.Model.

    python tools/keras_own_tests.py [pytest arguments]

The tests are those inside the installed keras package. Whatever differs on purpose is named in
`DIFFERENT` with the reason; every other test must pass.
"""

from __future__ import annotations

import importlib.util
import pathlib
import sys
import tempfile

import pytest

LISTS = "lists of outputs, losses or labels are refused: they would be matched by position"
NESTED = "nested outputs are refused: a task is one tensor"
MESSAGE = "the same mistake ends in an error of our own, which names the task and the nearest one"
SUBCLASS = (
    "MultiTaskModel is always built from inputs and outputs; models with call() are keras.Model's"
)
OTHER_BACKEND = "needs jax, torch or grain"

DIFFERENT = {
    "model_test": {
        "deeply_nested_outputs_struct_losses": LISTS,
        "dict_outputs_with_single_tensor": LISTS,
        "functional_list_outputs": LISTS,
        "struct_outputs_dict_struct_losses": LISTS,
        "struct_outputs_namedtuple_struct_losses": LISTS,
        "struct_outputs_struct_losses": LISTS,
        "dict_outputs_dict_losses_invalid_keys": MESSAGE,
        "dict_outputs_dict_metrics_invalid_keys": MESSAGE,
        "get_state_tree_with_duplicate_path": SUBCLASS,
        "layers_setter": SUBCLASS,
        "quantize_unbuilt": SUBCLASS,
        "tuple_input_model_subclass": SUBCLASS,
    },
    "functional_test": {
        "deeply_nested_model": NESTED,
        "basic_flow_multi_input": "asserts that Functional(...) is a Model, which is not replaced",
    },
    "trainer_test": {
        "partial_loss_partial_label": LISTS,
        "sparse_jax": OTHER_BACKEND,
        "grain": OTHER_BACKEND,
        "torch": OTHER_BACKEND,
    },
}


def _copy(name: str, folder: pathlib.Path) -> pathlib.Path:
    """Writes a copy of one of Keras' test files that uses MultiTaskModel."""
    package = {"trainer_test": "trainers"}.get(name, "models")
    spec = importlib.util.find_spec(f"keras.src.{package}.{name}")
    if spec is None or spec.origin is None:
        raise SystemExit(f"The installed keras has no {package}/{name}.py.")
    source = pathlib.Path(spec.origin).read_text()
    replaced = (
        source.replace(
            "from keras.src.models.model import Model\n",
            "from tf_mtl.training.model import MultiTaskModel as Model\n",
        )
        .replace("keras.Model(", "Model(")
        .replace(
            "from keras.src.models import Model\n",
            "from tf_mtl.training.model import MultiTaskModel as Model\n",
        )
        .replace("models.Model(", "Model(")
    )
    if "MultiTaskModel as Model" not in replaced:
        replaced = replaced.replace(
            "from keras.src import testing\n",
            "from keras.src import testing\n"
            "from tf_mtl.training.model import MultiTaskModel as Model\n",
        )
    replaced = replaced.replace("import jax\n", "jax = None  # only for tests of another backend\n")
    path = folder / f"keras_{name}.py"
    path.write_text(replaced)
    return path


def main(arguments: list[str]) -> int:
    """Copies, runs and reports; returns pytest's exit code."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(_copy(name, pathlib.Path(folder))) for name in DIFFERENT]
        left_out = " or ".join(test for tests in DIFFERENT.values() for test in tests)
        options = ["-c", "/dev/null", "--rootdir", folder, "-p", "no:cacheprovider", "-W", "ignore"]
        return pytest.main([*paths, *options, "-q", "-k", f"not ({left_out})", *arguments])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
