"""Metrics of ranks, counts, quantiles, survival and embeddings against scikit-learn and NumPy."""

import keras
import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, mean_poisson_deviance, r2_score

from tf_mtl import metrics

METRICS = [
    metrics.RankError(name="own"),
    metrics.QuadraticWeightedKappa(4),
    metrics.MeanPoissonDeviance(),
    metrics.ColumnMeanAbsoluteError(column=2),
    metrics.Coverage(lower=None),
    metrics.ConcordanceIndex(2, edges=[1.0, 4.0], num_cells=50),
    metrics.RecallAtOne(),
]
RANDOM = np.random.default_rng(0)


def in_batches(metric, labels, outputs, weights=None, size=17):
    """The result of a metric that sees the rows in batches."""
    for start in range(0, len(labels), size):
        rows = slice(start, start + size)
        weight = None if weights is None else weights[rows]
        metric.update_state(labels[rows], outputs[rows], sample_weight=weight)
    return float(metric.result())


@pytest.mark.parametrize(
    "metric",
    [*METRICS, metrics.StandardizedR2([1.0, 2.0], 3.0)],
    ids=lambda metric: type(metric).__name__,
)
def test_metrics_come_back_from_their_config(metric):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: type(metric).__name__)
def test_metrics_start_at_0_and_start_anew(metric):
    labels = np.array([[1.0, 1.0], [0.0, 1.0]]) if "Index" in type(metric).__name__ else [1, 0]
    assert float(metric.result()) == 0
    metric.update_state(np.array(labels), np.array([[0.2, 0.1, 0.7, 0.0]] * 2)[:, : _width(metric)])
    metric.reset_state()
    assert float(metric.result()) == 0


