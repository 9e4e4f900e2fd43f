"""Losses of counts, quantiles, survival and embeddings against SciPy, scikit-learn and NumPy."""

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from scipy.special import gammaln
from sklearn.metrics import mean_pinball_loss

from tf_mtl import losses


def with_gradient(loss, labels, outputs):
    outputs = tf.Variable(np.asarray(outputs, "float32"))
    with tf.GradientTape() as tape:
        value = loss(tf.constant(labels), outputs + 0.0)
    return value.numpy(), tape.gradient(value, outputs).numpy()


LOSSES = [
    losses.NegativeBinomial(name="own", reduction="sum"),
    losses.Pinball([0.2, 0.7], reduction="none"),
    losses.DiscreteHazard(edges=[1.0, 4.0]),
    losses.SupervisedContrastive(temperature=0.3),
    losses.BatchHardTriplet(margin=0.5),
]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_losses_come_back_from_their_config(loss):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()


class TestNegativeBinomial:
    @pytest.mark.parametrize("dispersion", [1e-8, 1e-4, 0.1, 1.0, 30.0, 1e4])
    @pytest.mark.parametrize("mean", [1e-3, 0.7, 20.0, 5000.0])
    def test_is_the_likelihood_at_any_dispersion(self, mean, dispersion):
        count = np.array([0.0, 1.0, 7.0, 300.0])
        size = 1 / dispersion
        expected = -scipy.stats.nbinom.logpmf(count, size, size / (size + mean))
        expected -= gammaln(count + 1)
        outputs = np.tile([mean, dispersion], (4, 1)).astype("float32")
        found = losses.NegativeBinomial(reduction="none")(
            tf.constant(count, "float32"), tf.constant(outputs)
        )
        scale = np.maximum(np.abs(count * np.log(mean)), 1) + mean + count  # of the terms
        np.testing.assert_array_less(np.abs(found - expected) / scale, 2e-6)

    def test_without_dispersion_it_is_the_poisson_loss_of_keras(self):
        count = tf.constant([0.0, 2.0, 9.0, 40.0])
        mean = tf.constant([0.5, 2.5, 4.0, 60.0])
        found = losses.NegativeBinomial(reduction="none")(
            count, tf.stack([mean, tf.fill([4], 1e-12)], axis=1)
        )
        expected = keras.losses.poisson(count[:, None], mean[:, None])
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)

    @pytest.mark.parametrize(
        ("count", "mean", "dispersion"),
        [(3.0, 2.0, 0.5), (0.0, 1e-6, 1e-6), (1e5, 1.0, 1e3), (40.0, 50.0, 1e-3)],
    )
    def test_gradient_is_that_of_the_likelihood(self, count, mean, dispersion):
        _, gradient = with_gradient(losses.NegativeBinomial(), [[count]], [[mean, dispersion]])

        def value(mean, dispersion):
            size = np.longdouble(1) / dispersion
            rising = sum(np.log(size + i) - np.log(size) for i in range(int(count)))
            shared = (size + count) * np.log1p(np.longdouble(mean) * dispersion)
            return shared - count * np.log(np.longdouble(mean)) - rising

        steps = 1e-4 * np.array([mean, dispersion])
        expected = [
            (value(mean + steps[0], dispersion) - value(mean - steps[0], dispersion))
            / 2
            / steps[0],
            (value(mean, dispersion + steps[1]) - value(mean, dispersion - steps[1]))
            / 2
            / steps[1],
        ]
        np.testing.assert_allclose(gradient[0], np.array(expected, "float64"), rtol=2e-3, atol=1e-3)

    @pytest.mark.parametrize(("mean", "dispersion"), [(1e4, 0.3), (1e6, 3.0), (1e6, 1e-3)])
    def test_gradient_of_many_events_is_no_noise(self, mean, dispersion):
        count = np.float32(mean * np.array([0.0, 0.5, 0.9, 1.0, 1.1, 3.0]))
        log_mean = tf.Variable(np.full(6, np.log(mean), "float32"))
        with tf.GradientTape() as tape:
            outputs = tf.stack([tf.exp(log_mean), tf.fill([6], np.float32(dispersion))], axis=1)
            value = losses.NegativeBinomial(reduction="sum")(tf.constant(count), outputs)
        expected = (mean - count.astype("float64")) / (1 + dispersion * mean)
        scale = mean / (1 + dispersion * mean)
        np.testing.assert_allclose(
            tape.gradient(value, log_mean), expected, rtol=1e-4, atol=2e-5 * scale
        )

    def test_is_finite_at_the_ends_of_float32(self):
        outputs = [[0.0, 0.0], [1e-38, 1e-38], [1e30, 1e-30], [1e15, 1e15]]
        value, gradient = with_gradient(
            losses.NegativeBinomial(reduction="sum"), [0.0, 5.0, 0.0, 3.0], outputs
        )
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


