"""Small models with every kind of inputs and heads, each with rows to predict on."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

import tf_mtl as mtl

ROWS = 5


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(ROWS, *shape)).astype("float32")


def single_input() -> tuple[keras.Model, Any]:
    model = mtl.build_model(
        keras.Input((8, 8, 1), name="image"),
        trunk=mtl.trunks.CNN([4], units=[8]),
        heads={
            "digit": mtl.heads.Classification(class_names=["zero", "één", "two"]),
            "odd": mtl.heads.BinaryClassification(["even", "odd"]),
            "ink": mtl.heads.Regression(mean=5.0, std=2.0),
            "marks": mtl.heads.MultiLabel(class_names=["stroke", "loop"]),
            "nameless": mtl.heads.Classification(4),
        },
    )
    return model, numbers(8, 8, 1)


def dictionary_of_raw_columns() -> tuple[keras.Model, Any]:
    inputs = {
        "job": keras.Input((1,), name="job", dtype="string"),
        "age": keras.Input((1,), name="age"),
    }
    lookup = keras.layers.StringLookup(vocabulary=["clerk", "farmer"], output_mode="one_hot")
    features = keras.layers.Concatenate()([lookup(inputs["job"]), inputs["age"]])
    model = mtl.build_model(
        features,
        trunk=mtl.trunks.MLP([8]),
        heads={
            "income": mtl.heads.BinaryClassification(["<=50K", ">50K"]),
            "hours": mtl.heads.Regression(units=2),
        },
    )
    jobs = tf.constant([["clerk"], ["farmer"], ["pilot"], [""], ["clerk"]])
    return model, {"job": jobs, "age": tf.constant(numbers(1))}


def list_of_inputs() -> tuple[keras.Model, Any]:
    # Names in an order that sorting would change.
    inputs = [keras.Input((3,), name="second"), keras.Input((2,), name="first")]
    model = mtl.build_model(
        inputs, trunk=mtl.trunks.MLP([8]), heads={"b": keras.layers.Dense(2), "a": head_of_layer()}
    )
    return model, [numbers(3), numbers(2)]


def head_of_layer() -> mtl.heads.Head:
    return mtl.heads.Head(
        keras.layers.Dense(3),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        class_names=["x", "y", "z"],
    )


MODELS = [single_input, dictionary_of_raw_columns, list_of_inputs]


def by_input_name(model: keras.Model, x: Any) -> dict[str, tf.Tensor]:
    """Returns the rows as a request names them."""
    names = [tensor.name for tensor in keras.tree.flatten(model.input)]
    return dict(zip(names, map(tf.constant, keras.tree.flatten(x)), strict=True))
