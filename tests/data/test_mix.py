"""`data.mix`: which rows come when, for every strategy and kind of batch."""

import numpy as np
import pytest
import tensorflow as tf

from tf_mtl import data
from tf_mtl.data.mixtures.batches import get_batches

SIZES = {"a": 10, "b": 7}
# Every row is a number of its own: 0 … 9 in "a", 1000 … 1006 in "b".
FIRST = {"a": 0, "b": 1000}


def sources(**sizes):
    return {
        name: tf.data.Dataset.from_tensor_slices(
            (FIRST[name] + np.arange(size, dtype="float32"), np.arange(size, dtype="int32"))
        )
        for name, size in (sizes or SIZES).items()
    }


def mixed(strategy=None, **options):
    return data.mix(sources(), strategy, **{"batch": 4, **options})


class Own(data.Strategy):
    """A strategy of a user's own."""

    def __init__(self, shares):
        self.given = shares

    def shares(self, sizes, epoch):
        return self.given

    def length(self, sizes):
        return 12


def test_an_own_strategy_is_followed_by_name_and_not_by_order():
    assert mixed(Own({"b": 1, "a": 3})).rows() == {"a": 9, "b": 3}
    assert sum(row >= 1000 for batch in batches(mixed(Own({"b": 1, "a": 3}))) for row in batch) == 3


@pytest.mark.parametrize(
    "shares",
    [{"a": 1.0}, {"a": 1, "b": 1, "c": 1}, {"a": 1, "b": -1}, {"a": 0, "b": 0}, [1, 1]],
)
def test_an_own_strategy_without_a_share_for_each_data_set_is_refused(shares):
    with pytest.raises(ValueError, match=r"Own\.shares must return .* 'a', 'b'\. Received"):
        mixed(Own(shares))


def batches(dataset):
    return [x.numpy().astype(int).tolist() for x, *_ in dataset]


def seen(dataset):
    """Rows of an epoch by data set, in their order."""
    rows = [row for batch in batches(dataset) for row in batch]
    return {"a": [row for row in rows if row < 1000], "b": [row for row in rows if row >= 1000]}


KINDS = {
    "proportional": {},
    "uniform": {"strategy": "uniform"},
    "temperature": {"strategy": data.Temperature(2.0)},
    "annealed": {"strategy": data.Annealed(epochs=3)},
    "examples cap": {"strategy": data.ExamplesCap(5)},
    "rates": {"strategy": {"a": 0.9, "b": 0.1}},
    "round robin": {"strategy": "round_robin"},
    "longest": {"strategy": "longest"},
    "shortest": {"strategy": "shortest"},
    "stated length": {"steps_per_epoch": 3},
    "one task": {"batch": data.OneTask(4)},
    "one task, uniform": {"batch": data.OneTask(4), "strategy": "uniform", "steps_per_epoch": 6},
    "quota": {"batch": {"a": 1, "b": 2}},
    "quota, shortest": {"batch": {"b": 2, "a": 3}, "strategy": "shortest"},
    "batches": {"batch": 100},
}


@pytest.fixture(params=KINDS.values(), ids=KINDS)
def options(request):
    return request.param


def test_epochs_are_told_by_seed_and_number(options):
    first, second = mixed(**options), mixed(**options)
    epochs = [batches(first) for _ in range(3)]
    assert [len(epoch) for epoch in epochs] == [len(first)] * 3
    assert int(first.cardinality()) == len(first)
    second.start_epoch(2)
    assert batches(second) == epochs[2]
    assert batches(second.epochs(1, 3).skip(2)) == (epochs[1] + epochs[2])[2:]
    assert batches(mixed(seed=1, **options).epochs(0, 1)) != epochs[0]


def test_epochs_go_on_in_the_middle_of_what_is_read_at_once():
    def wide(first, size):  # so wide that 8 rows are read at a time
        rows = tf.data.Dataset.range(first, first + size)
        return rows.map(lambda row: (tf.fill([2**13], tf.cast(row, tf.float32)), row))

    def numbers(dataset):
        return [x[:, 0].numpy().astype(int).tolist() for x, _ in dataset]

    def make():
        return data.mix({"a": wide(0, 21), "b": wide(1000, 50)}, batch=9, steps_per_epoch=3)

    expected = numbers(make().epochs(0, 6))
    one = make()
    one.start_epoch(3)
    assert numbers(one) + numbers(one) + numbers(one) == expected[9:]
    rows = [row for batch in expected for row in batch if row >= 1000]
    assert sorted(rows[:50]) == sorted(rows[50:100]) == [*range(1000, 1050)]


