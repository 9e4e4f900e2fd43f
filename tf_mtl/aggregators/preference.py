"""Preference vectors: how much each task counts in what a method starts from."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_mtl.aggregators.gramian import Rows
from tf_mtl.aggregators.gramian_aggregator import GramianAggregator
from tf_mtl.balancing_method import PerTask
from tf_mtl.method_arguments import check_numbers


class PreferenceAggregator(GramianAggregator):
    """Base of methods that start from one number for each task: how much it counts.

    Args:
        preference: `{task: number}`, or a list in the order of the model's outputs, none negative
            and not all zero; None treats the tasks alike.
        **options: `wrt`, `every`, `groups` and `name`, as every `Aggregator`.
    """

    def __init__(self, preference: PerTask | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.preference = check_numbers("preference", preference)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {**super().get_config(), "preference": self.preference}

    def _given(self) -> dict[str, Any]:
        return {"preference": self._in_order("preference", self.preference)}

    def _preferred(self, rows: Rows, default: Any) -> Any:
        """Returns `[T]` the preference of the present tasks, or `default` where none is set."""
        preference = self._given()["preference"]
        if preference is None:
            return default * rows.present
        return tf.constant(preference, tf.float64) * rows.present
