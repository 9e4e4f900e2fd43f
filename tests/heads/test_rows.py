"""Heads of rows: what their outputs, losses and label rules promise."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.special import expit
from scipy.stats.qmc import Halton
from sklearn.metrics import ndcg_score, r2_score

from tf_mtl import build_model, heads, losses

RANDOM = np.random.default_rng(0)


def only(head, *shape, optimizer="sgd"):
    """A model of a head alone, on features given as inputs."""
    model = build_model(keras.Input(shape), keras.layers.Identity(), {"task": head})
    model.compile(optimizer)
    return model


def fitted(head, labels, steps=300, rate=0.1):
    """A model of biases alone: the head's best answer to these labels without any features."""
    model = only(head, 1, optimizer=keras.optimizers.Adam(rate))
    x = np.zeros((len(labels), 1), "float32")
    data = tf.data.Dataset.from_tensors((x, {"task": labels})).repeat(steps)
    model.fit(data, verbose=0)
    return model, x


def test_regression_far_from_0_has_its_r2_and_none_without_labels():
    random = np.random.default_rng(0)
    labels = random.normal(1e5, 1.0, (512, 2)).astype("float32")
    x = labels - 1e5 + random.normal(0, 0.3, (512, 2)).astype("float32")
    model = only(heads.Regression(2, mean=1e5), 2)
    model.get_layer("task").projection.kernel.assign(np.eye(2))
    logs = model.evaluate(x, {"task": labels}, batch_size=32, verbose=0, return_dict=True)
    outputs = model.predict(x, verbose=0)["task"]
    expected = r2_score(labels.astype("float64"), outputs.astype("float64"))
    assert logs["r2"] == pytest.approx(expected, abs=1e-4)
    logs = model.evaluate(x, {"task": labels * np.nan}, verbose=0, return_dict=True)
    assert np.isnan(logs["r2"])


class TestOrdinal:
    @pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
    def test_probabilities_add_up_to_1(self, scale):
        output = heads.Ordinal(6)(scale * RANDOM.normal(size=(50, 4)).astype("float32")).numpy()
        assert (output >= 0).all()
        np.testing.assert_allclose(output.sum(-1), 1, rtol=1e-5)

    def test_the_most_likely_class_rises_with_the_score(self):
        head = heads.Ordinal(5)
        head(np.zeros((1, 1), "float32"))
        head.projection.kernel.assign([[1.0]])
        output = head(np.linspace(-6, 6, 99, dtype="float32")[:, None]).numpy()
        assert (np.diff(np.cumsum(output, -1)[:, :-1], axis=0) < 0).all()
        assert (np.diff(output.argmax(-1)) >= 0).all()
        assert output.argmax(-1)[[0, -1]].tolist() == [0, 4]

    def test_two_classes_are_logistic_regression(self):
        head = heads.Ordinal(2)
        x = RANDOM.normal(size=(9, 3)).astype("float32")
        output, score = head(x), head.projection(x).numpy()
        np.testing.assert_allclose(output[:, 1:], 1 / (1 + np.exp(-score)), rtol=1e-5)

    @pytest.mark.parametrize("score", [-500.0, -30.0, 0.3, 30.0, 500.0])
    def test_the_loss_is_exact_however_far_the_score(self, score):
        head = heads.Ordinal(4)
        head(tf.zeros((1, 1)))
        head.projection.kernel.assign([[score]])
        labels = np.arange(4)
        with tf.GradientTape() as tape:
            output = head(tf.ones((4, 1)))
            found = keras.losses.sparse_categorical_crossentropy(labels, output)
        ends = np.array([-np.inf, *np.log([1 / 3, 1.0, 3.0]), np.inf]) - score
        a, b = ends[1:], ends[:-1]
        expected = np.logaddexp(0, -a) + np.logaddexp(0, b) - np.log1p(-np.exp(b - a))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        gradients = tape.gradient(found, head.trainable_variables)
        assert all(np.isfinite(gradient).all() for gradient in gradients)
        slopes = expit(-a) - expit(b)  # of -log P(y), as a function of the score
        np.testing.assert_allclose(gradients[-1][0, 0], slopes.sum(), rtol=1e-4, atol=1e-6)

    def test_a_sure_and_wrong_model_still_learns(self):
        """Keras finds the logarithms of the probabilities, also in the graph of the step."""
        model = only(heads.Ordinal(3), 1)
        kernel = model.get_layer("task").projection.kernel
        kernel.assign([[200.0]])
        model.fit(np.ones((2, 1)), {"task": np.array([0, 0])}, verbose=0)
        assert kernel.numpy()[0, 0] == pytest.approx(200 - 0.01, abs=1e-4)

    def test_learns_shares_of_classes(self):
        labels = np.repeat([0, 1, 2], [10, 60, 30])
        model, x = fitted(heads.Ordinal(3), labels)
        np.testing.assert_allclose(
            model.predict(x[:1], verbose=0)["task"], [[0.1, 0.6, 0.3]], atol=5e-3
        )


