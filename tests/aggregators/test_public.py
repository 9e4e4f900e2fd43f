"""Names, configs, arguments, schedules and state."""

from __future__ import annotations

import inspect

import descriptors
import keras
import matrices
import numpy as np
import pytest
import tensorflow as tf

from tf_mtl import aggregators

CASES = [
    pytest.param(row.cls, variant, id=f"{row.cls.__name__}_{variant}")
    for row in descriptors.AGGREGATORS
    for variant in row.variants
]


def test_everything_public_is_on_the_list():
    public = {getattr(aggregators, name) for name in aggregators.__all__ if name[0].isupper()}
    concrete = {cls for cls in public if not inspect.isabstract(cls)}
    assert concrete == {row.cls for row in descriptors.AGGREGATORS}


@pytest.mark.parametrize(("cls", "arguments"), CASES)
def test_configs_come_back(cls, arguments):
    method = cls(**arguments, groups="layer", name="mine")
    config = keras.saving.serialize_keras_object(method)
    again = aggregators.get(config)
    assert type(again) is cls
    assert again.get_config() == method.get_config()
    for key, value in arguments.items():
        assert key == "aggregator" or getattr(again, key) == value


@pytest.mark.parametrize(("cls", "arguments"), CASES)
def test_docstrings_are_complete(cls, arguments):
    assert set(inspect.signature(cls.__init__).parameters) >= set(arguments)
    for word in ("Args:", ">>>", "options"):
        assert word in cls.__doc__


@pytest.mark.parametrize(
    ("identifier", "cls"),
    [
        ("upgrad", aggregators.UPGrad),
        ("imtl_g", aggregators.IMTLG),
        ("Nash-MTL", aggregators.NashMTL),
        ("PCGRAD", aggregators.PCGrad),
        ("trimmed_mean", aggregators.TrimmedMean),
        ("cr-mogm", aggregators.CRMOGM),
    ],
)
def test_get_by_name(identifier, cls):
    assert type(aggregators.get(identifier)) is cls


def test_get_returns_an_instance_as_it_is():
    method = aggregators.Sum()
    assert aggregators.get(method) is method


@pytest.mark.parametrize(
    "bad", ["upgard", 3, None, {"class_name": "Dense", "config": {"units": 1}}]
)
def test_get_refuses(bad):
    with pytest.raises((ValueError, TypeError)) as caught:
        aggregators.get(bad)
    assert bad != "upgard" or "Did you mean 'upgrad'?" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "arguments", "part"),
    [
        ("Sum", {"wrt": "feature"}, "wrt='feature'"),
        ("Sum", {"every": 0}, "every=0"),
        ("Sum", {"every": True}, "every=True"),
        ("Sum", {"groups": "layers"}, "groups='layers'"),
        ("GradDrop", {"wrt": "features"}, "wrt='features'"),
        ("TrimmedMean", {"every": 2}, "every=2"),
        ("GradDrop", {"leak": 2.0}, "leak=2.0"),
        ("PCGrad", {"order": "sorted"}, "order='sorted'"),
        ("CAGrad", {"c": -1.0}, "c=-1.0"),
        ("FairGrad", {"alpha": -1.0}, "alpha=-1.0"),
        ("MGDA", {"normalization": "l1"}, "normalization='l1'"),
        ("UPGrad", {"preference": [-1.0, 2.0]}, "preference="),
        ("UPGrad", {"preference": []}, "preference="),
        ("PCD", {"beta": 1.0}, "beta=1.0"),
        ("CRMOGM", {"aggregator": "graddrop"}, "aggregator='graddrop'"),
        ("TrimmedMean", {"trim_number": -1}, "trim_number=-1"),
        ("TrimmedMean", {"trim_number": 1.5}, "trim_number=1.5"),
        ("Krum", {"num_selected": 0.5}, "num_selected=0.5"),
        ("SDMGrad", {"iterations": 2.5}, "iterations=2.5"),
        ("SDMGrad", {"momentum": 1.0}, "[0, 1). Received: momentum=1.0"),
        ("CAGrad", {"c": np.inf}, "c=inf"),
        ("CAGrad", {"c": "0.4"}, "c='0.4'"),
        ("GradNorm", {"alpha": np.nan}, "alpha=nan"),
        ("MoCo", {"gamma_decay": "slow"}, "gamma_decay='slow'"),
        ("PCGrad", {"seed": 0.5}, "seed=0.5"),
        ("GradVac", {"seed": None}, "seed=None"),
        ("GradDrop", {"seed": 2**70}, "seed=1180591620717411303424"),
        ("GradDrop", {"leak": ["much"]}, "leak='much'"),
        ("GradDrop", {"leak": None}, "leak=None"),
        ("UPGrad", {"preference": [1.0, np.nan]}, "preference=[1.0, nan]"),
        ("UPGrad", {"preference": "12"}, "preference='12'"),
        ("CRMOGM", {"aggregator": aggregators.UPGrad(wrt="features")}, "wrt='features'"),
        ("CRMOGM", {"aggregator": aggregators.MGDA(every=4)}, "every=4"),
    ],
)
def test_arguments_are_checked(name, arguments, part):
    with pytest.raises(ValueError, match="Received") as caught:
        getattr(aggregators, name)(**arguments)
    assert part in str(caught.value)


