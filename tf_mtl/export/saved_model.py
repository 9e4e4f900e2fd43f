"""A trained model → a TensorFlow SavedModel."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ..names import is_reserved
from ..training import MultiTaskModel
from .label_names import label_names, most_likely, names_one_class
from .version_folder import check_free, check_version, local_folder, publish, unfinished_folder

LABELS_FILE = Path("assets.extra", "labels.json")
_INPUT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


def saved_model(
    model: keras.Model, directory: str | os.PathLike[str], version: int | None = None
) -> Path:
    """Writes a SavedModel that TF Serving, or any process with TensorFlow alone, can run.

    Training happens where this package is installed, serving where it is not. The SavedModel holds
    preprocessing layers and weights, but no optimizer. Every signature takes the model's inputs by
    their own names (with underscores for dots and dashes), one row or more, and names its
    outputs by task:

    * `serving_default`: `{task: prediction}`, what `model.predict` returns;
    * `classes`: `{task: name of the most likely class}`, strings `[B]`, for the tasks whose classes
      have names and exclude each other; left out if there is none.

    The names in the order of the outputs, also those of multi-label tasks, lie beside the graph
    in `assets.extra/labels.json`: `{task: [name, ...]}`.

    Args:
        model: A `MultiTaskModel`, or another Keras model made from inputs and outputs.
        directory: Local folder of all versions of this model; made if it is not there. The model
            appears in it whole, by a rename, so that a running server never sees half of it.
        version: Number of the version, at least 1; None for the next free one.

    Returns:
        The folder `directory/<version>`.

    Raises:
        ValueError: If the model has no inputs yet, or inputs or outputs without a name of their
            own, or with one that a signature cannot have; if `version` is not a positive integer;
            for an address instead of a folder.
        FileExistsError: If `version` exists.
        NotADirectoryError: If `directory` is a file.
        OSError: If `directory` cannot be written to.

    Reference: https://www.tensorflow.org/guide/saved_model

    >>> import tempfile
    >>> import tf_mtl as mtl
    >>> inputs = keras.Input((8,), name="reading")
    >>> heads = {"animal": mtl.heads.Classification(class_names=["cat", "dog"])}
    >>> model = mtl.build_model(inputs, mtl.trunks.MLP([4]), heads)
    >>> folder = saved_model(model, tempfile.mkdtemp())
    >>> folder.name
    '1'
    >>> loaded = tf.saved_model.load(folder)
    >>> loaded.signatures["serving_default"](reading=tf.zeros((1, 8)))["animal"].numpy().tolist()
    [[0.5, 0.5]]
    >>> loaded.signatures["classes"](reading=tf.zeros((1, 8)))["animal"].numpy().tolist()
    [b'cat']
    """
    check_version(version)
    model = _functional(model)
    inputs = _inputs(model)
    tasks = _tasks(model)
    folder = local_folder(directory)
    check_free(folder, version)
    heads = model.heads if isinstance(model, MultiTaskModel) else {}
    named = {task: head for task, head in heads.items() if names_one_class(head)}

    def predict(tensors: Any) -> dict[str, Any]:
        outputs = model(tensors, training=False)
        return dict(zip(tasks, keras.tree.flatten(outputs), strict=True))

    def classes(tensors: Any) -> dict[str, Any]:
        predictions = predict(tensors)
        return {task: most_likely(head, predictions[task]) for task, head in named.items()}

    signatures: dict[str, Callable[..., Any]] = {"serving_default": predict}
    if named:
        signatures["classes"] = classes
    with unfinished_folder(folder) as unfinished:
        # One structure, as models are called: so does `keras.layers.TFSMLayer`.
        structure = keras.tree.pack_sequence_as(model.input, inputs)
        _write(model, signatures, structure, unfinished)
        _write_labels(label_names(heads), unfinished / LABELS_FILE)
        return publish(unfinished, folder, version)


def check_names(model: keras.Model) -> None:
    """Raises `ValueError` if the inputs or outputs of a model cannot be served by their names.

    `saved_model` does so too, after what may be hours of training.
    """
    model = _functional(model)
    _inputs(model)
    _tasks(model)


def _write(
    model: keras.Model,
    signatures: Mapping[str, Callable[..., Any]],
    inputs: Any,
    folder: Path,
) -> None:
    archive = keras.export.ExportArchive()
    # The signatures find their variables, but not their lookup tables. Keras would store the
    # variables of a tracked model a second time; of a module that holds it, only the tables.
    module = tf.Module()
    module.model = model
    archive.track(module)
    for name, function in signatures.items():
        archive.add_endpoint(name, function, input_signature=[inputs])
    archive.write_out(str(folder), verbose=False)


def _write_labels(names: Mapping[str, list[str]], file: Path) -> None:
    if names:
        file.parent.mkdir()
        file.write_text(json.dumps(names, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _functional(model: Any) -> keras.Model:
    """Returns the model, made from inputs and outputs, or says why there is none."""
    if not isinstance(model, keras.Model):
        raise ValueError(
            f"Expected a Keras model. Received: {model!r} (type {type(model).__name__})."
        )
    if not model.built or not getattr(model, "inputs", None):
        raise ValueError(
            f"The model {model.name!r} has no inputs yet: make it from keras.Input tensors "
            "(tf_mtl.build_model, keras.Model(inputs, outputs)), or call it on data once if it is "
            "keras.Sequential. A subclass of keras.Model without inputs has its own export(path)."
        )
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs[0], model.outputs[0])
    return model


def _inputs(model: keras.Model) -> list[tf.TensorSpec]:
    """Returns the inputs with a free batch dimension, in Keras' order."""
    tensors = model.inputs
    for tensor in tensors:
        if getattr(tensor, "sparse", False) or getattr(tensor, "ragged", False):
            raise ValueError(
                f"Input {tensor.name!r} is sparse or ragged, which a request to a server cannot "
                "hold. Give the model a dense input."
            )
    _check_input_names([tensor.name for tensor in tensors])
    return [
        tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype, tensor.name) for tensor in tensors
    ]


def _check_input_names(names: list[str]) -> None:
    """Raises `ValueError` for names that TensorFlow would refuse, without saying which."""
    rename = "Rename it: keras.Input(..., name=...)."
    served: dict[str, str] = {}
    for name in names:
        if not _INPUT_NAME.fullmatch(name) or is_reserved(name):
            raise ValueError(
                f"The input {name!r} cannot be served by its name: in a SavedModel this consists "
                "of letters from a to z, digits, dots, dashes and underscores, begins with a "
                f"letter or digit, and is neither 'self' nor a keyword of Python. {rename}"
            )
        argument = re.sub(r"[.-]", "_", name).lower()
        if argument in served:
            raise ValueError(
                f"The input {name!r} cannot be served beside {served[argument]!r}: both are "
                f"{argument!r} in a SavedModel. {rename}"
            )
        served[argument] = name


def _tasks(model: keras.Model) -> list[str]:
    """Returns the names of the outputs in Keras' order, which sorts dictionaries."""
    outputs = model.output
    if isinstance(outputs, Mapping) and all(
        isinstance(output, keras.KerasTensor) for output in outputs.values()
    ):
        return sorted(outputs)
    if isinstance(outputs, keras.KerasTensor):
        return list(model.output_names)
    raise ValueError(
        "Expected a model whose outputs are a dictionary {task: tensor}, or one tensor: others "
        f"have no names to serve them by. Received: {keras.tree.map_structure(str, outputs)}."
    )