class TestCount:
    def test_the_mean_is_proportional_to_the_exposure(self):
        inputs = {"x": keras.Input((3,), name="x"), "hours": keras.Input((1,), name="hours")}
        head = heads.Count(exposure="hours")
        model = build_model(inputs, lambda x: x["x"], {"visits": head})
        x = {"x": np.ones((2, 3)), "hours": np.array([[1.0], [24.0]])}
        one, day = model.predict(x, verbose=0)["visits"]
        np.testing.assert_allclose(day, 24 * one, rtol=1e-6)
        with pytest.raises(ValueError, match=r"'hors'.*Did you mean 'hours'"):
            build_model(inputs, lambda x: x["x"], {"visits": heads.Count(exposure="hors")})
        with pytest.raises(ValueError, match="called without an exposure"):
            heads.Count(exposure="hours")(np.ones((2, 3)))

    @pytest.mark.parametrize("distribution", ["poisson", "negative_binomial"])
    @pytest.mark.parametrize("log_mean", [60.0, 95.0, 1e4])
    def test_a_mean_that_was_led_far_up_comes_back(self, log_mean, distribution):
        head = heads.Count(distribution)
        head(tf.zeros((1, 1)))
        bias = head.projection.bias
        bias.assign([log_mean])
        with tf.GradientTape() as tape:
            loss = head.default_loss([[0.0], [3.0]], head(tf.zeros((2, 1))))
        gradient = tape.gradient(loss, bias)
        assert np.isfinite(loss)
        assert np.isfinite(gradient**2)
        assert gradient > 0
        keras.optimizers.Adam(1.0).apply([gradient], [bias])
        assert bias[0] < log_mean

    @pytest.mark.parametrize("distribution", ["poisson", "negative_binomial"])
    def test_learns_mean_and_dispersion(self, distribution):
        dispersion = 0.8
        labels = RANDOM.negative_binomial(1 / dispersion, 1 / (1 + dispersion * 5), 2000)
        model, x = fitted(heads.Count(distribution), labels.astype("float32"), steps=150)
        output = model.predict(x[:1], verbose=0)["task"][0]
        assert output[0] == pytest.approx(labels.mean(), rel=1e-3)
        if distribution == "negative_binomial":
            assert output[1] == pytest.approx(dispersion, abs=0.08)

    @pytest.mark.parametrize(
        ("label", "message"),
        [(-1.0, "-1.0 is not a count"), (0.5, "0.5 is not a count"), (np.inf, "inf is infinite")],
    )
    def test_what_is_no_count_is_refused(self, label, message):
        with pytest.raises(ValueError, match=rf"row 1: {message}"):
            only(heads.Count(), 2).fit(np.ones((2, 2)), {"task": np.array([1.0, label])}, verbose=0)


