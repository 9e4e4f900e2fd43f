"""Frees the layers of a pretrained network one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import keras

from ..keras_internals import sublayers
from ..names import check_known
from ..trunks.freezing import Trainable, chosen_layers, leaf_layers, write_flags
from ..weightings import GradientWeighting
from ..whole_numbers import is_whole
from .sharing import shared_layers

if TYPE_CHECKING:
    from .model import MultiTaskModel


class GradualUnfreezing(keras.callbacks.Callback):
    """Trains the heads first, and layers of the trunk from the epochs on that a schedule says.

    Howard & Ruder, "Universal Language Model Fine-tuning for Text Classification", ACL 2018,
    section 3.3: one more layer each epoch, from the top.

    The model is compiled with all that will ever be trained, and stays so: layers are held back in
    the training steps only. The optimizer therefore knows all variables from the start, nothing is
    compiled again, its state is kept, and whatever is saved on the way can be trained on, from
    `initial_epoch`. Within the steps, a layer held back is one with `trainable=False`: no gradient
    is computed for it, an aggregator does not see it, and batch normalisation keeps its
    statistics and normalises with them.

    Adam and its kin correct their means by the number of steps, and count for all variables alike.
    The first steps of a layer that joins after 30 steps would be about half as long as usual, those
    of one that joins after thousands up to 6.5 times as long. Compile with `layerwise_optimizer`,
    which counts by groups: `layerwise_optimizer("adam", model, {"block_2": 1.0, "block_1": 1.0})`
    for layers that are freed one by one.

    Args:
        schedule: `{epoch: what is trained from it on}`, epochs counted from 0 as in Keras, values
            as those of `tf_mtl.trunks.set_trainable`. Before the first one, nothing of the
            network is trained.
        network: Name of the layer or model within the model that is meant. By default all that
            tasks share (with a single task, all but the layer of its output). Several networks
            have a callback each.

    Raises:
        ValueError: If an epoch is none; in `fit`, if a name or number of layers does not fit, or
            the model cannot be trained so.

    >>> callback = GradualUnfreezing({0: False, 2: 4, 4: True})
    """

    def __init__(self, schedule: Mapping[int, Trainable], network: str | None = None) -> None:
        super().__init__()
        if not isinstance(schedule, Mapping):
            raise ValueError(
                "A schedule is a dictionary {epoch: what is trained from it on}. "
                f"Received: {schedule!r}."
            )
        for epoch in schedule:
            if not is_whole(epoch) or epoch < 0:
                raise ValueError(
                    "The keys of a schedule are epochs, whole numbers from 0 on. "
                    f"Received: {epoch!r}."
                )
        if not schedule:
            raise ValueError("The schedule is empty. Give it as {epoch: what is trained}.")
        self.schedule = dict(sorted(schedule.items()))
        self.network = network
        self._held: dict[int, list[Any]] = {}
        self._stage: int | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Finds the layers, and checks that the model can be trained so."""
        layers = self._layers()
        leaves = leaf_layers(layers)
        self._held, self._stage = {-1: leaves}, None
        for epoch, trainable in self.schedule.items():
            freed = {id(layer) for layer in chosen_layers(layers, trainable)}
            self._held[epoch] = [layer for layer in leaves if id(layer) not in freed]
            for layer in leaves:
                if id(layer) in freed and layer.weights and not layer.trainable:
                    raise ValueError(
                        f"Layer {layer.name!r} is to be trained from epoch {epoch} on, but the "
                        "model was compiled with it frozen. GradualUnfreezing holds back what is "
                        "trainable: tf_mtl.trunks.set_trainable(network, True) before `compile`."
                    )
        _check_methods(self.model, [layer for held in self._held.values() for layer in held])
        if isinstance(self.model.train_function, HeldBack):  # of an interrupted call
            self.model.train_function = None
        if not self.model.optimizer.built:  # Keras would build it in the first step
            with self.model.distribute_strategy.scope():
                self.model.optimizer.build(self.model.trainable_variables)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Goes over to the next stage, with a training step of its own."""
        stage = max(start for start in self._held if start <= epoch)
        if stage != self._stage:
            self._stage = stage
            before = self.model.train_function
            others = before.held if isinstance(before, HeldBack) else {}
            self.model.make_train_function(force=True)
            held = {**others, self: self._held[stage]}
            self.model.train_function = HeldBack(self.model.train_function, held)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Lets later steps train everything again."""
        self.model.train_function = None

    def _layers(self) -> list[Any]:
        if self.network is None:
            return shared_layers(self.model)
        within = {layer.name: layer for layer in sublayers(self.model)[:0:-1]}
        check_known([self.network], list(within), "layer of the model in `network`:")
        return [within[self.network]]


class HeldBack:
    """A function that takes training steps while some layers are frozen.

    Args:
        function: Keras' train function.
        held: `{callback: layers}` that it does not train.
    """

    def __init__(self, function: Callable[..., Any], held: Mapping[Any, list[Any]]) -> None:
        self.function = function
        self.held = held
        layers = [layer for each in held.values() for layer in each]
        inside = {id(each): each for layer in layers for each in sublayers(layer)}
        self.flags = {each: each.trainable for each in inside.values()}

    def __call__(self, iterator: Any) -> Any:
        """Takes steps. Keras looks at the flags when it traces, or in each eager step."""
        write_flags(dict.fromkeys(self.flags, False))
        try:
            return self.function(iterator)
        finally:
            write_flags(self.flags)


def _check_methods(model: MultiTaskModel, held: list[Any]) -> None:
    """Raises where an optimizer or aggregator needs the gradients of all variables, always."""
    multi = getattr(keras.optimizers, "MultiOptimizer", ())
    if isinstance(model.optimizer, multi):
        raise ValueError(
            "keras.optimizers.MultiOptimizer needs the gradients of all variables in each step. "
            "Use tf_mtl.training.LayerwiseOptimizer, or another optimizer."
        )
    weighting, aggregator = (getattr(model, name, None) for name in ("weighting", "aggregator"))
    if isinstance(weighting, GradientWeighting):
        _refuse(weighting)
    if aggregator is None or not held or aggregator.wrt == "features":
        return
    sizes = {weight.shape[-1] for weight in aggregator.variables if len(weight.shape) == 2}
    if aggregator.groups == "layer" or sizes - {len(model.task_losses.order)}:
        _refuse(aggregator)


def _refuse(method: Any) -> None:
    raise ValueError(
        f"{type(method).__name__} remembers gradients, or looks at them layer by layer, and so "
        "cannot work with layers that come and go. Train in several calls of `fit`, each after "
        "`set_trainable` and `compile`, or choose another method."
    )