@pytest.mark.parametrize(
    ("metric", "labels", "output"),
    [
        (metrics.ConcordanceIndex(2, dtype="float64"), [[0, 1], [1, 1]], [[0.3, 0.1], [0.9, 0.5]]),
        (metrics.KeyPointDistance(dtype="float64"), [[[1.0, 0.0]]], [[[0.0, 0.0]]]),
        (metrics.Perplexity(dtype="float64"), [[1]], [[[0.0, 1.0]]]),
        (metrics.QuadraticWeightedKappa(2, dtype="float64"), [0, 1], [[0.9, 0.1], [0.1, 0.9]]),
        (metrics.RecallAtOne(dtype="float64"), [3, 3], [[1.0, 0.0], [0.8, 0.6]]),
        (metrics.SpanF1(["O", "B-a"], dtype="float64"), [[1]], [[[0.1, 0.9]]]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_sums_have_the_dtype_that_was_asked_for(metric, labels, output):
    metric.update_state(np.array(labels), np.array(output, "float32"))
    assert float(metric.result()) == pytest.approx(1)
    assert {variable.dtype for variable in metric.variables} == {"float64"}


def _width(metric):
    return 2 if isinstance(metric, metrics.ConcordanceIndex) else 4


class TestRanks:
    LABELS = RANDOM.integers(0, 4, 100)
    OUTPUTS = RANDOM.dirichlet(np.ones(4), 100) + 0.3 * np.eye(4)[LABELS]

    def test_error_is_the_mean_distance_of_ranks(self):
        expected = np.abs(self.OUTPUTS.argmax(1) - self.LABELS).mean()
        found = in_batches(metrics.RankError(), self.LABELS[:, None], self.OUTPUTS)
        assert found == pytest.approx(expected, rel=1e-6)

    @pytest.mark.parametrize("weighted", [False, True])
    def test_kappa_equals_scikit_learn(self, weighted):
        weights = RANDOM.integers(0, 3, 100).astype("float32") if weighted else None
        found = in_batches(metrics.QuadraticWeightedKappa(4), self.LABELS, self.OUTPUTS, weights)
        expected = cohen_kappa_score(
            self.LABELS, self.OUTPUTS.argmax(1), weights="quadratic", sample_weight=weights
        )
        assert found == pytest.approx(expected, rel=1e-5)

    def test_kappa_of_one_class_throughout_is_1(self):
        metric = metrics.QuadraticWeightedKappa(3)
        metric.update_state([2, 2], np.eye(3)[[2, 2]])
        assert float(metric.result()) == 1

    def test_kappa_of_opposite_ranks_is_minus_1(self):
        metric = metrics.QuadraticWeightedKappa(3)
        metric.update_state([0, 2], np.eye(3)[[2, 0]])
        assert float(metric.result()) == -1


class TestNumbers:
    def test_deviance_equals_scikit_learn(self):
        mean = RANDOM.gamma(2.0, 3.0, 80).astype("float32")
        count = RANDOM.poisson(mean).astype("float32")
        found = in_batches(metrics.MeanPoissonDeviance(), count, np.stack([mean, mean], 1))
        assert found == pytest.approx(mean_poisson_deviance(count, mean), rel=1e-5)
        assert (count == 0).any()

    @pytest.mark.parametrize("mean", [1e-6, 0.1, 10.0, 1e4, 1e6, 1e8])
    def test_deviance_of_rare_and_of_many_events(self, mean):
        mean = mean * RANDOM.uniform(0.999, 1.001, (999, 1)).astype("float32")
        count = RANDOM.poisson(mean).astype("float32")
        found = in_batches(metrics.MeanPoissonDeviance(), count, mean)
        expected = mean_poisson_deviance(count.astype("float64"), mean.astype("float64"))
        assert found == pytest.approx(expected, rel=1e-3)

    def test_deviance_of_events_that_hardly_seemed_possible(self):
        found = in_batches(
            metrics.MeanPoissonDeviance(), np.array([5e6, 0.0]), np.array([[1e-3], [0.0]])
        )
        assert found == pytest.approx(mean_poisson_deviance([5e6], [1e-3]) / 2, rel=1e-5)

    @pytest.mark.parametrize(("mean", "std"), [(0, 1), (2000, 10), (1e5, 1), (1e6, 10)])
    def test_r2_does_not_depend_on_the_mean(self, mean, std):
        labels = RANDOM.normal(mean, std, (4000, 2)).astype("float32")
        outputs = labels + RANDOM.normal(0, std / 3, (4000, 2)).astype("float32")
        weights = RANDOM.uniform(0, 2, 4000)
        found = in_batches(metrics.StandardizedR2(mean, [std, std]), labels, outputs, weights)
        expected = r2_score(
            labels.astype("float64"), outputs.astype("float64"), sample_weight=weights
        )
        assert found == pytest.approx(expected, abs=1e-4)

    def test_coverage_counts_bounds_as_inside(self):
        labels, outputs = np.array([1.0, 2.0, 3.0, 4.0]), np.tile([2.0, 2.5, 3.0], (4, 1))
        for arguments, expected in [({}, 0.5), ({"lower": None}, 0.75), ({"upper": None}, 0.75)]:
            assert in_batches(metrics.Coverage(**arguments), labels, outputs) == expected
        with pytest.raises(ValueError, match="`lower` bound"):
            metrics.Coverage(lower=None, upper=None)

    def test_column_error_looks_at_one_column(self):
        found = in_batches(
            metrics.ColumnMeanAbsoluteError(column=1),
            np.array([[1.0], [5.0]]),
            np.array([[9.0, 2.0], [9.0, 2.0]]),
        )
        assert found == 2.0


def harrell(time, event, score, edges):
    """Harrell's C by its definition, times as coarse as the bins."""
    ends = np.concatenate([edges, [np.inf]])
    survived = np.where(
        event == 1, (ends[None] < time[:, None]).sum(1), (ends[None] <= time[:, None]).sum(1)
    )
    event = event * (survived < len(edges))
    concordant = comparable = 0.0
    for i in np.flatnonzero(event):
        later = survived > survived[i]
        comparable += later.sum()
        concordant += (score[later] > score[i]).sum() + 0.5 * (score[later] == score[i]).sum()
    return concordant / comparable


class TestConcordance:
    EDGES = [1.0, 2.0, 4.0, 7.0]
    TIME = RANDOM.exponential(3.0, 150).astype("float32")
    EVENT = RANDOM.integers(0, 2, 150)
    LABELS = np.stack([TIME, EVENT], 1).astype("float32")
    CURVES = np.cumprod(
        1 / (1 + np.exp(-RANDOM.normal(size=(150, 4)) - 0.5 * TIME[:, None])), 1
    ).astype("float32")

    def test_equals_harrells_c_in_any_batches(self):
        expected = harrell(self.TIME, self.EVENT, self.CURVES.mean(1), self.EDGES)
        assert 0.6 < expected < 0.95
        for size in (17, 150):
            found = in_batches(
                metrics.ConcordanceIndex(4, self.EDGES), self.LABELS, self.CURVES, size=size
            )
            assert found == pytest.approx(expected, abs=1e-3)

    def test_rows_of_weight_0_do_not_count(self):
        weights = (np.arange(150) % 3 > 0).astype("float32")
        kept = weights > 0
        found = in_batches(
            metrics.ConcordanceIndex(4, self.EDGES), self.LABELS, self.CURVES, weights
        )
        expected = in_batches(
            metrics.ConcordanceIndex(4, self.EDGES), self.LABELS[kept], self.CURVES[kept]
        )
        assert found == pytest.approx(expected, abs=1e-6)

    def test_perfect_reversed_and_constant_order(self):
        labels = np.array([[0, 1], [1, 1], [2, 0]], "float32")
        rising = np.array([[0.3, 0.1, 0.0], [0.6, 0.3, 0.1], [0.9, 0.8, 0.7]], "float32")
        for curves, expected in [(rising, 1.0), (rising[::-1], 0.0), (rising[[0, 0, 0]], 0.5)]:
            assert in_batches(metrics.ConcordanceIndex(3), labels, curves) == expected

    def test_certain_curves_have_a_place(self):
        labels = np.array([[0, 1], [1, 0]], "float32")
        metric = metrics.ConcordanceIndex(2)
        assert in_batches(metric, labels, np.array([[0.0, 0.0], [1.0, 1.0]], "float32")) == 1.0

    def test_edges_are_as_many_as_bins(self):
        with pytest.raises(ValueError, match="3 bins have 3 upper ends"):
            metrics.ConcordanceIndex(3, edges=[1.0, 2.0])


class TestRecallAtOne:
    def test_equals_a_search_by_hand(self):
        vectors = RANDOM.normal(size=(40, 3))
        vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("float32")
        groups = RANDOM.integers(0, 12, 40)
        hits = []
        for i in range(40):
            others = np.array([j for j in range(40) if j != i])
            if (groups[others] == groups[i]).any():
                hits.append(groups[others[np.argmax(vectors[others] @ vectors[i])]] == groups[i])
        assert in_batches(metrics.RecallAtOne(), groups, vectors, size=40) == pytest.approx(
            np.mean(hits)
        )
        assert len(hits) < 40

    def test_rows_of_weight_0_are_neither_asked_nor_found(self):
        vectors = np.array([[1, 0], [1, 0], [0.8, 0.6], [0, 1]], "float32")
        weights = np.array([1, 0, 1, 1], "float32")
        found = in_batches(metrics.RecallAtOne(), np.array([1, 2, 1, 3]), vectors, weights)
        assert found == 1.0  # without the weights the second row is nearest to the first
        assert in_batches(metrics.RecallAtOne(), np.array([1, 2, 1, 3]), vectors) < 1.0