class TestQuantile:
    @pytest.mark.parametrize("scale", [1.0, 100.0, 1e6])
    def test_quantiles_never_cross(self, scale):
        head = heads.Quantile([0.05, 0.25, 0.5, 0.95], mean=-3.0, std=7.0)
        output = head(scale * RANDOM.normal(size=(200, 5)).astype("float32")).numpy()
        assert (np.diff(output, axis=-1) >= 0).all()

    def test_learns_the_quantiles_of_the_labels(self):
        labels = RANDOM.exponential(20.0, 1000).astype("float32")
        quantiles = [0.1, 0.5, 0.9]
        head = heads.Quantile(quantiles, mean=20.0, std=20.0)
        model, x = fitted(head, labels, rate=0.02)
        output = model.predict(x[:1], verbose=0)["task"][0]
        shares = (labels[:, None] <= output).mean(0)
        np.testing.assert_allclose(shares, quantiles, atol=0.01)
        logs = model.evaluate(x, {"task": labels}, verbose=0, return_dict=True)
        assert logs["coverage"] == pytest.approx(0.8, abs=0.02)
        assert logs["mae"] == pytest.approx(np.abs(labels - np.median(labels)).mean(), rel=0.01)

    def test_the_loss_does_not_depend_on_the_unit(self):
        labels = RANDOM.normal(size=20).astype("float32")
        x = RANDOM.normal(size=(20, 2)).astype("float32")
        losses = []
        for factor in (1.0, 1000.0):
            keras.utils.set_random_seed(0)
            model = only(heads.Quantile([0.3], mean=0.0, std=factor), 2)
            logs = model.evaluate(x, {"task": factor * labels}, verbose=0, return_dict=True)
            losses.append(logs["loss"])
        assert losses[0] == pytest.approx(losses[1], rel=1e-5)


class TestSurvival:
    @pytest.mark.parametrize("scale", [1.0, 100.0])
    def test_the_curve_falls(self, scale):
        curve = heads.Survival(5)(scale * RANDOM.normal(size=(99, 3)).astype("float32")).numpy()
        assert (np.diff(curve, axis=-1) <= 0).all()
        assert (curve >= 0).all()
        assert (curve <= 1).all()

    def test_without_features_it_is_kaplan_meier(self):
        edges = np.array([1.0, 2.0, 3.0, 4.0])
        time = RANDOM.choice([0.5, 1.0, 1.7, 2.5, 3.0, 3.9, 6.0], 300)
        event = RANDOM.integers(0, 2, 300)
        event[time > 4] = 0
        # Who is censored in the second half of a bin counts at its end, others at its start.
        known = np.where(event == 1, time, np.floor(time + 0.5))
        survival, expected = 1.0, []
        for low, high in zip([0, *edges[:-1]], edges, strict=True):
            deaths = ((event == 1) & (low < known) & (known <= high)).sum()
            survival *= (
                1 - deaths / ((event == 1) & (known > low) | (event == 0) & (known >= high)).sum()
            )
            expected.append(survival)
        model, x = fitted(heads.Survival(edges=edges), np.stack([time, event], 1))
        np.testing.assert_allclose(model.predict(x[:1], verbose=0)["task"][0], expected, atol=2e-3)

    @pytest.mark.parametrize("longest", [8.0, 12.0])
    def test_censoring_within_bins_does_not_bend_the_curve(self, longest):
        """Of all rows some are censored in every bin, the last included."""
        edges = np.array([0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0])
        even = Halton(2, seed=1).random(2_000).T  # evener than random: as exact as 40,000 rows
        life, observed = -3.0 * np.log(even[0]), longest * even[1]
        labels = np.stack([np.minimum(life, observed), life <= observed], axis=1)
        model, x = fitted(heads.Survival(edges=edges), labels, steps=200)
        curve = model.predict(x[:1], verbose=0)["task"][0]
        np.testing.assert_allclose(curve, np.exp(-edges / 3), atol=0.012)

    def test_a_sure_and_wrong_model_still_learns(self):
        """The loss sees the logits of the hazards, also in the graph of the training step."""
        model = only(heads.Survival(2), 1)
        bias = model.get_layer("task").projection.bias
        bias.assign([-60.0, 0.0])
        x, y = np.zeros((4, 1)), {"task": np.array([[0, 1]] * 4)}
        assert model.evaluate(x, y, verbose=0, return_dict=True)["loss"] == pytest.approx(60.0)
        model.fit(x, y, verbose=0)
        assert bias.numpy()[0] == pytest.approx(-60 + 0.01)

    @pytest.mark.parametrize("dtype", ["uint8", "int16", "float64"])
    def test_numbers_of_bins_have_any_dtype(self, dtype):
        model = only(heads.Survival(2), 1)
        labels = np.array([[0, 1], [1, 0]], dtype)
        logs = model.evaluate(np.zeros((2, 1)), {"task": labels}, verbose=0, return_dict=True)
        assert logs["loss"] == pytest.approx((np.log(3) + 2 * np.log(1.5)) / 2, rel=1e-5)

    @pytest.mark.parametrize(
        ("head", "label", "message"),
        [
            ({"num_bins": 3}, [3, 1], "3.0 is not the number of a bin: expected 0 to 2"),
            ({"num_bins": 3}, [0.5, 1], "0.5 is not the number of a bin"),
            ({"num_bins": 3}, [1, 2], "2.0 is no event"),
            ({"edges": [1.0]}, [-2.0, 1], "-2.0 is not a duration"),
            ({"edges": [1.0]}, [np.inf, 0], "inf is not a duration"),
        ],
        ids=str,
    )
    def test_wrong_pairs_are_named(self, head, label, message):
        labels = np.array([[0.0, 1.0], label])
        with pytest.raises(ValueError, match=f"row 1: {message}"):
            only(heads.Survival(**head), 2).fit(np.ones((2, 2)), {"task": labels}, verbose=0)


