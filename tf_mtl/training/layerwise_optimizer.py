"""Learning rates by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from ..keras_internals import sublayers
from ..names import check_known
from ..trunks.freezing import leaf_layers
from ..whole_numbers import is_number


@keras.saving.register_keras_serializable(package="tf_mtl")
class LayerwiseOptimizer(keras.optimizers.Optimizer):
    """Gives groups of variables a learning rate of their own: a factor times the common one.

    Each group has an optimizer made as the given one, and so everything that a learning rate
    enters, weight decay too, follows. `optimizer.learning_rate`, a number or a schedule, is the
    common one; callbacks such as `ReduceLROnPlateau` change all rates by it. A group that gets no
    gradients (frozen layers) does not count steps: Adam's correction of its means starts when the
    group is trained for the first time.

    `layerwise_optimizer` makes one from names of layers; this class knows variables only, so that
    it can be saved with the model. It knows them by path; in a loaded model, where Keras may give
    layers within layers other paths, by their order. `keras.optimizers.MultiOptimizer` is for
    optimizers of different kinds; it has no common learning rate and must be given all gradients in
    each step.

    Args:
        optimizer: Keras optimizer, not used yet: its arguments are taken.
        groups: `[[factor, [number of a variable, ...]], ...]`, counted from 0 in the order of
            `made_for`. Variables in no group have the factor 1.
        made_for: `[[path, shape], ...]` of the model's trainable variables, in their order.
        name: Name of the optimizer.

    Raises:
        ValueError: If the optimizer was used already, clips by the global norm (which is one over
            all groups) or is a `LossScaleOptimizer` (which goes around this one), or a factor is
            negative; in training, if a group has none of the variables that are trained.
    """

    def __init__(
        self,
        optimizer: keras.optimizers.Optimizer,
        groups: Sequence[tuple[float, Sequence[int]]],
        made_for: Sequence[tuple[str, Sequence[int]]],
        name: str | None = None,
    ) -> None:
        _check(optimizer, groups)
        settings = keras.optimizers.serialize(optimizer)
        rate = settings["config"]["learning_rate"]
        if isinstance(rate, Mapping):
            rate = keras.optimizers.schedules.deserialize(rate)
        scale = settings["config"].get("loss_scale_factor")  # the groups divide by it
        super().__init__(learning_rate=rate, loss_scale_factor=scale, name=name)
        self.groups = [(float(factor), list(numbers)) for factor, numbers in groups]
        self.made_for = [(path, list(shape)) for path, shape in made_for]
        # Not tracked: Keras changes it when it reads it, which a `tf.train.Checkpoint` refuses.
        object.__setattr__(self, "_settings", settings)
        self._parts = [
            _with_rate(settings, _ScaledRate(self, factor), f"{self.name}_{i}")
            for i, factor in enumerate([1.0, *(factor for factor, _ in self.groups)])
        ]

    @property
    def variables(self) -> list[Any]:
        """The variables of this optimizer and of those of the groups."""
        return [*self._variables, *(each for part in self._parts for each in part.variables)]

    @property
    def loss_scale_factor(self) -> float | None:
        """What losses are multiplied by, and gradients divided by."""
        return self._loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, value: float | None) -> None:
        self._loss_scale_factor = value
        for part in getattr(self, "_parts", ()):  # Keras sets it before there are any
            part.loss_scale_factor = value

    def build(self, variables: Sequence[Any]) -> None:
        """Makes the slots of all groups."""
        if self.built:
            return
        known = self._recognized(variables)
        self._group = {self._var_key(each): 0 for each in variables}
        for i, (factor, numbers) in enumerate(self.groups, 1):
            members = [known[number] for number in numbers if number in known]
            if numbers and not members:
                missing = [self.made_for[number][0] for number in numbers]
                raise ValueError(
                    f"No variable of the group with the factor {factor} is trained: {missing}. "
                    f"Received: {[each.path for each in variables]}. Freeze layers first, and "
                    "compile with layerwise_optimizer(...) of this model."
                )
            self._group.update({self._var_key(each): i for each in members})
        for part, (_, members) in zip(
            self._parts, self._split([None] * len(variables), variables), strict=True
        ):
            if members:
                part.build(members)
        super().build(list(variables))

    def apply(self, grads: Sequence[Any], trainable_variables: Any = None) -> None:
        """Takes a step with gradients of any of the variables."""
        variables = (
            self._trainable_variables if trainable_variables is None else trainable_variables
        )
        variables = list(variables)
        if not self.built:
            self.build(variables)
        self._check_variables_are_known(variables)
        for part, (values, members) in zip(
            self._parts, self._split(list(grads), variables), strict=True
        ):
            if any(value is not None for value in values):
                part.apply(values, members)
        self._iterations.assign_add(1)

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        """Lets averages of the weights take their places at the end of training."""
        for part, (_, members) in zip(
            self._parts, self._split([None] * len(var_list), var_list), strict=True
        ):
            if members:
                part.finalize_variable_values(members)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments; the optimizer with the learning rate of now."""
        rate = super().get_config()["learning_rate"]
        settings = {**self._settings["config"], "learning_rate": rate}
        optimizer = {**self._settings, "config": settings}
        return {
            "optimizer": optimizer,
            "groups": self.groups,
            "made_for": self.made_for,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> LayerwiseOptimizer:
        """Returns an optimizer without slots yet."""
        optimizer = keras.optimizers.deserialize(config["optimizer"], custom_objects)
        return cls(**{**config, "optimizer": optimizer})

    def for_model(self, model: keras.Model, variables: Sequence[Any]) -> LayerwiseOptimizer:
        """Returns a new one of the same rates for a model that has some of the variables.

        Groups of which it trains none are left out.

        Args:
            model: Model to be compiled with the result.
            variables: Those of the model that this optimizer was made for.
        """
        known = self._recognized(self._trainable_variables if self.built else variables)
        trained = {id(each): i for i, each in enumerate(model.trainable_variables)}
        groups = [
            (factor, [trained[id(known[i])] for i in members if id(known.get(i)) in trained])
            for factor, members in self.groups
        ]
        optimizer = keras.optimizers.deserialize(self.get_config()["optimizer"])
        kept = [group for group in groups if group[1]]
        return LayerwiseOptimizer(optimizer, kept, _made_for(model), self.name)

    def _recognized(self, variables: Sequence[Any]) -> dict[int, Any]:
        """Returns `{number in made_for: variable}`, more variables behind them left out."""
        of_path: dict[str, list[Any]] = {}
        for variable in variables:
            of_path.setdefault(variable.path, []).append(variable)
        by_path = {
            number: of_path[path][0]
            for number, (path, _) in enumerate(self.made_for)
            if len(of_path.get(path, ())) == 1
        }
        first = variables[: len(self.made_for)]
        alike = [list(each.shape) for each in first] == [shape for _, shape in self.made_for]
        if len(by_path) < len(self.made_for) and alike:
            return dict(enumerate(first))
        return by_path

    def _split(
        self, gradients: Sequence[Any], variables: Sequence[Any]
    ) -> list[tuple[list[Any], list[Any]]]:
        """Returns gradients and variables for each group."""
        split: list[tuple[list[Any], list[Any]]] = [([], []) for _ in self._parts]
        for gradient, variable in zip(gradients, variables, strict=True):
            values, members = split[self._group[self._var_key(variable)]]
            values.append(gradient)
            members.append(variable)
        return split


def layerwise_optimizer(
    optimizer: Any, model: keras.Model, factors: Mapping[str, float]
) -> LayerwiseOptimizer:
    """Returns an optimizer with learning rates by layer: discriminative fine-tuning.

    Lower layers of a pretrained network are more general and are better changed less (Howard &
    Ruder, "Universal Language Model Fine-tuning for Text Classification", ACL 2018, section 3.2).

    Args:
        optimizer: Keras optimizer, its name or config.
        model: Built model to be compiled with the result.
        factors: `{layer: factor}` for names of layers or of models used as layers (a backbone);
            of all that have the name, where experts are copies of a model. A layer's own factor
            counts before that of the model it is in. 0 leaves it as it is.

    Raises:
        TypeError: If optimizer and model are not in this order.
        ValueError: For an unknown layer, or as `LayerwiseOptimizer` does.

    >>> from tf_mtl import build_model, heads
    >>> model = build_model(keras.Input((4,)), keras.layers.Dense(3, name="trunk"),
    ...     {"a": heads.Regression(), "b": heads.Regression()})
    >>> optimizer = layerwise_optimizer("adam", model, {"trunk": 0.1})
    >>> optimizer.groups, [path for path, _ in optimizer.made_for[:2]]
    ([(0.1, [0, 1])], ['trunk/kernel', 'trunk/bias'])
    """
    if not isinstance(model, keras.Model):
        raise TypeError(
            f"`model` must be a Keras model. Received: {model!r}. The optimizer comes first: "
            "layerwise_optimizer(optimizer, model, {layer: factor})."
        )
    layers = [layer for layer in sublayers(model)[1:] if layer.trainable_weights]
    check_known(factors, [layer.name for layer in layers], "trained layer in `factors`:")
    owners = _owners(model, [layer for layer in layers if layer.name in factors])
    groups = [
        (factors[name], [number for number, owner in enumerate(owners) if owner == name])
        for name in factors
    ]
    return LayerwiseOptimizer(keras.optimizers.get(optimizer), groups, _made_for(model))


def layer_decay(network: keras.Model, rate: float) -> dict[str, float]:
    """Returns factors of learning rates that fall from the top layer of a network downwards.

    Args:
        network: Model, or backbone within a model.
        rate: Factor from a layer to the one below, in (0, 1]; Howard & Ruder use 1 / 2.6.

    Raises:
        ValueError: If the rate is outside its range, or no layer of the network is trained.

    >>> network = keras.Sequential(
    ...     [keras.Input((2,)), *(keras.layers.Dense(2, name=name) for name in "abc")]
    ... )
    >>> layer_decay(network, 0.5)
    {'a': 0.25, 'b': 0.5, 'c': 1.0}
    """
    if not is_number(rate) or not 0 < rate <= 1:
        raise ValueError(f"`rate` must be in (0, 1]. Received: rate={rate!r}.")
    trained = (layer.name for layer in leaf_layers([network]) if layer.trainable_weights)
    names = list(dict.fromkeys(trained))  # copies in experts are as deep as each other
    if not names:
        raise ValueError(
            f"No layer of {network.name!r} is trained: it is frozen, or not built yet. Call "
            "tf_mtl.trunks.set_trainable(network, ...) first, and build the model."
        )
    return {name: rate ** (len(names) - 1 - i) for i, name in enumerate(names)}


class _ScaledRate:
    """The learning rate of a group, as Keras asks for it.

    Args:
        common: Has the common learning rate.
        factor: Of this group.
    """

    def __init__(self, common: LayerwiseOptimizer, factor: float) -> None:
        self.common = common
        self.factor = factor

    def __call__(self) -> Any:
        """Returns the rate of now."""
        return keras.ops.multiply(self.common.learning_rate, self.factor)


def _with_rate(settings: dict[str, Any], rate: _ScaledRate, name: str) -> Any:
    """Returns an optimizer of these settings, with another learning rate and name."""
    # Not set afterwards: a variable that is taken back cannot be in a `tf.train.Checkpoint`.
    config = {**settings["config"], "learning_rate": rate, "name": name}
    return type(keras.optimizers.deserialize(settings)).from_config(config)


def _made_for(model: keras.Model) -> list[tuple[str, list[int]]]:
    return [(each.path, list(each.shape)) for each in model.trainable_variables]


def _owners(model: keras.Model, layers: Sequence[Any]) -> list[str | None]:
    """Returns the innermost of the layers that holds each trainable variable, None for none."""
    owner: dict[int, str] = {}
    for layer in sorted(layers, key=lambda layer: -len(sublayers(layer))):  # the innermost last
        owner.update(dict.fromkeys(map(id, layer.trainable_weights), layer.name))
    return [owner.get(id(variable)) for variable in model.trainable_variables]


def _check(optimizer: Any, groups: Sequence[tuple[float, Sequence[int]]]) -> None:
    if not isinstance(optimizer, keras.optimizers.Optimizer) or optimizer.built:
        raise ValueError(
            "LayerwiseOptimizer takes the arguments of a new Keras optimizer. Received: "
            f"{optimizer!r}{', which is in use already' if hasattr(optimizer, 'built') else ''}."
        )
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        raise ValueError(
            "LayerwiseOptimizer makes an optimizer for each group, and the loss has one scale. Put "
            "the scaling around it: LossScaleOptimizer(layerwise_optimizer(...)). Received: "
            f"{optimizer!r}."
        )
    if optimizer.global_clipnorm:
        raise ValueError(
            "`global_clipnorm` would be a norm over each group of layers alone. Use `clipnorm` "
            "or `clipvalue`."
        )
    for factor, _ in groups:
        if not factor >= 0:
            raise ValueError(f"A factor of a learning rate must be at least 0. Received: {factor}.")
