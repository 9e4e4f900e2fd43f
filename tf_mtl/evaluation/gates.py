"""Which experts the tasks use: gate values of a model, their picture, their course in training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..training import MultiTaskModel
from ..trunks.graph import is_functional, nodes_before
from ..trunks.mixture import Mixture


def gates(model: keras.Model, x: Any, level: int = -1) -> dict[str, np.ndarray]:
    """Returns the mean gate value of each expert, for each task.

    The gates are found in the graph, in a loaded model too, and in models within the model. Values
    of softmax gates and of DSelect-k sum to 1; those of SNR are shares of open connections.

    Args:
        model: A model with a gated trunk: MMoE, OMoE, CGC, PLE, DSelectK or SNR.
        x: Inputs as for `model.predict`: arrays, or a `tf.data.Dataset` of `x` or `(x, y)`.
        level: Level of the trunk from the inputs up, where there are several; -1 is the last.

    Returns:
        `{task: [num_experts]}`. Every task has an entry for every expert that a task uses at this
        level, 0 for the experts of other tasks; `expert_names` names them.

    Raises:
        ValueError: If the model has no gates of tasks, none at this level, or several of one task.

    >>> from tf_mtl import build_model, heads, trunks
    >>> model = build_model(
    ...     keras.Input((3,)),
    ...     trunks.MMoE([4], num_experts=2),
    ...     {"a": heads.Regression(), "b": heads.Regression()},
    ... )
    >>> {task: float(values.sum()) for task, values in gates(model, np.zeros((8, 3))).items()}
    {'a': 1.0, 'b': 1.0}
    """
    return _mean_values(*_gate_model(model, level), x)


def expert_names(model: keras.Model, level: int = -1) -> list[str]:
    """Returns the names of the experts in the order of `gates`.

    Args:
        model: As in `gates`.
        level: As in `gates`.
    """
    return _experts(list(_of_level(model, level)))


def plot_gates(model: keras.Model, x: Any, path: str | Path | None = None, level: int = -1) -> Any:
    """Draws the mean gate values, one row for each task and one column for each expert.

    Args:
        model: As in `gates`.
        x: As in `gates`.
        path: Picture to write, by its suffix (.png, .svg, .pdf); None for none.
        level: As in `gates`.

    Returns:
        The `matplotlib.figure.Figure`.
    """
    from matplotlib.figure import Figure  # not pyplot, which keeps figures and asks for a display

    values, experts = gates(model, x, level), expert_names(model, level)
    table = np.stack(list(values.values()))
    figure = Figure(
        figsize=(1.5 + 0.8 * len(experts), 1.5 + 0.5 * len(values)), layout="constrained"
    )
    axes = figure.subplots()
    picture = axes.imshow(table, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        colour = "white" if value > 0.6 else "black"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour)
    axes.set_xticks(range(len(experts)), experts, rotation=45, ha="right")
    axes.set_yticks(range(len(values)), list(values))
    axes.spines[:].set_visible(False)
    axes.set_title("mean gate value", fontsize="medium")  # beside few rows it would be cut off
    figure.colorbar(picture)
    if path is not None:
        figure.savefig(path, dpi=120)
    return figure


class GateLogger(keras.callbacks.Callback):
    """Logs the mean gate values after each epoch: `digit_gate_expert_0` and so on.

    They appear in the history and in the logs of later callbacks (TensorBoard, CSVLogger).

    Args:
        x: Inputs as for `gates`; a part of the validation data is enough.
        level: As in `gates`.

    >>> from tf_mtl import build_model, heads, trunks
    >>> trunk = trunks.MMoE([4], num_experts=2)
    >>> model = build_model(keras.Input((3,)), trunk, {"a": heads.Regression()})
    >>> model.compile()
    >>> x = np.zeros((8, 3))
    >>> history = model.fit(x, {"a": np.zeros(8)}, verbose=0, callbacks=[GateLogger(x)]).history
    >>> [name for name in history if "gate" in name]
    ['a_gate_expert_0', 'a_gate_expert_1']
    """

    def __init__(self, x: Any, level: int = -1) -> None:
        super().__init__()
        self.x = x
        self.level = level
        self._gates: keras.Model | None = None
        self._mixtures: list[Mixture] = []

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Finds the gates once: a model of them is traced when it first predicts."""
        self._gates, self._mixtures = _gate_model(self.model, self.level)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Adds the gate values to the logs."""
        if logs is None:
            return
        experts = _experts(self._mixtures)
        for task, values in _mean_values(self._gates, self._mixtures, self.x).items():
            for expert, value in zip(experts, values, strict=True):
                logs[f"{task}_gate_{expert}"] = float(value)


def _gate_model(model: keras.Model, level: int) -> tuple[keras.Model, list[Mixture]]:
    """Returns a model from the inputs to the gate values of each mixture, and the mixtures."""
    found = _of_level(model, level)
    values = {f"gate_{i}": tensor for i, tensor in enumerate(found.values())}
    return MultiTaskModel(model.input, values), list(found)  # which takes its inputs by name


def _mean_values(gates: keras.Model, mixtures: list[Mixture], x: Any) -> dict[str, np.ndarray]:
    experts = _experts(mixtures)
    of_mixtures = gates.predict(x, verbose=0)
    found = {}
    for i, mixture in enumerate(mixtures):
        values = of_mixtures[f"gate_{i}"]
        row = np.zeros(len(experts))
        row[[experts.index(name) for name in mixture.experts]] = values.mean(0, dtype="float64")
        found.update({task: row.copy() for task in mixture.tasks})
    return found


def _of_level(model: keras.Model, level: int) -> dict[Mixture, keras.KerasTensor]:
    """Returns `{mixture: its gate values}` of the mixtures of one level that serve tasks."""
    every = _with_gates(model)
    levels = sorted({mixture.level for mixture, _ in every})
    if not every:
        raise ValueError(
            "The model has no gates of tasks. Models with one of the trunks MMoE, OMoE, CGC, PLE, "
            "DSelectK or SNR, and more than one expert, have them."
        )
    wanted = levels[-1] if level == -1 else level
    if wanted not in levels:
        raise ValueError(f"No task has a gate at level {level}; there are gates at {levels}.")
    of_level = [(mixture, values) for mixture, values in every if mixture.level == wanted]
    tasks = [task for mixture, _ in of_level for task in mixture.tasks]
    for task in tasks:
        if tasks.count(task) > 1:
            raise ValueError(
                f"Task {task!r} has several gates at level {wanted}: a model within this one has "
                "gates of its own, or is called more than once. Pass that model, and its inputs."
            )
    return dict(of_level)


def _with_gates(model: keras.Model) -> list[tuple[Mixture, keras.KerasTensor]]:
    """Returns the mixtures that serve tasks, with their gate values as a function of the inputs."""
    found: list[tuple[Mixture, keras.KerasTensor]] = []
    for node in nodes_before(getattr(model, "outputs", None) or ())[::-1]:
        if isinstance(node.operation, Mixture) and node.operation.tasks:
            found.append((node.operation, node.input_tensors[0]))
        elif is_functional(node.operation) and (inside := _with_gates(node.operation)):
            values = keras.Model(node.operation.inputs, [tensor for _, tensor in inside])
            mixtures = [mixture for mixture, _ in inside]
            outside = keras.tree.flatten(values(node.input_tensors))
            found.extend(zip(mixtures, outside, strict=True))
    return found


def _experts(mixtures: list[Mixture]) -> list[str]:
    """Returns the names of all experts: those of single tasks first, then those of all."""
    names = list(dict.fromkeys(name for mixture in mixtures for name in mixture.experts))
    everywhere = [name for name in names if all(name in mixture.experts for mixture in mixtures)]
    return [name for name in names if name not in everywhere] + everywhere
