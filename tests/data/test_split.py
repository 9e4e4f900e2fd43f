import numpy as np
import pytest

from tf_mtl import data
from tf_mtl.data.partition import split_two


@pytest.mark.parametrize("rows", [10, 37, 1000])
def test_every_row_is_in_one_part(rows):
    parts = data.split(rows, seed=1)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(rows))
    assert [len(part) for part in parts[1:]] == [round(rows * 0.1)] * 2


def test_seed_decides():
    same = [data.split(100, seed=4)[2] for _ in range(2)]
    np.testing.assert_array_equal(*same)
    assert not np.array_equal(same[0], data.split(100, seed=5)[2])


def test_shares_of_classes_are_kept():
    labels = np.repeat([0, 1, 2], [700, 200, 100])
    for part in data.split(1000, (0.6, 0.2, 0.2), stratify=labels):
        np.testing.assert_allclose(np.bincount(labels[part]) / len(part), [0.7, 0.2, 0.1])


def test_rare_classes_do_not_stand_in_the_way():
    labels = np.concatenate([np.repeat([0, 1], 45), np.arange(2, 12)])
    parts = data.split(100, stratify=labels)
    assert [len(part) for part in parts] == [80, 10, 10]
    # One row of one class, and everything rare: nothing to stratify by.
    data.split(20, stratify=np.arange(20))
    data.split(20, stratify=np.array([1] + [0] * 19))


def test_groups_stay_together():
    groups = np.repeat(np.arange(50), 4)
    parts = data.split(200, groups=groups)
    found = [set(groups[part]) for part in parts]
    assert len(set.union(*found)) == 50
    assert [len(group) for group in found] == [40, 5, 5]


@pytest.mark.parametrize("name", [lambda n: n % 20, lambda n: f"g{n % 20}" if n % 20 else None])
def test_groups_in_a_list_of_which_one_may_have_no_name(name):
    parts = data.split(200, groups=[name(n) for n in range(200)])
    found = [set(part % 20) for part in parts]
    assert [len(group) for group in found] == [16, 2, 2]
    assert len(set.union(*found)) == 20


def test_two_parts_for_data_with_their_own_test_rows():
    labels = np.repeat([0, 1], 90)
    train, valid = split_two(180, (0.8, 0.1, 0.1), 0, labels, None, in_order=False)
    assert (len(train), len(valid)) == (160, 20)
    assert np.sum(labels[valid]) == 10


def test_rows_in_time_are_split_by_their_place():
    parts = data.split(37, (0.6, 0.3, 0.1), in_order=True)
    assert [len(part) for part in parts] == [22, 11, 4]
    np.testing.assert_array_equal(np.concatenate(parts), np.arange(37))
    train, valid = split_two(180, (0.8, 0.1, 0.1), 0, None, None, in_order=True)
    np.testing.assert_array_equal(np.append(train, valid), np.arange(180))
    assert len(valid) == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": 4}, "4 rows.*empty part"),
        ({"rows": 0}, "0 rows.*empty part"),
        ({"rows": 50, "fractions": (0.8, 0.2, 0.0)}, "between 0 and 1"),
        ({"rows": 50, "fractions": (0.8, 0.1)}, "three shares"),
        ({"rows": 50, "fractions": (0.8, 0.1, 0.2)}, "sum to 1"),
        ({"rows": 50, "stratify": np.zeros(49)}, "49 values for 50 rows"),
        ({"rows": 50, "groups": np.zeros(50)}, "1 groups.*empty part"),
        ({"rows": 4, "in_order": True}, "4 rows.*empty part"),
        ({"rows": 50, "in_order": True, "groups": np.zeros(50)}, "Leave out `groups`"),
        ({"rows": 50, "in_order": True, "stratify": np.zeros(50)}, "Leave out `stratify`"),
    ],
)
def test_impossible_splits_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.split(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fractions": 0.8}, "three shares.* not 0.8"),
        ({"fractions": ("80%", "10%", "10%")}, "three shares.*'80%'"),
        ({"seed": None}, "`seed` must be a whole number of at least 0. Received: seed=None"),
        ({"seed": "1"}, "`seed` must be a whole number.*seed='1'"),
        ({"rows": [1, 2, 3]}, "`rows` must be a whole number"),
    ],
)
def test_arguments_of_another_type_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        data.split(**{"rows": 100, **arguments})
    data.split(np.int64(100), np.array([0.8, 0.1, 0.1]), np.int32(3))
