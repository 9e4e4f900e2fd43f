"""DB-MTL: equal scales for the losses and for the gradients."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_mtl.aggregators.aggregator import Aggregator, Answer, keep_unless
from tf_mtl.aggregators.gramian import combine, divide, from_blocks
from tf_mtl.aggregators.moving_rows import first_average, move_average
from tf_mtl.method_arguments import check_number


@keras.saving.register_keras_serializable(package="tf_mtl")
class DBMTL(Aggregator):
    """g = Σ_t (max_s ‖y_s‖ / ‖y_t‖) y_t, y_t a moving average of the gradients of log loss_t.

    The logarithm makes the scale of the losses immaterial, and the division that of the gradients.

    Reference: Lin et al., "Dual-Balancing for Multi-Task Learning", 2023 (arXiv 2308.12029),
    equations 2 and 3: y ← y + (1 - β/k^s)(∇log loss - y). y starts from each task's first
    gradient, where LibMTL starts from zero, and a loss that is not positive counts as absent, where
    LibMTL adds 1e-8. Without losses, the rows are taken for gradients of log losses already. The
    logarithm is taken for the shared variables only: with the weighting `Logarithm` the heads
    follow it too, as in the paper. It keeps T copies of the parameters.

    Args:
        beta: β, the part of the average that is kept, in [0, 1].
        beta_decay: s, by which it decreases with the number of steps k.
        **options: `groups` and `name`, as every `Aggregator`; `wrt` and `every` cannot be changed.

    >>> DBMTL()(keras.ops.array([[3.0, 0.0], [0.0, 1.0]])).numpy()
    array([3., 3.], dtype=float32)
    """

    def __init__(self, beta: float = 0.9, beta_decay: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        check_number("beta", beta, 0.0, 1.0)
        check_number("beta_decay", beta_decay)
        self.beta = beta
        self.beta_decay = beta_decay

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "beta": self.beta, "beta_decay": self.beta_decay}

    def _first_state(self, tasks: int, sizes: list[Any]) -> dict[str, np.ndarray]:
        return {**super()._first_state(tasks, sizes), **first_average(tasks, sizes)}

    def _aggregate(self, blocks: list[Any], losses: Any, gramian: Any, state: Any) -> Answer:
        logs = blocks
        if losses is not None:
            column = tf.cast(losses, tf.float32)[:, None]
            positive = tf.where(column <= 0.0, 0.0, column)  # NaN shows
            logs = [divide(tf.cast(block, tf.float32), positive) for block in blocks]
        remembered = dict(state)
        kept = self.beta / (state["updates"] + 1.0) ** self.beta_decay
        averages, _ = move_average(logs, 1.0 - kept, state)
        rows = from_blocks(averages)
        keep_unless(tf.reduce_all(tf.math.is_finite(rows.norms)), state, remembered)
        gradient = combine(averages, rows.present / rows.lengths, rows)
        dtypes = [block.dtype for block in blocks]
        return Answer([tf.cast(part, dtype) for part, dtype in zip(gradient, dtypes, strict=True)])
