"""Several data sets, each with labels for some of the tasks → one stream."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from ...whole_numbers import check_whole
from ..splits import Splits
from .batches import OneTask, get_batches
from .mixture import Mixture, Recipe
from .sources import make_source
from .strategies import Strategy


def mix(
    datasets: Mapping[str, tf.data.Dataset | Splits],
    strategy: str | Strategy | Mapping[str, float] | None = None,
    *,
    batch: int | OneTask | Mapping[str, int] = 32,
    seed: int = 0,
    steps_per_epoch: int | None = None,
    shuffle: int = 1000,
) -> Mixture:
    """Joins data sets of different sizes, tasks and inputs into one stream for `fit`.

    **Structure.** A batch has the inputs and the tasks of all data sets. A label that a row does
    not have is the missing label of its type: NaN, -1 (bools and unsigned integers become signed
    for it) or "". Only heads of classes take -1 for missing: make the labels of regressions and
    counts floats. An input that a row does not have is 0 or "", and for every such input there
    is one more, `<name>_present`, bool `[B]`; `MeanOfPresent` joins encoders by it. If one data set
    has sample weights, every row gets `{task: weight}`, 1 where none was given and 0 where there
    is no label.

    **Order.** All is told by the seed and the number of the epoch. The rows of a data set come in
    passes, shuffled anew in each; no row comes again before all others have come. An epoch goes on
    where the one before has stopped, which takes reading up to that row: `cache()` a data set of
    which an epoch takes a part and whose rows are dear. Within a batch the rows of one data set
    lie together. A data set that shuffles or augments by itself (`Dataset.shuffle`) is only as
    repeatable as it is itself.

    **Workers.** Under `tf.distribute` every worker reads all and keeps its share of the batches
    (`AutoShardPolicy.DATA`); `mixed.shard(workers, index)` does the same by hand.
    `mixed.epochs(start, stop)` is a data set without state for the `tf.data` service, which takes
    data sets that have none themselves (no `Splits`).

    Args:
        datasets: `{name: data set}` of rows or batches `(x, y)` or `(x, y, sample weights)`. What
            `.batch(n, drop_remainder=True)` makes cannot be told from rows: `unbatch()` it. If y
            is a tensor, the name is the task; otherwise y is `{task: tensor}`, for any tasks. Data
            sets with different inputs have x as `{input: tensor}`. Of a `Splits` the training
            rows are taken, in its own order. Data of unknown length are read once to count them.
        strategy: "proportional" (the usual one), "uniform", "temperature", "annealed",
            "round_robin", "longest" or "shortest"; `{name: rate}`; or an instance of
            `Temperature`, `Annealed`, `ExamplesCap`, `Rates`, `RoundRobin` or a `Strategy` of your
            own.
        batch: Rows in a batch, from any data set; `OneTask(rows)` for batches of one data set each;
            or `{name: rows}` for a fixed number of rows of each in every batch. The strategy then
            only tells when an epoch ends, "longest" (the usual one) or "shortest".
        seed: The same seed gives the same batches in the same epoch.
        steps_per_epoch: Number of batches in an epoch; None for the length that the strategy
            tells: every row once in a proportional epoch.
        shuffle: Rows of each data set held for shuffling; 0 keeps their order.

    Returns:
        A `tf.data.Dataset` of `(x, {task: y})`; `len` is the number of batches in an epoch.

    Raises:
        ValueError: For data sets that are empty, endless or do not fit together, unknown names, bad
            rates or sizes.

    >>> spam = tf.data.Dataset.from_tensor_slices((["win a prize", "see you"], [1, 0]))
    >>> stars = tf.data.Dataset.from_tensor_slices((["lovely", "bad", "fine"], [5.0, 1.0, 4.0]))
    >>> mixed = mix({"spam": spam, "stars": stars}, batch=5)
    >>> len(mixed), mixed.rows()
    (1, {'spam': 2, 'stars': 3})
    >>> text, labels = next(iter(mixed))
    >>> sorted(labels["spam"].numpy().tolist())
    [-1, -1, -1, 0, 1]
    """
    if not isinstance(datasets, Mapping) or not datasets:
        raise ValueError(
            f"`mix` takes a dictionary {{name: data set}}. Received: {type(datasets).__name__}"
            f"{'' if datasets else ' without entries'}."
        )
    check_whole(seed, "seed", 0)
    check_whole(shuffle, "shuffle", 0)
    if steps_per_epoch is not None:
        check_whole(steps_per_epoch, "steps_per_epoch")
    batches, found = get_batches(batch, strategy, list(datasets))
    sources = [make_source(str(name), data, shuffle) for name, data in datasets.items()]
    return Mixture(Recipe(sources, batches, found, steps_per_epoch, seed))