class Power(aggregators.GramianAggregator):
    """A method of a user's own, as badly written as `form` says."""

    def __init__(self, power=0.0, form=lambda weights: weights, **options):
        super().__init__(**options)
        self.power = power
        self.form = form

    def _solve(self, rows, losses, state):
        return self.form(rows.present * rows.norms**self.power)


class Middle(aggregators.Aggregator):
    def _aggregate(self, blocks, losses, gramian, state):
        raise NotImplementedError


@pytest.mark.parametrize("arguments", [{"wrt": "features"}, {"every": 2}, {"every": "auto"}])
def test_own_methods_that_weigh_no_rows_refuse_what_they_cannot_do(arguments):
    with pytest.raises(ValueError, match="Middle needs the gradients of the parameters"):
        Middle(**arguments)


def test_own_methods_with_a_config_that_lacks_arguments_are_not_copied():
    for use in (Power(2.0, groups="layer"), keras.saving.serialize_keras_object):
        with pytest.raises(ValueError, match="Power lacks the argument 'power'"):
            use(matrices.jacobian(3, 6) if isinstance(use, Power) else Power(2.0))


@pytest.mark.parametrize("every", [1, 2])
def test_own_methods_may_answer_in_any_number_type_but_one_for_each_task(every):
    step = matrices.jacobian(3, 6)
    expected = aggregators.Sum()(step)
    for form in (lambda w: tf.cast(w, tf.float32), lambda w: [1, 1, 1]):
        np.testing.assert_allclose(Power(form=form, every=every)(step), expected, rtol=1e-6)
    for smooth in (lambda method: method, aggregators.CRMOGM):
        with pytest.raises(
            ValueError, match=r"Power\._solve .* shape \[3\]\. Received .* \[3, 1\]"
        ):
            smooth(Power(form=lambda w: w[:, None]))(step)


def test_own_methods_extend_what_every_method_remembers():
    method = Power()
    method._first_state = lambda tasks, sizes: {"mine": np.zeros(tasks, "float32")}
    with pytest.raises(ValueError, match=r"_first_state must extend .* \['mine'\]"):
        method(matrices.jacobian(3, 6))


def test_numbers_of_numpy_are_numbers():
    method = aggregators.CAGrad(c=np.float32(0.5), rescale=np.int64(1))
    assert aggregators.get(keras.saving.serialize_keras_object(method)).c == 0.5
    assert aggregators.GradDrop(leak=np.array([0.25, 0.5])).leak == [0.25, 0.5]


def test_a_smoothed_method_keeps_its_longest_answer():
    step = matrices.jacobian(3, 6)
    answer = aggregators.CRMOGM(aggregators.NashMTL(max_norm=0.1))(step)
    np.testing.assert_allclose(answer, aggregators.NashMTL(max_norm=0.1)(step), rtol=1e-5)