class TestPinball:
    def test_equals_scikit_learn(self):
        random = np.random.default_rng(0)
        labels, outputs = random.normal(size=50), random.normal(size=(50, 3))
        quantiles = [0.05, 0.5, 0.8]
        expected = np.mean(
            [mean_pinball_loss(labels, outputs[:, i], alpha=q) for i, q in enumerate(quantiles)]
        )
        for shape in [(50,), (50, 1)]:
            found = losses.Pinball(quantiles)(
                tf.constant(labels.reshape(shape)), tf.constant(outputs)
            )
            np.testing.assert_allclose(found, expected, rtol=1e-6)

    def test_is_least_at_the_quantile(self):
        labels = np.sort(np.random.default_rng(0).exponential(size=999)).astype("float32")
        loss = losses.Pinball([0.9])
        values = [float(loss(tf.constant(labels), tf.fill([999, 1], each))) for each in labels]
        assert abs(labels[np.argmin(values)] - np.quantile(labels, 0.9)) < 0.05

    @pytest.mark.parametrize("quantiles", [[], [0.0], [0.5, 1.0], [-0.1]])
    def test_quantiles_lie_between_0_and_1(self, quantiles):
        with pytest.raises(ValueError, match="greater than 0 and less than 1"):
            losses.Pinball(quantiles)


def hazard_oracle(time, event, hazards, edges=None):
    """The likelihood of one row, written out."""
    if edges is not None:
        ends = [0.0, *edges]
        if event and time <= edges[-1]:
            place = next(j for j in range(len(edges)) if ends[j] < time <= ends[j + 1])
            time = place
        else:
            middles = [(ends[j] + ends[j + 1]) / 2 for j in range(len(edges))]
            time, event = sum(middle <= time for middle in middles) - 1, 0
    cost = -sum(np.log1p(-hazards[j]) for j in range(int(time) + (0 if event else 1)))
    return cost - np.log(hazards[int(time)]) if event else cost


