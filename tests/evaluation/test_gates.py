"""Gate values are those of the formula, found in any model; their picture and their logs."""

import keras
import numpy as np
import pytest

from tf_mtl import MultiTaskModel, build_model, evaluation, heads, trunks


def model_of(trunk, inputs=None):
    ends = {"a": heads.Regression(), "b": heads.BinaryClassification()}
    return build_model(inputs or keras.Input((5,), name="x"), trunk, ends)


@pytest.fixture
def x():
    return np.random.default_rng(0).normal(size=(40, 5)).astype("float32")


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def test_values_are_the_means_of_the_formula(x):
    model = model_of(trunks.MMoE([4], num_experts=3))
    values = evaluation.gates(model, x)
    for task in ("a", "b"):
        kernel = model.get_layer(f"gate_{task}").get_weights()[0]
        np.testing.assert_allclose(values[task], softmax(x @ kernel).mean(axis=0), rtol=1e-5)
    assert evaluation.expert_names(model) == ["expert_0", "expert_1", "expert_2"]


def test_the_gates_of_a_loaded_model_are_found(x, tmp_path):
    model = model_of(trunks.OMoE([4], num_experts=2))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected = evaluation.gates(model, x)
    np.testing.assert_array_equal(expected["a"], expected["b"])
    np.testing.assert_allclose(evaluation.gates(loaded, x)["a"], expected["a"])


def test_inputs_are_matched_by_name_as_the_model_matches_them(x):
    inputs = {name: keras.Input((5,), name=name) for name in ("x", "z")}
    model = model_of(trunks.MMoE([4], num_experts=2), inputs)
    expected = evaluation.gates(model, {"x": x, "z": -x})
    found = evaluation.gates(model, {"more": x + 1, "x": x, "z": -x})
    for task in ("a", "b"):
        np.testing.assert_array_equal(found[task], expected[task])


def test_experts_of_other_tasks_have_the_value_zero(x):
    model = model_of(trunks.CGC([4], num_experts=2, num_shared_experts=1))
    values = evaluation.gates(model, x)
    assert evaluation.expert_names(model) == [
        "expert_a_0",
        "expert_a_1",
        "expert_b_0",
        "expert_b_1",
        "shared_expert_0",
    ]
    assert (values["a"] > 0).tolist() == [True, True, False, False, True]
    assert (values["b"] > 0).tolist() == [False, False, True, True, True]
    np.testing.assert_allclose([each.sum() for each in values.values()], 1, rtol=1e-6)


def test_levels_are_asked_for_by_number(x):
    model = model_of(trunks.PLE([4], num_experts=1, num_shared_experts=1, num_levels=2))
    assert evaluation.expert_names(model)[0] == "level_1_expert_a_0"
    assert evaluation.expert_names(model, level=0)[0] == "level_0_expert_a_0"
    assert not np.allclose(
        evaluation.gates(model, x)["a"], evaluation.gates(model, x, level=0)["a"]
    )
    with pytest.raises(ValueError, match=r"gates at \[0, 1\]"):
        evaluation.gates(model, x, level=2)


def within_another(inside, x):
    """A model that calls another one on inputs that are twice its own."""
    inputs = keras.Input(x.shape[1:], name="half")
    return MultiTaskModel(inputs, inside(keras.layers.Rescaling(2.0)(inputs)))


def test_the_gates_of_a_model_within_the_model_are_found(x, tmp_path):
    inside = model_of(trunks.CGC([4], num_experts=1))
    model = within_another(within_another(inside, x), x)
    expected = evaluation.gates(inside, 4 * x)
    model.save(tmp_path / "model.keras")
    for each in (model, keras.models.load_model(tmp_path / "model.keras")):
        found = evaluation.gates(each, x)
        for task in ("a", "b"):
            np.testing.assert_allclose(found[task], expected[task], rtol=1e-5)
        assert evaluation.expert_names(each) == evaluation.expert_names(inside)


def test_gates_that_several_calls_have_are_refused(x):
    inside = model_of(trunks.MMoE([4], num_experts=2))
    inputs = keras.Input((5,))
    outputs = {
        f"{task}_{i}": output
        for i, scale in enumerate((1.0, 2.0))
        for task, output in inside(keras.layers.Rescaling(scale)(inputs)).items()
    }
    with pytest.raises(ValueError, match="Task 'a' has several gates"):
        evaluation.gates(MultiTaskModel(inputs, outputs), x)


def test_a_model_without_gates_is_refused(x):
    with pytest.raises(ValueError, match="no gates"):
        evaluation.gates(model_of(trunks.MLP([4])), x)


def test_the_picture_shows_tasks_and_experts(x, tmp_path):
    model = model_of(trunks.DSelectK([4], num_experts=3, num_selected=1))
    figure = evaluation.plot_gates(model, x, tmp_path / "gates.png")
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b"]
    assert [label.get_text() for label in axes.get_xticklabels()] == [
        "expert_0",
        "expert_1",
        "expert_2",
    ]
    assert (tmp_path / "gates.png").stat().st_size > 1000


def test_nothing_in_the_picture_is_cut_off(x):
    figure = evaluation.plot_gates(model_of(trunks.PLE([4])), x)
    figure.draw_without_rendering()
    parts = figure.get_tightbbox()  # in inches, without what is not drawn
    assert (parts.min >= 0).all()
    assert (parts.max <= figure.get_size_inches()).all()


def test_each_epoch_is_logged(x):
    model = model_of(trunks.SNR([4], num_experts=2, num_levels=1))
    model.compile("sgd")
    y = {"a": x[:, 0], "b": (x[:, 1] > 0).astype("int32")}
    logger = evaluation.GateLogger(x)
    history = model.fit(x, y, epochs=2, verbose=0, callbacks=[logger]).history
    last = evaluation.gates(model, x)
    for task in ("a", "b"):
        for i in (0, 1):
            log = history[f"{task}_gate_level_0_expert_{i}"]
            assert len(log) == 2
            assert log[-1] == pytest.approx(last[task][i])
