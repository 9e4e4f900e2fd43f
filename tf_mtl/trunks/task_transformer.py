"""A transformer encoder with a token for each task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..whole_numbers import check_whole
from .arguments import check_dropout
from .tokens import Shape, tokens_of
from .trunk import Trunk


@keras.saving.register_keras_serializable(package="tf_mtl")
class TaskTransformer(Trunk):
    """Learnt tokens of the tasks before the tokens of the input; a task reads what becomes of its.

        [z_1 … z_T; z_x] = encoder([e_1 … e_T; tokens(x)]),     features of task t: z_t

    The encoder consists of layers with normalisation first: attention of all heads and a dense
    part of 4 × width, each added to its input. With interact=False no token attends to the token of
    another task, so that z_t is the same whichever other tasks there are, and the input's tokens
    attend to the input only. Shared, as far as the graph shows, are all variables: the tokens e of
    the tasks are one variable. With interact=False the gradient of e_t from another task is 0.

    Args:
        width: Width of the tokens, a multiple of `num_heads`.
        num_layers: Number of encoder layers.
        num_heads: Number of heads of the attention.
        dropout: Share of units dropped behind the attention and the dense part.
        interact: Whether tokens attend to the tokens of the tasks.
        patch_size: Side of the patches of images in pixels.

    Raises:
        ValueError: If an argument is outside its range, or an input is of another rank.

    References: A. Vaswani et al., Attention Is All You Need, NeurIPS 2017; A. Dosovitskiy et al.,
    ViT, ICLR 2021, equations 1 to 4 (patches, and one token that is read, here one for each
    task); X.-C. Zhang et al., Pushing the Boundaries of Molecular Property Prediction … Multitask
    Learning BERT, Research 2022 (MTL-BERT: tokens of the tasks before the sequence).

    >>> features = TaskTransformer(width=8, num_heads=2)(keras.Input((4,)), ["a", "b"])
    >>> features["a"].shape, features["b"].shape
    ((None, 8), (None, 8))
    """

    def __init__(
        self,
        width: int = 64,
        num_layers: int = 2,
        num_heads: int = 4,
        dropout: float = 0.0,
        interact: bool = True,
        patch_size: int = 8,
    ) -> None:
        self.width = check_whole(width, "width")
        self.num_layers = check_whole(num_layers, "num_layers")
        self.num_heads = check_whole(num_heads, "num_heads")
        if width % num_heads:
            raise ValueError(
                "TaskTransformer needs a width that is a multiple of the number of heads. "
                f"Received: width={width}, num_heads={num_heads}."
            )
        self.dropout = check_dropout(dropout)
        self.interact = interact
        self.patch_size = check_whole(patch_size, "patch_size")

    def __call__(self, inputs: Any, tasks: Sequence[str]) -> Any:
        """Returns `{task: features}`."""
        tokens = tokens_of(inputs, self.width, self.patch_size, name="input")
        tokens = TaskTokens(len(tasks), name="tokens_of_tasks")(tokens)
        mask = None
        if not self.interact:
            mask = TasksApart(len(tasks), name="attention_mask")(tokens)
        for i in range(self.num_layers):
            tokens = self._encoded(tokens, mask, f"encoder_{i}")
        tokens = keras.layers.LayerNormalization(name="encoder_normalization")(tokens)
        return {task: Position(t, name=f"{task}_features")(tokens) for t, task in enumerate(tasks)}

    def _encoded(self, tokens: Any, mask: Any, name: str) -> Any:
        normal = keras.layers.LayerNormalization(name=f"{name}_attention_normalization")(tokens)
        attended = keras.layers.MultiHeadAttention(
            self.num_heads,
            self.width // self.num_heads,
            dropout=self.dropout,
            name=f"{name}_attention",
        )(normal, normal, attention_mask=mask)
        tokens = keras.layers.Add(name=f"{name}_attention_sum")([tokens, attended])
        hidden = keras.layers.LayerNormalization(name=f"{name}_dense_normalization")(tokens)
        hidden = keras.layers.Dense(4 * self.width, "gelu", name=f"{name}_dense_0")(hidden)
        hidden = keras.layers.Dense(self.width, name=f"{name}_dense_1")(hidden)
        if self.dropout:
            hidden = keras.layers.Dropout(self.dropout, name=f"{name}_dropout")(hidden)
        return keras.layers.Add(name=f"{name}_dense_sum")([tokens, hidden])


@keras.saving.register_keras_serializable(package="tf_mtl")
class TaskTokens(keras.layers.Layer):
    """Puts a learnt token of each task before a sequence.

    Args:
        number: Number T of tasks.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        tokens: `[B, L, width]`; a mask of padding is kept.

    Returns:
        `[B, T + L, width]`.
    """

    def __init__(self, number: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.number = number

    def build(self, tokens_shape: Shape) -> None:
        """Creates the tokens of the tasks."""
        self.tokens = self.add_weight(
            name="tokens",
            shape=(1, self.number, tokens_shape[-1]),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
        )

    def call(self, tokens: Any) -> Any:
        """Returns the longer sequence."""
        shape = keras.ops.shape(tokens)
        first = keras.ops.broadcast_to(self.tokens, (shape[0], self.number, shape[2]))
        return keras.ops.concatenate([first, tokens], axis=1)

    def compute_mask(self, tokens: Any, previous_mask: Any) -> Any:
        """The tokens of the tasks are no padding."""
        if previous_mask is None:
            return None
        first = keras.ops.ones_like(previous_mask[:, :1], dtype="bool")
        first = keras.ops.repeat(first, self.number, axis=1)
        return keras.ops.concatenate([first, keras.ops.cast(previous_mask, "bool")], axis=1)

    def compute_output_shape(self, tokens_shape: Shape) -> Shape:
        """The sequence is longer by the number of tasks."""
        length = None if tokens_shape[1] is None else tokens_shape[1] + self.number
        return (tokens_shape[0], length, tokens_shape[2])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "number": self.number}


@keras.saving.register_keras_serializable(package="tf_mtl")
class TasksApart(keras.layers.Layer):
    """The attention mask under which a task's token is seen by itself only.

    Args:
        number: Number T of tasks, whose tokens come first.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        tokens: `[B, T + L, width]`.

    Returns:
        Bool `[1, T + L, T + L]`: row i attends to the columns that are true.

    >>> TasksApart(1)(keras.ops.ones((1, 2, 3))).numpy().astype(int)
    array([[[1, 1],
            [0, 1]]])
    """

    def __init__(self, number: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.number = number

    def call(self, tokens: Any) -> Any:
        """Returns the mask."""
        positions = keras.ops.arange(keras.ops.shape(tokens)[1])
        itself = positions[:, None] == positions[None, :]
        of_input = positions[None, :] >= self.number
        return keras.ops.expand_dims(keras.ops.logical_or(itself, of_input), 0)

    def compute_mask(self, tokens: Any, previous_mask: Any) -> None:
        """The attention itself heeds the padding."""

    def compute_output_spec(self, tokens: Any) -> Any:
        """A square of the sequence's length."""
        return keras.KerasTensor((1, tokens.shape[1], tokens.shape[1]), dtype="bool")

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "number": self.number}


@keras.saving.register_keras_serializable(package="tf_mtl")
class Position(keras.layers.Layer):
    """One position of a sequence.

    Args:
        index: Number of the position.
        **kwargs: Other arguments of `keras.layers.Layer`.

    Call arguments:
        tokens: `[B, L, width]`.

    Returns:
        `[B, width]`.
    """

    def __init__(self, index: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.index = index

    def call(self, tokens: Any) -> Any:
        """Returns the position's token."""
        return tokens[:, self.index]

    def compute_mask(self, tokens: Any, previous_mask: Any) -> None:
        """A single token has no padding."""

    def compute_output_shape(self, tokens_shape: Shape) -> Shape:
        """The sequence without its axis of positions."""
        return (tokens_shape[0], tokens_shape[2])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "index": self.index}