class TestDiscreteHazard:
    HAZARDS = np.array([0.1, 0.3, 0.6, 0.2])

    @pytest.mark.parametrize("event", [0, 1])
    @pytest.mark.parametrize("time", [0, 1, 3])
    def test_equals_the_likelihood_of_bins(self, time, event):
        curve = np.cumprod(1 - self.HAZARDS)[None].astype("float32")
        found = losses.DiscreteHazard()(tf.constant([[time, event]], "float32"), tf.constant(curve))
        np.testing.assert_allclose(found, hazard_oracle(time, event, self.HAZARDS), rtol=1e-5)

    @pytest.mark.parametrize("event", [0, 1])
    @pytest.mark.parametrize("time", [0.2, 1.0, 1.5, 2.0, 3.4, 4.9, 8.0, 9.0])
    def test_equals_the_likelihood_of_durations(self, time, event):
        edges = [1.0, 2.0, 5.0, 8.0]
        curve = np.cumprod(1 - self.HAZARDS)[None].astype("float32")
        found = losses.DiscreteHazard(edges)(
            tf.constant([[time, event]], "float32"), tf.constant(curve)
        )
        expected = hazard_oracle(time, event, self.HAZARDS, edges)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("logit", [-200.0, -20.0, 20.0, 200.0])
    @pytest.mark.parametrize("event", [0.0, 1.0])
    def test_a_curve_with_its_logits_is_exact_and_has_a_gradient(self, logit, event):
        logits = tf.Variable([[0.0, logit]])
        with tf.GradientTape() as tape:
            value = losses.DiscreteHazard()(
                tf.constant([[1.0, event]]), losses.survival_curve(logits)
            )
        sign = -1 if event else 1
        np.testing.assert_allclose(value, np.log(2) + np.logaddexp(0, sign * logit), rtol=1e-6)
        expected = 1 / (1 + np.exp(-np.float64(logit))) - event
        np.testing.assert_allclose(tape.gradient(value, logits)[0, 1], expected, atol=1e-6)

    def test_stored_curves_are_finite_at_0_and_1(self):
        labels = [[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
        value, gradient = with_gradient(
            losses.DiscreteHazard(), labels, [[1.0, 1.0], [0.0, 0.0], [1.0, 0.0]]
        )
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()

    @pytest.mark.parametrize("edges", [[], [0.0, 1.0], [2.0, 1.0], [1.0, 1.0]])
    def test_edges_increase_from_above_0(self, edges):
        with pytest.raises(ValueError, match="increasing from above 0"):
            losses.DiscreteHazard(edges)


def embeddings(rows=12, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(rows, 4))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype("float32")


class TestInBatch:
    GROUPS = np.array([0, 0, 1, 1, 1, 2, 3, 3, 0, 4, 3, 5])

    def test_supervised_contrastive_is_the_formula_of_the_paper(self):
        vectors = embeddings().astype("float64")
        costs = []
        for i in range(12):
            others = [a for a in range(12) if a != i]
            positive = [p for p in others if self.GROUPS[p] == self.GROUPS[i]]
            if positive:
                below = np.log(sum(np.exp(vectors[i] @ vectors[a] / 0.5) for a in others))
                costs.append(-np.mean([vectors[i] @ vectors[p] / 0.5 - below for p in positive]))
        found = losses.SupervisedContrastive(0.5)(
            tf.constant(self.GROUPS), tf.constant(embeddings())
        )
        np.testing.assert_allclose(found, np.mean(costs), rtol=1e-5)

    def test_batch_hard_triplet_is_the_formula_of_the_paper(self):
        vectors = embeddings().astype("float64")
        distance = ((vectors[:, None] - vectors[None]) ** 2).sum(-1)
        costs = []
        for i in range(12):
            same = (self.GROUPS[i] == self.GROUPS) & (np.arange(12) != i)
            if same.any():
                other = self.GROUPS[i] != self.GROUPS
                costs.append(max(0, distance[i][same].max() - distance[i][other].min() + 0.3))
        found = losses.BatchHardTriplet(0.3)(tf.constant(self.GROUPS), tf.constant(embeddings()))
        np.testing.assert_allclose(found, np.mean(costs), rtol=1e-5)

    @pytest.mark.parametrize("loss", LOSSES[3:], ids=lambda loss: type(loss).__name__)
    @pytest.mark.parametrize("groups", [[0], [0, 1, 2], [0, 0, 0]], ids=str)
    def test_groups_without_pairs_cost_nothing_that_is_not_finite(self, loss, groups):
        value, gradient = with_gradient(loss, groups, embeddings(len(groups)))
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
        if len(set(groups)) == len(groups):
            assert value == 0

    @pytest.mark.parametrize("loss", LOSSES[3:], ids=lambda loss: type(loss).__name__)
    def test_equal_embeddings_have_a_finite_gradient(self, loss):
        value, gradient = with_gradient(loss, [0, 0, 1, 1], np.tile([[1.0, 0.0]], (4, 1)))
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()

    def test_a_temperature_of_0_is_refused(self):
        with pytest.raises(ValueError, match="greater than 0"):
            losses.SupervisedContrastive(0.0)
        with pytest.raises(ValueError, match="not be negative"):
            losses.BatchHardTriplet(-1.0)