def test_layers_have_no_gramian_in_common():
    method, step = aggregators.UPGrad(groups="layer", every=2), matrices.jacobian(3, 6)
    with pytest.raises(ValueError, match="groups='layer'"):
        method.weights(step @ step.T)
    method(step)
    assert not method.due()


@pytest.mark.parametrize("lost", [0.0, -0.5])
@pytest.mark.parametrize("make", [aggregators.DBMTL, lambda: aggregators.MGDA("loss+")])
def test_a_task_without_a_logarithm_is_absent(make, lost):
    """A negative loss must not turn the gradient of its task round."""
    step = matrices.jacobian(3, 6)
    answer = make()(step, np.array([lost, 1.0, 2.0], "float32"))
    rest = make()(step[1:], np.array([1.0, 2.0], "float32"))
    np.testing.assert_allclose(answer, rest, rtol=1e-5)
    assert np.isnan(make()(step, np.array([np.nan, 1.0, 2.0], "float32"))).any()


def test_gradnorm_lives_through_negative_losses():
    method, step = aggregators.GradNorm(), matrices.jacobian(3, 6)
    for losses in ([1.0, 1.0, -1.0], [-0.5, 0.5, -2.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]):
        assert np.isfinite(method(step, np.array(losses, "float32"))).all()
    assert np.isfinite(method.read_state()["learned"]).all()


def test_a_preference_needs_one_number_for_each_task():
    with pytest.raises(ValueError, match="2 values for 3 tasks"):
        aggregators.UPGrad(preference=[1.0, 2.0])(matrices.SMALL["three"])


def test_normalising_by_losses_needs_losses():
    with pytest.raises(ValueError, match="needs the tasks' losses"):
        aggregators.MGDA("loss")(matrices.SMALL["three"])


@pytest.mark.parametrize("name", ["UPGrad", "DualProj", "ConFIG", "AlignedMTL", "SDMGrad"])
def test_preferences_count(name):
    rows = np.eye(2, dtype="float32")
    vector = np.asarray(getattr(aggregators, name)(preference=[0.9, 0.1])(rows))
    assert vector[0] > vector[1] > 0.0


def test_weights_are_kept_between_solves():
    method = aggregators.UPGrad(every=3)
    first, second = matrices.jacobian(3, 4, seed=1), matrices.jacobian(3, 4, seed=2)
    assert bool(method(first) is not None)
    weights = np.asarray(aggregators.UPGrad().weights(first @ first.T))
    assert [bool(method.due())] == [False]
    np.testing.assert_allclose(method(second), weights @ second, rtol=1e-5)
    assert not method.due()
    np.testing.assert_allclose(method(second), weights @ second, rtol=1e-5)
    assert method.due()
    np.testing.assert_allclose(method(second), aggregators.UPGrad()(second), rtol=1e-5)


@pytest.mark.parametrize("name", ["MGDA", "Krum"])
def test_a_weight_of_zero_is_kept_as_well(name):
    """Between two solves nothing comes back that the method has left out."""
    step = np.array([[1.0, 0.0, 0.0], [3.0, 0.1, 0.0], [5.0, 0.0, 0.2]], "float32")
    method = getattr(aggregators, name)(every=3)
    solved = np.asarray(method(step))
    for _ in range(2):
        np.testing.assert_allclose(method(step), solved, rtol=1e-5)
    method = getattr(aggregators, name)(every=3)
    weights = np.asarray(method.weights(step @ step.T))
    assert 0.0 in weights
    np.testing.assert_allclose(method.weights(step @ step.T), weights, rtol=1e-5)


@pytest.mark.parametrize("every", [3, "auto"])
def test_an_overflow_is_not_kept(every):
    """A loss scale of float16 that is too large costs one step, not all until the next solve."""
    method, step = aggregators.UPGrad(every=every), matrices.jacobian(3, 4)
    broken = step.copy()
    broken[1, 2] = np.inf
    assert not np.isfinite(method(broken)).all()
    assert method.due()
    np.testing.assert_allclose(method(step), aggregators.UPGrad()(step), rtol=1e-5)


