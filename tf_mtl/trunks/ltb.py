"""Learning to branch: which block each block follows from is learnt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..whole_numbers import is_number
from .blocks import blocks_of, columns_of
from .graph import operations_before
from .masked_layers import KeepsMask
from .mixing import Shape, check_equal_shapes, weighted_sum
from .repeated import is_repeated
from .trunk import Trunk


@keras.saving.register_keras_serializable(package="tf_mtl")
class LTB(Trunk):
    """As many columns of blocks as tasks; each block chooses a parent among those of the one below.

    With y_i the output of column i's block, the block of column j above it gets

        x_j = Σ_i d_ij y_i,      d_j = softmax((log α_j + G) / τ),   G Gumbel noise

    in training, with one draw for all rows of the batch, and the likeliest parent alone in
    inference. Task t reads the last block of column t. After training, `learnt_tree` tells the tree
    that is in use, to be trained anew with `Branching`. Shared are all blocks and choices below
    the last block.

    Args:
        body: What each column has a copy of: a list of units, MLP, CNN, or a list of blocks.
        temperature: τ at the start.
        last_temperature: τ at the end: the lower, the closer d is to a choice.
        steps: Number of training steps on the way from the first to the last, geometrically.
        seed: Seed of the noise, or None.

    Raises:
        ValueError: If a number is not above 0, or the blocks of the columns differ in shape.

    Reference: P. Guo, C.-Y. Lee, D. Ulbricht, Learning to Branch for Multi-Task Learning, ICML
    2020. As in LibMTL there are T columns at each depth; the paper lets the number of blocks differ
    by depth, and trains α at a rate of its own.

    >>> features = LTB([16, 8])(keras.Input((4,)), ["a", "b"])
    >>> features["a"].shape, features["b"].shape
    ((None, 8), (None, 8))
    """

    def __init__(
        self,
        body: Any,
        temperature: float = 5.0,
        last_temperature: float = 0.5,
        steps: int = 1000,
        seed: int | None = None,
    ) -> None:
        numbers = (temperature, last_temperature, steps)
        if not all(map(is_number, numbers)) or min(numbers[:2]) <= 0 or steps < 1:
            raise ValueError(
                "LTB needs temperatures above 0 and at least one step. Received: "
                f"temperature={temperature!r}, last_temperature={last_temperature!r}, "
                f"steps={steps!r}."
            )
        self.body = body
        self.temperature = temperature
        self.last_temperature = last_temperature
        self.steps = steps
        self.seed = seed

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns `{task: features}`."""
        features = dict.fromkeys(tasks, inputs)
        for i, block in enumerate(blocks_of(self.body)):
            if i and len(tasks) > 1:
                below = [features[task] for task in tasks]
                features = {
                    task: ParentChoice(
                        self.temperature,
                        self.last_temperature,
                        self.steps,
                        None if self.seed is None else self.seed + i * len(tasks) + t,
                        name=f"{task}_parent_{i}",
                    )(below)
                    for t, task in enumerate(tasks)
                }
            features = columns_of(block, features)
        return features


@keras.saving.register_keras_serializable(package="tf_mtl")
class ParentChoice(KeepsMask):
    """One of several tensors, softly chosen in training, the likeliest in inference.

    Args:
        temperature: Temperature at the start.
        last_temperature: Temperature at the end.
        steps: Number of training steps from the first to the last.
        seed: Seed of the noise, or None.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        features: List of tensors of equal shape.
        training: Whether to draw, or to take the likeliest.

    Returns:
        A tensor of that shape.
    """

    def __init__(
        self,
        temperature: float = 5.0,
        last_temperature: float = 0.5,
        steps: int = 1000,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.temperature = temperature
        self.last_temperature = last_temperature
        self.steps = steps
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, features_shape: Sequence[Shape]) -> None:
        """Creates log α, equal for all parents, and the counter of steps."""
        check_equal_shapes(features_shape, self.name)
        self.logits = self.add_weight(
            name="logits", shape=(len(features_shape),), initializer="zeros", autocast=False
        )
        self.step = self.add_weight(
            name="step",
            shape=(),
            initializer="zeros",
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
        )

    def call(self, features: Sequence[Any], training: bool = False) -> Any:
        """Returns the choice."""
        return weighted_sum(features, keras.ops.cast(self._shares(training), self.compute_dtype))

    def _shares(self, training: bool) -> Any:
        logits = keras.ops.convert_to_tensor(self.logits)
        if not training:
            return keras.ops.one_hot(keras.ops.argmax(logits), logits.shape[0])
        repeated = is_repeated()  # the step is counted already
        taken = self.step - 1 if repeated else self.step
        progress = keras.ops.minimum(taken / self.steps, 1.0)
        ratio = self.last_temperature / self.temperature
        temperature = self.temperature * keras.ops.power(ratio, progress)
        if not repeated:
            self.step.assign(self.step + 1)
        smallest = keras.config.epsilon()
        uniform = keras.random.uniform(logits.shape, smallest, 1.0, seed=self.seed_generator)
        noise = -keras.ops.log(-keras.ops.log(uniform))
        return keras.ops.softmax((keras.ops.log_softmax(logits) + noise) / temperature)

    def compute_output_shape(self, features_shape: Sequence[Shape]) -> Shape:
        """The shape of one of the tensors."""
        return features_shape[0]

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            **super().get_config(),
            "temperature": self.temperature,
            "last_temperature": self.last_temperature,
            "steps": self.steps,
            "seed": self.seed,
        }


def learnt_tree(model: keras.Model, tasks: Sequence[str]) -> list[list[list[str]]]:
    """Returns the tree that a model with an `LTB` trunk uses in inference, for `Branching`.

    Args:
        model: Trained model.
        tasks: Its tasks, in its order: `model.tasks`.

    Raises:
        ValueError: If the model has no choices of parents for these tasks.
    """
    levels: dict[int, dict[str, ParentChoice]] = {}
    for layer in model.layers:
        if isinstance(layer, ParentChoice):
            column, _, level = layer.name.rpartition("_parent_")
            levels.setdefault(int(level), {})[column] = layer
    if not levels or set(tasks) - set(levels[max(levels)]):
        raise ValueError(
            f"The model has no choices of parents for the tasks {list(tasks)}. Pass a model built "
            "with trunk=tf_mtl.trunks.LTB(...) of at least two blocks, and model.tasks."
        )
    choices = [levels[max(levels)][task] for task in tasks]
    tree = [[[task] for task in tasks]]
    while choices:
        chosen = [choice.input[int(keras.ops.argmax(choice.logits))] for choice in choices]
        tree.insert(0, _groups(tasks, [id(each) for each in chosen]))
        choices = [choice for each in chosen for choice in _choices_before(each)[:1]]
    return tree


def _choices_before(features: keras.KerasTensor) -> list[ParentChoice]:
    """Returns the choices on the way to the features of a block, that of the block itself first."""
    return [each for each in operations_before(features) if isinstance(each, ParentChoice)]


def _groups(tasks: Sequence[str], columns: Sequence[int]) -> list[list[str]]:
    return [
        [task for task, column in zip(tasks, columns, strict=True) if column == used]
        for used in dict.fromkeys(columns)
    ]
