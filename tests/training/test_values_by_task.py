"""Arguments of methods with one value for each task: by name, in any order, or as a list."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.programs import LOSSES, arrays, difference, network
from tf_mtl import aggregators, weightings

TASKS = ("kind", "sold", "price")  # in the order of the outputs
LIST = [0.2, 0.3, 0.5]
NAMED = {"price": 0.5, "kind": 0.2, "sold": 0.3}
LATE = keras.optimizers.schedules.PiecewiseConstantDecay([2], [0.0, 1.0])

CASES = [
    (weightings.Constant, "weights"),
    (weightings.COSMOS, "preference"),
    (weightings.PBI, "preference"),
    (weightings.STCH, "preference"),
    (weightings.STCH, "reference"),
    (weightings.Schedule, "schedules"),
    (weightings.Schedule, "warmup_steps"),
    (aggregators.AlignedMTL, "preference"),
    (aggregators.ConFIG, "preference"),
    (aggregators.DualProj, "preference"),
    (aggregators.GradDrop, "leak"),
    (aggregators.SDMGrad, "preference"),
    (aggregators.UPGrad, "preference"),
]
EACH = pytest.mark.parametrize(
    ("cls", "argument"), CASES, ids=[f"{cls.__name__}_{argument}" for cls, argument in CASES]
)


def compiled(method):
    model = network()
    where = "loss_weights" if isinstance(method, weightings.LossWeighting) else "aggregator"
    model.compile(keras.optimizers.SGD(0.1), loss=dict(LOSSES), **{where: method})
    return model


def answer(method):
    """What a method makes of fixed numbers."""
    if isinstance(method, weightings.LossWeighting):
        return np.asarray(method(np.array([0.5, 2.0, 8.0], "float32")))
    return np.asarray(method(np.array([[1, 0.2, 0], [-0.8, 1, 0.1], [-0.3, 0.7, 0.9]], "float32")))


@EACH
def test_names_are_the_order(cls, argument):
    scale = 10 if argument == "warmup_steps" else 1  # a warm-up below one step is none
    given = {task: scale * value for task, value in NAMED.items()}
    named, listed = cls(**{argument: given}), cls(**{argument: [scale * v for v in LIST]})
    named.name_tasks(TASKS)
    np.testing.assert_array_equal(answer(named), answer(listed))
    turned = cls(**{argument: given})
    turned.name_tasks(TASKS[::-1])
    assert not np.array_equal(answer(turned), answer(listed))


@EACH
def test_configs_come_back(cls, argument):
    first = cls(**{argument: NAMED})
    room = weightings if isinstance(first, weightings.LossWeighting) else aggregators
    again = room.get(keras.saving.serialize_keras_object(first))
    assert again.get_config() == first.get_config()
    assert again.get_config()[argument] == NAMED


@EACH
def test_mistakes_are_named(cls, argument):
    with pytest.raises(ValueError, match="name_tasks"):
        answer(cls(**{argument: NAMED}))
    with pytest.raises(ValueError, match=f"`{argument}`.*'prize'.*Did you mean 'price'"):
        compiled(cls(**{argument: {"kind": 1.0, "sold": 1.0, "prize": 1.0}}))
    with pytest.raises(ValueError, match=f"`{argument}` has 2 values for 3 tasks"):
        compiled(cls(**{argument: LIST[:2]}))
    if cls is not weightings.Schedule:
        with pytest.raises(ValueError, match=f"`{argument}` has no value for task 'sold'"):
            compiled(cls(**{argument: {"kind": 1.0, "price": 1.0}}))


@pytest.mark.parametrize(
    "make",
    [
        lambda given: weightings.STCH(preference=given, reference=given),
        lambda given: aggregators.DualProj(preference=given, groups="layer"),
        lambda given: aggregators.CRMOGM(aggregators.UPGrad(preference=given)),
    ],
    ids=["stch", "dualproj_by_layer", "crmogm"],
)
def test_compile_tells_the_names(make, tmp_path):
    x, y, _ = arrays(64)
    models = [compiled(make(given)) for given in (NAMED, LIST)]
    for model in models:
        model.fit(x, y, verbose=0, shuffle=False)
    assert difference(*models) == 0.0
    models[0].save(tmp_path / "model.keras")
    models[0] = keras.models.load_model(tmp_path / "model.keras")
    for model in models:
        model.fit(x, y, verbose=0, shuffle=False)
    assert difference(*models) == 0.0


def test_a_wrapped_method_is_checked_too():
    with pytest.raises(ValueError, match="Did you mean 'price'"):
        compiled(aggregators.CRMOGM(aggregators.UPGrad({"kind": 1, "sold": 1, "prize": 1})))


def test_a_method_stays_with_its_tasks():
    method = weightings.DynamicWeightAverage()
    model = compiled(method)
    model.compile("sgd", loss=dict(LOSSES), loss_weights=method)
    rest = {task: LOSSES[task] for task in ("kind", "sold")}
    with pytest.raises(ValueError, match="Make a new one"):
        model.compile("sgd", loss=rest, loss_weights=method)


def test_a_schedule_for_some_tasks(tmp_path):
    """The others keep weight 1; the schedule goes on in a loaded model."""
    x, y, _ = arrays(64)
    model = compiled(weightings.Schedule({"price": LATE, "sold": 0.5}))
    found = [model.train_on_batch(x, y, return_dict=True) for _ in range(2)]
    model.save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    found += [model.train_on_batch(x, y, return_dict=True) for _ in range(2)]
    assert [logs["price_weight"] for logs in found] == [0.0, 0.0, 0.0, 1.0]
    assert {logs["sold_weight"] for logs in found} == {np.float32(0.5)}
    assert {logs["kind_weight"] for logs in found} == {np.float32(1.0)}


def test_a_schedule_from_a_short_config():
    """As a file of settings has it, without the module that Keras writes."""
    config = {"class_name": "PiecewiseConstantDecay", "config": dict(LATE.get_config())}
    weighting = weightings.Schedule({"price": config})
    assert isinstance(weighting.schedules["price"], type(LATE))
    with pytest.raises(ValueError, match="Piecewise"):
        weightings.Schedule({"price": {**config, "class_name": "Piecewise"}})


def test_tasks_are_warmed_up():
    one, two = np.ones(3, "float32"), np.array([1.0, 1.0, 2.0], "float32")
    together = weightings.Schedule(warmup_steps=4)
    some = weightings.Schedule({"price": 2.0}, warmup_steps={"sold": 2})
    some.name_tasks(TASKS)
    expected = [[1.0, 0.5, 2.0], two, two, two, two]
    for step, values in enumerate(expected):
        np.testing.assert_allclose(together(one), one * min(1.0, (step + 1) / 4))
        np.testing.assert_allclose(some(one), values)
        together.update(one), some.update(one)


def test_nothing_scheduled_is_refused():
    with pytest.raises(ValueError, match="Nothing is scheduled"):
        weightings.Schedule()
    with pytest.raises(ValueError, match="Nothing is scheduled"):
        weightings.Schedule({})
    with pytest.raises(ValueError, match="warmup_steps=-1"):
        weightings.Schedule(warmup_steps=-1)


def test_leaks_by_task_pass():
    """GradDrop with a leak of 1 lets a gradient pass whole, whatever sign is drawn."""
    method = aggregators.GradDrop(leak={"price": 0.0, "kind": 1.0, "sold": 1.0})
    method.name_tasks(TASKS)
    rows = tf.constant([[-4.0, 1.0], [6.0, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(method(rows), tf.reduce_sum(rows, 0))