def test_a_newcomer_counts_as_the_others_until_the_next_solve():
    method, step = aggregators.NashMTL(max_norm=0.0, every=2), 1e-3 * matrices.jacobian(3, 4)
    absent = step * np.array([[1.0], [1.0], [0.0]], "float32")
    method(np.zeros_like(step))  # nobody is there
    assert method.due()
    method(absent)
    first, second, _ = aggregators.NashMTL(max_norm=0.0).weights(absent @ absent.T).numpy()
    weights = np.array([first, second, (first + second) / 2])
    np.testing.assert_allclose(method(step), weights @ step, rtol=1e-4)
    method(step), method(step), method(absent)  # from now on it has a weight of its own
    known = aggregators.NashMTL(max_norm=0.0).weights(step @ step.T).numpy()
    assert float(method.read_state()["weights"][2]) == pytest.approx(known[2], rel=1e-4)


def test_auto_solves_less_often_while_the_weights_stay():
    method, calm = aggregators.UPGrad(every="auto"), matrices.jacobian(3, 4, seed=1)
    solves = []
    for step in range(70):
        solves.append(bool(method.due()))
        method(calm * np.float32(1.0 + 0.01 * step))
    assert 5 <= sum(solves) <= 9
    intervals = method.read_state()["interval"]
    assert int(intervals) in (32, 48)


def test_state_is_saved(tmp_path):
    class Carrier(keras.Model):
        def __init__(self, method):
            super().__init__()
            self.method = method

        def call(self, jacobian):
            return self.method(jacobian)

    for name in ("gradvac", "moco", "pcd", "crmogm", "gradnorm"):
        step = matrices.jacobian(3, 6)
        first, second = Carrier(aggregators.get(name)), Carrier(aggregators.get(name))
        for _ in range(3):
            first(step)
        first.save_weights(tmp_path / f"{name}.weights.h5")
        second(step)
        second.load_weights(tmp_path / f"{name}.weights.h5")
        np.testing.assert_array_equal(first(step), second(step))


def test_a_step_that_overflowed_leaves_the_state_alone():
    for name in ("gradvac", "moco", "pcd", "crmogm", "gradnorm", "sdmgrad"):
        method, step = aggregators.get(name), matrices.jacobian(3, 6)
        method(step)
        before = method.read_state()
        broken = step.copy()
        broken[1, 2] = np.inf
        vector = np.asarray(method(broken))
        assert not np.isfinite(vector).all()
        assert all(np.isfinite(value).all() for value in method.read_state().values())
        assert int(method.read_state()["step"]) == int(before["step"]) + 1


@pytest.mark.parametrize("name", ["alignedmtl", "config", "fairgrad", "imtlg", "nashmtl"])
def test_an_overflow_does_not_end_the_training(name):
    """TensorFlow's decompositions raise an error on nan, which a float16 step may well have."""
    broken = matrices.jacobian(3, 6)
    broken[1, 2] = np.inf
    assert np.isnan(aggregators.get(name)(broken)).all()
    gramian = np.array([[1.0, np.nan], [np.nan, 1.0]], "float32")
    assert np.isnan(aggregators.get(name).weights(gramian)).all()


def test_random_orders_are_the_same_for_all_who_ask():
    step = matrices.jacobian(8, 5)
    first, second = aggregators.PCGrad(seed=1), aggregators.PCGrad(seed=1)
    tf.random.set_seed(7)
    draws = [np.asarray(first(step)) for _ in range(4)]
    tf.random.set_seed(8)
    for draw in draws:
        np.testing.assert_array_equal(draw, second(step))
    assert len({draw.tobytes() for draw in draws}) > 1


def test_get_by_a_config_that_a_person_has_written():
    method = aggregators.get({"class_name": "up_grad", "config": {"preference": [1, 2]}})
    assert type(method) is aggregators.UPGrad
    assert method.preference == [1.0, 2.0]
    assert type(aggregators.get({"class_name": "UPGrad"})) is aggregators.UPGrad
    with pytest.raises(ValueError, match="Did you mean 'upgrad'"):
        aggregators.get({"class_name": "UPGard", "config": {}})
