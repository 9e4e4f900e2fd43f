"""What the labels of one task are."""

from __future__ import annotations

from dataclasses import dataclass

from ..names import check_known

KINDS = ("classification", "binary", "multilabel", "regression", "box", "segmentation", "tagging")


@dataclass(frozen=True)
class Target:
    """What the labels of one task are: enough to choose and to build its head.

    Labels look like this, with B rows in a batch:

    * `"classification"`: int32 `[B]`, a class from 0 to `num_classes - 1`;
    * `"binary"`: int32 `[B]`, 0 or 1;
    * `"multilabel"`: int32 `[B, units]`, 0 or 1;
    * `"regression"`: float32 `[B]` or `[B, units]`, in the units of the data;
    * `"box"`: float32 `[B, 4]`, x1, y1, x2, y2 from 0 to 1;
    * `"segmentation"`: int32 `[B, height, width]`, a class for each pixel;
    * `"tagging"`: int32 `[B, tokens]`, a class for each token, -1 behind the last one.

    A missing label is -1 where the labels are classes and NaN where they are numbers.

    Args:
        kind: one of the kinds above.
        num_classes: number of classes; 2 if binary, None if multilabel or a regression.
        class_names: the classes in order, or the labels of a multilabel task.
        units: dimensions of a regression, labels of a multilabel task, otherwise 1.
        mean: mean of each dimension of a regression over the training split.
        std: standard deviation likewise.

    Raises:
        ValueError: for an unknown kind, or names or statistics that disagree with the sizes.

    >>> Target("binary", class_names=("even", "odd")).num_classes
    2
    """

    kind: str
    num_classes: int | None = None
    class_names: tuple[str, ...] | None = None
    units: int = 1
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        check_known([self.kind], KINDS, "kind of target")
        for name in ("class_names", "mean", "std"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, tuple(value))
        if self.num_classes is None and self.kind == "binary":
            object.__setattr__(self, "num_classes", 2)
        by_names = ("classification", "segmentation", "tagging")
        with_names = self.kind in by_names and self.class_names
        if self.num_classes is None and with_names:
            object.__setattr__(self, "num_classes", len(self.class_names or ()))
        self._check_sizes()

    def _check_sizes(self) -> None:
        if self.kind == "binary" and self.num_classes != 2:
            raise ValueError(
                f"A binary target has 2 classes, not num_classes={self.num_classes}. "
                "Use kind='classification' for more."
            )
        exclusive = self.kind in ("classification", "tagging")
        if exclusive and self.num_classes is not None and self.num_classes < 2:
            raise ValueError(f"A {self.kind} needs 2 classes, not {self.num_classes}.")
        if self.units < 1:
            raise ValueError(f"`units` must be at least 1, not {self.units}.")
        wanted = self.units if self.kind == "multilabel" else self.num_classes
        if self.class_names is not None and len(self.class_names) != wanted:
            raise ValueError(
                f"A {self.kind} target with {wanted} labels has {len(self.class_names)} "
                f"`class_names`: {self.class_names}. Give one name for each label."
            )
        for name in ("mean", "std"):
            value = getattr(self, name)
            if value is not None and len(value) != self.units:
                raise ValueError(
                    f"`{name}` has {len(value)} numbers for {self.units} units. Give one for each."
                )

    @property
    def has_classes(self) -> bool:
        """Whether each row belongs to exactly one class."""
        return self.kind in ("classification", "binary")


def kind_of(target: str | Target) -> str:
    """Returns the kind of a target, which may be given by its kind alone.

    >>> kind_of("binary"), kind_of(Target("regression"))
    ('binary', 'regression')
    """
    return target.kind if isinstance(target, Target) else target