class TestEmbedding:
    def test_rows_without_features_do_not_move_the_bias_out_of_sight(self):
        """A row whose features are all 0 has no direction yet, and a gradient as others have."""
        model = only(heads.Embedding(4), 3, optimizer=keras.optimizers.SGD(1.0))
        x = np.array([[0, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0]], "float32")
        model.fit(x, {"task": np.array([0, 1, 0, 1])}, verbose=0)
        assert np.abs(model.get_layer("task").projection.bias.numpy()).max() < 100

    def test_vectors_have_length_1(self):
        output = heads.Embedding(7)(RANDOM.normal(size=(9, 3)).astype("float32"))
        np.testing.assert_allclose(np.linalg.norm(output, axis=-1), 1, rtol=1e-5)

    @pytest.mark.parametrize("way", ["label", "weight"])
    def test_rows_that_are_missing_take_no_part(self, way):
        x = RANDOM.normal(size=(32, 6)).astype("float32")
        groups = RANDOM.integers(0, 5, 32)
        kept = RANDOM.random(32) < 0.6
        model = only(heads.Embedding(4), 6)
        weight = None
        labels = np.where(kept, groups, -1)
        if way == "weight":
            labels, weight = groups, {"task": kept.astype("float32")}
        found = model.evaluate(
            x, {"task": labels}, sample_weight=weight, verbose=0, return_dict=True
        )
        expected = model.evaluate(x[kept], {"task": groups[kept]}, verbose=0, return_dict=True)
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=1e-5), name

    @pytest.mark.parametrize("loss", [None, losses.BatchHardTriplet()], ids=["pairs", "triplets"])
    def test_large_numbers_of_groups_are_told_apart(self, loss):
        x = RANDOM.normal(size=(32, 6)).astype("float32")
        groups = RANDOM.integers(0, 5, 32)
        model = only(heads.Embedding(4, loss=loss), 6)
        for start in (2**24, 2**40):  # float32 rounds both
            small, large = (
                model.evaluate(x, {"task": labels}, verbose=0, return_dict=True)
                for labels in (groups, groups + start)
            )
            assert large == small
        with pytest.raises(ValueError, match="array of integers"):
            model.fit(x, {"task": np.where(groups == 1, np.nan, groups + 2.0**24)}, verbose=0)

    def test_another_loss_is_saved_with_the_model(self, tmp_path):
        model = only(heads.Embedding(4, loss=losses.BatchHardTriplet(margin=0.4)), 6)
        model.save(tmp_path / "model.keras")
        loaded = keras.models.load_model(tmp_path / "model.keras")
        assert loaded.get_layer("task").default_loss.margin == 0.4

    def test_groups_come_together(self):
        x = np.eye(12, dtype="float32")
        groups = np.arange(12) % 4
        model = only(heads.Embedding(3), 12, optimizer=keras.optimizers.Adam(0.05))
        data = tf.data.Dataset.from_tensors((x, {"task": groups})).repeat(150)
        model.fit(data, verbose=0)
        logs = model.evaluate(x, {"task": groups}, verbose=0, return_dict=True)
        assert logs["recall_at_1"] == 1.0


