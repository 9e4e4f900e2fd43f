"""Trunks whose tasks depend on each other or part: AITM, DBMTL, trees given and learnt."""

import keras
import numpy as np
import pytest

from tf_mtl import build_model, heads, trunks
from tf_mtl.training import remove_head
from tf_mtl.training.sharing import variables_by_task
from tf_mtl.trunks.aitm import InformationTransfer
from tf_mtl.trunks.ltb import ParentChoice


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(8, 6)).astype("float32")


def model_of(trunk, tasks=("a", "b", "c")):
    inputs = keras.Input((6,), name="x")
    return build_model(inputs, trunk, {task: heads.Regression() for task in tasks})


def tasks_of_layers(model):
    """Returns `{layer with weights: the tasks that train it}`."""
    by_task = {
        task: {id(variable) for variable in variables}
        for task, variables in variables_by_task(model).items()
    }
    return {
        layer.name: "".join(
            task for task in model.tasks if id(layer.trainable_variables[0]) in by_task[task]
        )
        for layer in model.layers
        if layer.trainable_variables and layer.name not in model.tasks
    }


def test_information_transfer_is_attention_between_the_two(x):
    layer = InformationTransfer()
    passed, tower = x, np.flip(x, 0) * 2
    found = layer([passed, tower])
    value, key, query = layer.get_weights()
    stacked = np.stack([passed, tower])
    scores = np.sum((stacked @ key) * (stacked @ query), axis=-1) / np.sqrt(6)
    shares = np.exp(scores) / np.exp(scores).sum(axis=0)
    expected = np.sum(shares[..., None] * (stacked @ value), axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_aitm_is_a_chain_in_the_order_given():
    model = model_of(trunks.AITM([8], order=["b", "c", "a"], tower=[4]))
    assert tasks_of_layers(model) == {
        "shared_dense_0": "abc",
        "b_tower_dense_0": "abc",
        "b_information": "ac",
        "c_tower_dense_0": "ac",
        "c_transfer": "ac",
        "c_information": "a",
        "a_tower_dense_0": "a",
        "a_transfer": "a",
    }


def test_dbmtl_follows_the_parents(x):
    trunk = trunks.DBMTL([8], {"a": ["b", "c"], "c": ["b"]}, tower=[4], relation=[3])
    model = model_of(trunk)
    assert tasks_of_layers(model) == {
        "shared_dense_0": "abc",
        "b_tower_dense_0": "abc",
        "c_tower_dense_0": "ac",
        "c_relation_dense_0": "ac",
        "a_tower_dense_0": "a",
        "a_relation_dense_0": "a",
    }
    names = [f"{task}_tower_dense_0" for task in "abc"]
    names += ["c_relation_dense_0", "a_relation_dense_0"]
    inside = keras.Model(model.inputs[0], [model.get_layer(name).output for name in names])
    of_a, of_b, _, relation, found = (np.asarray(each) for each in inside(x))
    kernel, bias = model.get_layer("a_relation_dense_0").get_weights()
    expected = np.concatenate([of_a, of_b, relation], axis=-1) @ kernel + bias
    np.testing.assert_allclose(found, np.maximum(expected, 0), rtol=1e-4, atol=1e-5)


TREE = [[["a", "b", "c"]], [["c", "a"], ["b"]], [["a"], ["c"], ["b"]]]


@pytest.mark.parametrize(
    ("trunk", "expected"),
    [
        (
            trunks.Branching([8, 6, 4], TREE),
            {"shared_dense_0": "abc", "c_a_dense_1": "ac", "b_dense_1": "b"}
            | {f"{task}_dense_2": task for task in "abc"},
        ),
        (
            trunks.Branching.at([8, 6], {"a": 1, "b": 2, "c": 0}),
            {"a_b_dense_0": "ab", "c_dense_0": "c", "b_dense_1": "b"}
            | {"a_dense_1": "a", "c_dense_1": "c"},
        ),
        (
            trunks.Branching.of_groups([8, 6], [["a", "b"], ["c"]]),
            {"a_b_dense_0": "ab", "c_dense_0": "c", "a_b_dense_1": "ab", "c_dense_1": "c"},
        ),
    ],
    ids=["tree", "points", "groups"],
)
def test_branches_are_shared_by_their_groups(trunk, expected):
    assert tasks_of_layers(model_of(trunk)) == expected


def test_a_group_beside_a_task_of_the_same_name(x):
    trunk = trunks.Branching.of_groups([4], [["a", "b"], ["a_b"], ["c"]])
    model = model_of(trunk, ["a", "b", "a_b", "c"])
    by_task = {
        task: {variable.path for variable in variables}
        for task, variables in variables_by_task(model).items()
    }
    assert by_task["a"] & by_task["b"] == {"a-b_dense_0/kernel", "a-b_dense_0/bias"}
    assert not by_task["a_b"] & (by_task["a"] | by_task["c"])
    assert set(model.predict(x, verbose=0)) == set(model.tasks)


def choices_of(model, logits):
    for name, values in logits.items():
        layer = model.get_layer(name)
        layer.set_weights([np.array(values), *layer.get_weights()[1:]])


def test_in_inference_ltb_is_the_tree_that_it_learnt(x):
    model = model_of(trunks.LTB([5, 5, 4]))
    choices_of(
        model,
        {"a_parent_1": [1, 0, 0], "b_parent_1": [2, 1, 0], "c_parent_1": [0, 3, 1]}
        | {"a_parent_2": [0, 1, 0], "b_parent_2": [0, 9, 0], "c_parent_2": [0, 0, 1]},
    )
    tree = trunks.learnt_tree(model, model.tasks)
    assert tree == [[["a", "b"], ["c"]], [["a", "b"], ["c"]], [["a"], ["b"], ["c"]]]
    # Columns: tasks a and b go through the blocks a (0), b (1) and their own; c through b, c, c.
    branched = model_of(trunks.Branching([5, 5, 4], tree))
    for name, source in {
        "a_b_dense_0": "a_dense_0",
        "a_b_dense_1": "b_dense_1",
        "a_dense_2": "a_dense_2",
        "b_dense_2": "b_dense_2",
        "c_dense_0": "b_dense_0",
        "c_dense_1": "c_dense_1",
        "c_dense_2": "c_dense_2",
        **{task: task for task in "abc"},
    }.items():
        branched.get_layer(name).set_weights(model.get_layer(source).get_weights())
    expected = model.predict(x, verbose=0)
    for task, values in branched.predict(x, verbose=0).items():
        np.testing.assert_allclose(values, expected[task], rtol=1e-5, atol=1e-6)


def test_the_tree_without_a_task_that_was_removed(tmp_path):
    """The column of the task is still there, and the others may go through its blocks."""
    model = model_of(trunks.LTB([5, 5, 4]))
    choices_of(model, {"a_parent_2": [0, 0, 1], "b_parent_2": [0, 0, 1], "a_parent_1": [0, 1, 0]})
    reduced = remove_head(model, "c")
    tree = [[["a", "b"]], [["a", "b"]], [["a"], ["b"]]]
    assert trunks.learnt_tree(reduced, reduced.tasks) == tree
    reduced.save(tmp_path / "reduced.keras")
    loaded = keras.models.load_model(tmp_path / "reduced.keras")
    assert trunks.learnt_tree(loaded, loaded.tasks) == tree
    choices_of(loaded, {"b_parent_2": [9, 0, 0]})
    assert trunks.learnt_tree(loaded, loaded.tasks) == [[["a"], ["b"]]] * 3


def test_choices_follow_the_logits_and_cool_down():
    layer = ParentChoice(temperature=4.0, last_temperature=0.01, steps=10, seed=3)
    parents = [np.eye(3, dtype="float32")[i][None] for i in range(3)]
    layer.build([(None, 3)] * 3)
    choices_of_layer = np.log([0.6, 0.3, 0.1])
    layer.logits.assign(choices_of_layer)
    drawn = np.concatenate([layer(parents, training=True) for _ in range(400)])
    np.testing.assert_allclose(drawn.sum(axis=-1), 1, rtol=1e-5)
    assert drawn[:3].max() < 0.9
    cold = drawn[10:]
    assert np.mean(cold.max(axis=-1) > 0.99) > 0.95
    np.testing.assert_allclose(cold.mean(axis=0), [0.6, 0.3, 0.1], atol=0.08)
    assert int(layer.step) == 400
    np.testing.assert_array_equal(layer(parents), [[1, 0, 0]])


def test_ltb_learns_which_block_serves_a_task(x):
    """Task b is told to follow the column that has its features already."""
    random = np.random.default_rng(0)
    x = random.normal(size=(256, 6)).astype("float32")
    keras.utils.set_random_seed(0)
    model = model_of(trunks.LTB([4, 4], temperature=2.0, steps=100, seed=0), tasks=("a", "b"))
    before = [model.get_layer(f"{task}_parent_1").get_weights()[0] for task in "ab"]
    model.compile(keras.optimizers.Adam(0.02))
    model.fit(x, {"a": x[:, 0], "b": np.abs(x[:, 0])}, epochs=5, verbose=0)
    after = [model.get_layer(f"{task}_parent_1").get_weights()[0] for task in "ab"]
    assert all(np.abs(a - b).max() > 0.01 for a, b in zip(before, after, strict=True))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: model_of(trunks.AITM([4], order=["a", "b"])), "must name each task once"),
        (lambda: model_of(trunks.DBMTL([4], {"d": ["a"]})), "Unknown task in `parents`: 'd'"),
        (lambda: model_of(trunks.DBMTL([4], {"a": ["d"]})), "Unknown parent: 'd'"),
        (lambda: model_of(trunks.DBMTL([4], {"a": ["b"], "b": ["a"]})), r"\['a', 'b'\] .* circle"),
        (lambda: trunks.Branching([4], []), "of one block or more"),
        (lambda: trunks.Branching([4], {"a": 1, "bb": 0}), "`Branching.at` makes it of"),
        (lambda: trunks.Branching([4], [["a", "bb"]]), "`tree` must be a list"),
        (lambda: model_of(trunks.Branching([4], [[["a", "b"]]])), "must name each task once"),
        (lambda: model_of(trunks.Branching([4], [[["a", "bb"]]])), "block 0 of `tree`: 'bb'"),
        (
            lambda: model_of(trunks.Branching([4, 4], [[["a"], ["b", "c"]], [["a", "b"], ["c"]]])),
            "cannot meet again",
        ),
        (lambda: trunks.Branching.at([4], {"a": -1}), "from 0 to the 1"),
        (lambda: trunks.Branching.at([4], {"a": 2}), "from 0 to the 1"),
        (lambda: trunks.Branching.at([4], {"a": 0.5}), "from 0 to the 1"),
        (lambda: trunks.Branching.of_groups([4], [["a"]], -1), "`shared` must be a whole number"),
        (lambda: trunks.DBMTL([4], {"a": "b"}), r"\{'a': \['b'\]\}"),
        (lambda: model_of(trunks.Branching([4], TREE)), "for 3 blocks, but the body has 1"),
        (lambda: trunks.DBMTL([4], ["a", "b"]), r"list of tasks for each.*parents=\['a', 'b'\]"),
        (lambda: trunks.LTB([4], temperature=0), "temperatures above 0"),
        (lambda: trunks.LTB([4], temperature="5"), "temperatures above 0.*temperature='5'"),
        (lambda: trunks.learnt_tree(model_of(trunks.MLP([4])), ["a"]), "no choices of parents"),
        (lambda: model_of(trunks.LTB([])), "at least one block"),
    ],
)
def test_arguments_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make()