def test_no_row_comes_again_before_all_others_have(options):
    mixture = mixed(**options)
    rows = seen(mixture.epochs(0, 6))
    for name, size in SIZES.items():
        everything = {FIRST[name] + row for row in range(size)}
        passes = [rows[name][start : start + size] for start in range(0, len(rows[name]), size)]
        assert all(len(set(one)) == len(one) and set(one) <= everything for one in passes)
        assert len({tuple(one) for one in passes[:-1]}) == len(passes[:-1])  # shuffled anew
        assert len(rows[name]) == sum(mixture.rows(epoch)[name] for epoch in range(6))


@pytest.mark.parametrize("kind", ["proportional", "one task"])
def test_workers_share_out_the_batches(kind):
    mixture = mixed(**KINDS[kind])
    shards = [mixture.shard(2, index) for index in range(2)]
    for epoch in range(2):
        parts = [batches(shard) for shard in shards]
        assert [len(part) for part in parts] == [len(shard) for shard in shards]
        whole = batches(mixture.epochs(epoch, epoch + 1))
        assert parts == [whole[0::2], whole[1::2]]
    whole = batches(mixture.epochs(2, 3))
    assert batches(shards[1].shard(2, 1)) == whole[3::4]
    assert batches(shards[1].epochs(2, 3)) == whole[1::2]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (None, {"a": 300, "b": 100}),
        ("Uniform", {"a": 200, "b": 200}),
        (data.Temperature(3.0), {"a": 236, "b": 164}),
        (data.Annealed(epochs=5), {"a": 300, "b": 100}),
        (data.ExamplesCap(150), {"a": 150, "b": 100}),
        ({"b": 1, "a": 7}, {"a": 350, "b": 50}),
        ({"b": 1e-9, "a": 1}, {"a": 399, "b": 1}),
        ("round-robin", {"a": 200, "b": 200}),
        ("longest", {"a": 300, "b": 300}),
        ("shortest", {"a": 100, "b": 100}),
    ],
)
def test_shares_are_exact(strategy, expected):
    mixture = data.mix(sources(a=300, b=100), strategy, batch=32)
    assert mixture.rows() == expected
    assert {name: len(rows) for name, rows in seen(mixture).items()} == expected
    assert len(mixture) == -(-sum(expected.values()) // 32)
    stated = data.mix(sources(a=300, b=100), strategy, batch=32, steps_per_epoch=25)
    total = sum(expected.values())
    for name, rows in stated.rows().items():
        assert abs(rows - 800 * expected[name] / total) < 2


def test_annealing_goes_from_proportional_to_uniform():
    mixture = data.mix(sources(a=900, b=100), data.Annealed(epochs=4), batch=50)
    shares = [mixture.rows(epoch)["b"] for epoch in range(6)]
    expected = [1000 / (1 + 9**alpha) for alpha in (1, 2 / 3, 1 / 3, 0, 0, 0)]
    np.testing.assert_allclose(shares, expected, atol=1)
    floor = data.mix(sources(a=900, b=100), data.Annealed(epochs=2, last=1.0), batch=50)
    assert floor.rows(7) == {"a": 900, "b": 100}


def test_a_proportional_epoch_has_every_row_once():
    for options in ({}, {"batch": data.OneTask(4)}):
        mixture = mixed(**options)
        for _ in range(2):
            rows = seen(mixture)
            assert sorted(rows["a"]) == [*range(10)]
            assert sorted(rows["b"]) == [*range(1000, 1007)]


def test_the_kinds_of_batches():
    for batch in batches(mixed(batch=data.OneTask(4))):
        assert len({row < 1000 for row in batch}) == 1
    for batch in batches(mixed(batch={"a": 3, "b": 2})):
        assert [row < 1000 for row in batch] == [True] * 3 + [False] * 2
    assert len(mixed(batch={"a": 3, "b": 2})) == 4
    assert len(mixed("shortest", batch={"a": 3, "b": 2})) == 3
    turns = [len([row for row in batch if row < 1000]) for batch in batches(mixed("longest"))]
    assert turns == [2] * 5
    random = data.mix(sources(a=500, b=500), batch=10)
    counts = [len([row for row in batch if row < 1000]) for batch in batches(random)]
    # Drawn without putting back: a hypergeometric number of each in a batch.
    assert np.var(counts) == pytest.approx(10 / 4, rel=0.5)


def test_rows_keep_their_order_without_shuffling():
    assert seen(mixed(shuffle=0)) == {"a": [*range(10)], "b": [*range(1000, 1007)]}
    rows = data.mix(sources(a=200, b=100), shuffle=0, batch=32, steps_per_epoch=5)
    assert seen(rows.epochs(1, 2))["a"] == [*range(107, 200), *range(14)]


def test_batched_data_and_data_of_unknown_length():
    plain = sources()
    uneven = plain["a"].batch(4).concatenate(plain["a"].skip(0).take(0).batch(4))
    counted = plain["b"].filter(lambda x, y: True)
    assert int(counted.cardinality()) == tf.data.UNKNOWN_CARDINALITY
    for shuffle in (0, 1000):
        mixture = data.mix({"a": uneven, "b": counted}, batch=4, shuffle=shuffle)
        assert mixture.sizes == SIZES
        assert batches(mixture) == batches(mixed(shuffle=shuffle))


def test_training_rows_of_splits_in_their_own_order():
    x = np.arange(40, dtype="float32")[:, None]
    splits = data.from_numpy(x, {"a": np.arange(40) % 2}, batch_size=7, seed=3)
    mixture = data.mix({"rows": splits, "b": sources()["b"].map(column)}, batch=8)
    expected = []
    for epoch in range(3):
        splits.start_epoch(epoch)
        expected.append([int(row) for x, _ in splits.train for row in x.numpy()[:, 0]])
    epochs = [
        [row for row in np.concatenate([x for x, _ in mixture])[:, 0].astype(int) if row < 1000]
        for _ in range(3)
    ]
    assert epochs == expected
    assert mixture.sizes == {"rows": 32, "b": 7}


def column(x, y):
    return x[tf.newaxis], y


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategy": "unifrom"}, "Unknown strategy 'unifrom'.*Did you mean 'uniform'"),
        ({"strategy": 3}, "must be a name.*Received: 3"),
        ({"strategy": "examples_cap"}, r"data.ExamplesCap\(1000\)"),
        ({"strategy": {"a": 1, "c": 2}}, "Unknown data set in the rates 'c'"),
        ({"strategy": {"a": 1}}, "lack 'b'"),
        ({"strategy": {"a": 1, "b": 0}}, "rate of 'b' must be a positive number, not 0"),
        ({"strategy": {"a": 1, "b": float("nan")}}, "rate of 'b'.*nan"),
        ({"strategy": {"a": 1, "b": -1}}, "rate of 'b'.*-1"),
        ({"batch": 0}, "`batch` must be a positive whole number of rows, not 0"),
        ({"batch": "mixed"}, "not 'mixed'.*OneTask"),
        ({"batch": {"a": 2}}, "no rows for 'b'"),
        ({"batch": {"a": 2, "b": 2, "c": 1}}, "Unknown data set in `batch` 'c'"),
        ({"batch": {"a": 2, "b": 0}}, "quota of 'b'.*not 0"),
        ({"batch": {"a": 2, "b": 2}, "strategy": "uniform"}, "'longest' or 'shortest'"),
        ({"seed": -1}, "`seed` must be a whole number of at least 0"),
        ({"shuffle": None}, "`shuffle`.*None"),
        ({"steps_per_epoch": 0}, "`steps_per_epoch`.*at least 1"),
        ({"steps_per_epoch": 1, "batch": data.OneTask(4)}, "epoch of 1 cannot hold one of each"),
    ],
)
def test_bad_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        mixed(**options)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (data.Temperature, "`temperature` must be 1"),
        (data.ExamplesCap, "`cap` must be a positive"),
        (data.OneTask, "`size` of OneTask"),
        (data.Annealed, "`epochs` must be a whole number from 2"),
    ],
)
def test_bad_strategies_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make(0)


def test_bad_data_sets_are_refused():
    rows = sources()
    with pytest.raises(ValueError, match="dictionary"):
        data.mix([rows["a"]])
    with pytest.raises(ValueError, match="without entries"):
        data.mix({})
    with pytest.raises(ValueError, match="'a' is empty"):
        data.mix({"a": rows["a"].take(0), "b": rows["b"]})
    with pytest.raises(ValueError, match="'a' is empty"):
        data.mix({"a": rows["a"].filter(lambda x, y: x > 99)})
    with pytest.raises(ValueError, match="'b' is endless"):
        data.mix({"a": rows["a"], "b": rows["b"].repeat()})
    with pytest.raises(ValueError, match="'a' is a list"):
        data.mix({"a": [1, 2]})
    with pytest.raises(ValueError, match="no epochs from 3 to before 3"):
        mixed().epochs(3, 3)


def test_names_of_data_sets_and_not_positions_count():
    made, _ = get_batches({"b": 1, "a": 2}, None, ["a", "b"])
    assert made.rows(SIZES, data.RoundRobin("longest"), 0, None) == {"a": 14, "b": 7}
    forth = mixed({"a": 1, "b": 2}).rows()
    assert forth == mixed({"b": 2, "a": 1}).rows()