class TestReconstruction:
    @pytest.mark.parametrize("shape", [(8, 8, 1), (7, 5, 3), (1, 9, 2), (11,)], ids=str)
    @pytest.mark.parametrize("widths", [(), (4,), (6, 5, 4)], ids=str)
    def test_any_shape_is_restored(self, shape, widths):
        assert heads.Reconstruction(shape, widths)(np.ones((2, 10))).shape == (2, *shape)

    def test_learns_the_input_where_it_is_known(self):
        x = RANDOM.normal(size=(64, 5)).astype("float32")
        holes = np.where(RANDOM.random(x.shape) < 0.3, np.nan, x)
        model = only(heads.Reconstruction([5], []), 5, optimizer=keras.optimizers.Adam(0.1))
        data = tf.data.Dataset.from_tensors((x, {"task": holes})).repeat(150)
        model.fit(data, verbose=0)
        assert model.evaluate(x, {"task": x}, verbose=0, return_dict=True)["mae"] < 0.02

    def test_an_image_of_one_channel_has_labels_with_it(self):
        model = only(heads.Reconstruction((4, 4, 1), [3]), 6)
        with pytest.raises(ValueError, match="expected the shape"):
            model.fit(np.ones((2, 6)), {"task": np.ones((2, 5, 4))}, verbose=0)


class TestRanking:
    X = RANDOM.normal(size=(20, 6, 3)).astype("float32")
    RELEVANCE = RANDOM.integers(0, 4, (20, 6))

    @pytest.mark.parametrize("k", [None, 3])
    def test_ndcg_equals_scikit_learn(self, k):
        model = only(heads.Ranking(k=k), 6, 3)
        scores = model.predict(self.X, verbose=0)["task"]
        expected = ndcg_score(2.0**self.RELEVANCE - 1, scores, k=k)
        logs = model.evaluate(self.X, {"task": self.RELEVANCE}, verbose=0, return_dict=True)
        assert logs["ndcg"] == pytest.approx(expected, rel=1e-5)

    @pytest.mark.parametrize("loss", ["pairwise", "listwise"])
    @pytest.mark.parametrize("padding", [-1.0, np.nan])
    def test_items_that_are_padding_change_nothing(self, loss, padding):
        model = only(heads.Ranking(loss), 6, 3)
        labels = self.RELEVANCE.astype("float32")
        labels[:, 4:] = padding
        other = self.X.copy()
        other[:, 4:] = 100.0
        logs = [
            model.evaluate(x, {"task": labels}, verbose=0, return_dict=True)
            for x in (self.X, other)
        ]
        assert logs[0] == pytest.approx(logs[1], rel=1e-5)

    @pytest.mark.parametrize("loss", ["pairwise", "listwise"])
    def test_learns_an_order(self, loss):
        relevance = self.X[..., 0].argsort(-1).argsort(-1) // 2  # told by the first feature
        model = only(heads.Ranking(loss), 6, 3, optimizer=keras.optimizers.Adam(0.1))
        data = tf.data.Dataset.from_tensors((self.X, {"task": relevance})).repeat(40)
        model.fit(data, verbose=0)
        logs = model.evaluate(self.X, {"task": relevance}, verbose=0, return_dict=True)
        assert logs["ndcg"] > 0.99

    def test_features_that_are_no_lists_are_refused(self):
        with pytest.raises(ValueError, match=r"\[B, items, d\]"):
            heads.Ranking()(np.ones((2, 3)))


def click_and_buy(order=("click", "buy"), **arguments):
    """A model of two steps on the features themselves."""
    keras.utils.set_random_seed(0)
    made = {"click": heads.BinaryClassification(), "buy": heads.Funnel("click", **arguments)}
    model = build_model(
        keras.Input((3,)), keras.layers.Identity(), {task: made[task] for task in order}
    )
    model.compile(keras.optimizers.SGD(0.5))
    return model


class TestFunnel:
    X = RANDOM.normal(size=(64, 3)).astype("float32")

    def test_the_output_is_the_product_of_the_steps(self):
        model = click_and_buy()
        output = model.predict(self.X, verbose=0)
        given = keras.ops.sigmoid(model.get_layer("buy").projection(self.X))
        np.testing.assert_allclose(output["buy"], output["click"] * given, rtol=1e-5)

    @pytest.mark.parametrize("order", [("click", "buy"), ("buy", "click")], ids=str)
    def test_heads_are_applied_after_those_they_read(self, order):
        model = click_and_buy(order)
        assert model.tasks == list(order)
        assert model.predict(self.X, verbose=0).keys() == set(order)

    def test_the_later_step_trains_the_earlier_head(self):
        model = click_and_buy()
        before = model.get_layer("click").get_weights()
        model.fit(self.X, {"buy": np.ones(64)}, verbose=0)
        after = model.get_layer("click").get_weights()
        assert all((a > b).any() for a, b in zip(after, before, strict=True))

    @pytest.mark.parametrize("earlier", [-60.0, 0.0, 60.0])
    @pytest.mark.parametrize("logit", [-60.0, 0.0, 60.0])
    def test_the_loss_is_exact_at_small_probabilities(self, earlier, logit):
        head = heads.Funnel("click")
        logits = tf.Variable([[earlier], [earlier]])
        head(tf.ones((1, 1)), tf.ones((1, 1)))
        head.projection.kernel.assign([[logit]])
        with tf.GradientTape() as tape:
            output = head(tf.ones((2, 1)), keras.activations.sigmoid(logits))
            found = keras.losses.binary_crossentropy([[1.0], [0.0]], output)
        log_yes = -np.logaddexp(0, -earlier) - np.logaddexp(0, -logit)
        assert float(found[0]) == pytest.approx(-log_yes, rel=1e-5, abs=1e-6)
        # float32 does not tell a probability of 1 - 1e-26 from 1, so that "no" may cost more.
        assert float(found[1]) == pytest.approx(
            -np.log(-np.expm1(log_yes)), rel=1e-5, abs=1e-6
        ) or (log_yes > -1e-7 and 15 < found[1] < 100)
        gradients = tape.gradient(found, [logits, *head.trainable_variables])
        assert all(np.isfinite(gradient).all() for gradient in gradients)

    def test_an_unconditional_step_pays_where_it_exceeds_the_earlier(self):
        model = click_and_buy(conditional=False, penalty=2.0)
        output = model.predict(self.X, verbose=0)
        excess = np.maximum(output["buy"] - output["click"], 0).mean()
        model(self.X)
        assert float(model.losses[0]) == pytest.approx(2.0 * excess, rel=1e-5)
        given = keras.ops.sigmoid(model.get_layer("buy").projection(self.X))
        np.testing.assert_allclose(output["buy"], given, rtol=1e-6)

    def test_steps_that_cannot_be_read_are_refused(self):
        features = keras.Input((3,), name="x")

        def build(made):
            build_model(features, keras.layers.Identity(), made)

        with pytest.raises(ValueError, match=r"'clik'.*Did you mean 'click'"):
            build({"click": heads.BinaryClassification(), "buy": heads.Funnel("clik")})
        with pytest.raises(ValueError, match="read each other's outputs"):
            build({"a": heads.Funnel("b"), "b": heads.Funnel("a")})
        with pytest.raises(ValueError, match="reads: 'a'"):
            build({"a": heads.Funnel("a")})
        with pytest.raises(ValueError, match="one probability"):
            build({"kind": heads.Classification(3), "buy": heads.Funnel("kind")})
        for head in (heads.Regression(), heads.Count()):
            made = {"buy": heads.Funnel("amount"), "amount": head}
            with pytest.raises(ValueError, match=rf"'amount' is a {type(head).__name__}.*none"):
                build(made)
        build({"buy": heads.Funnel("click"), "click": keras.layers.Dense(1, "sigmoid")})


@pytest.mark.parametrize("head", [heads.Count, heads.Quantile])
def test_the_mean_of_an_array_with_one_column_is_taken(head):
    assert head(mean=np.array([[1.0], [3.0]]).mean(axis=0)).mean == 2.0


BAD = [
    (heads.Ordinal, "num_classes"),
    (lambda: heads.Ordinal(1), "at least 2"),
    (lambda: heads.Ordinal(3, ["a", "b"]), "3 different names"),
    (lambda: heads.Count("gauss"), "'poisson', 'negative_binomial'"),
    (lambda: heads.Count(mean=0.0), "greater than 0"),
    (lambda: heads.Count(mean=[1.0, 2.0]), "one number"),
    (lambda: heads.Quantile([0.9, 0.1]), "must increase"),
    (lambda: heads.Quantile([0.5, 1.5]), "less than 1"),
    (lambda: heads.Quantile(std=0.0), "greater than 0"),
    (lambda: heads.Quantile(mean=np.nan), "must be finite"),
    (lambda: heads.Quantile(mean=[1.0, 2.0]), "one number"),
    (lambda: heads.Quantile(mean=np.array([1.0, 2.0])), "one number"),
    (heads.Survival, "`num_bins`.*`edges`"),
    (lambda: heads.Survival(2, [1.0, 2.0]), "`num_bins`.*`edges`"),
    (lambda: heads.Survival(0), "at least 1"),
    (lambda: heads.Survival(edges=[2.0, 1.0]), "increasing from above 0"),
    (lambda: heads.Survival(edges=[1.0, np.nan, 2.0]), "increasing from above 0"),
    (lambda: heads.Survival(edges=5), "increasing from above 0"),
    (lambda: heads.Classification(class_names="abc"), "list of names.*'abc'"),
    (lambda: heads.Classification(3, "digit"), "list of names.*'digit'"),
    (lambda: heads.Classification(class_names={"a", "b"}), "list of names, in the order"),
    (lambda: heads.Ordinal(class_names={"a": 1, "b": 0}), "list of names, in the order"),
    (lambda: heads.BinaryClassification(1), "list of names.*class_names=1"),
    (lambda: heads.MultiLabel(class_names="abc"), "list of names.*'abc'"),
    (lambda: heads.SequenceGeneration(5, vocabulary="abc"), "`vocabulary` must be a list of names"),
    (lambda: heads.Regression(mean=None), "`mean` must be a number, .* Received: mean=None"),
    (lambda: heads.Quantile(std="wide"), "`std` must be a number"),
    (lambda: heads.Count(mean=None), "`mean` must be a number"),
    (lambda: heads.Quantile(0.5), "at least one number.*Received: 0.5"),
    (lambda: heads.Embedding(0), "at least 1"),
    (lambda: heads.Reconstruction(4), "vectors.*shape=4"),
    (lambda: heads.Reconstruction("4"), "vectors.*shape='4'"),
    (lambda: heads.Reconstruction((3, 3)), "vectors"),
    (lambda: heads.Reconstruction((3, 0, 1)), "vectors"),
    (lambda: heads.Reconstruction((3,), [0]), "at least 1"),
    (lambda: heads.Reconstruction((3,), [4.9]), "whole number.*4.9"),
    (lambda: heads.Reconstruction((3.7,)), "vectors.*3.7"),
    (lambda: heads.Ranking("pointwise"), "'pairwise', 'listwise'"),
    (lambda: heads.Ranking(k=0), "at least 1"),
    (lambda: heads.Funnel("click", penalty=-1.0), "not be negative"),
]


def test_a_head_of_ones_own_takes_a_single_metric():
    head = heads.Head(keras.layers.Dense(1), "mse", "mae")
    assert head.metric_identifiers == ["mae"]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_arguments_are_checked_at_once(make, message):
    with pytest.raises(ValueError, match=message):
        make()
