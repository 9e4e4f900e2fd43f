"""F1 of spans against `seqeval`, on tags of every kind of disorder."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from seqeval.metrics import f1_score

from tf_mtl import metrics

TAGS = ["O", "B-place", "I-place", "B-time", "I-time", "I-person"]


def draw(random, rows, steps):
    return random.integers(0, len(TAGS), (rows, steps))


def expected(true, predicted, kept=None):
    kept = np.ones(true.shape, bool) if kept is None else kept
    names = [
        [[TAGS[tag] for tag in row[keep]] for row, keep in zip(tags, kept, strict=True)]
        for tags in (true, predicted)
    ]
    return f1_score(*names)


def one_hot(tags):
    return np.eye(len(TAGS), dtype="float32")[tags]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("agreement", [0.0, 0.8, 0.97, 1.0])
def test_it_counts_as_seqeval_over_batches(seed, agreement):
    random = np.random.default_rng(seed)
    metric = metrics.SpanF1(TAGS)
    update = tf.function(metric.update_state, reduce_retracing=True)
    batches = []
    for rows, steps in ((7, 13), (3, 1), (5, 20)):
        true, other = draw(random, rows, steps), draw(random, rows, steps)
        predicted = np.where(random.random(true.shape) < agreement, true, other)
        update(true, one_hot(predicted))
        batches.append((true, predicted))
    rows = [np.pad(tags, [[0, 0], [0, 20 - tags.shape[1]]]) for pair in batches for tags in pair]
    true, predicted = np.concatenate(rows[::2]), np.concatenate(rows[1::2])
    assert float(metric.result()) == pytest.approx(expected(true, predicted), abs=1e-6)


@pytest.mark.parametrize("agreement", [0.5, 0.9])
@pytest.mark.parametrize("letters", ["BIES", "BILU"])
def test_tags_that_mark_the_ends_of_spans(letters, agreement):
    random = np.random.default_rng(0)
    tags = ["O", *(f"{letter}-{kind}" for letter in letters for kind in ("place", "time"))]
    true, other = random.integers(0, len(tags), (2, 60, 9))
    predicted = np.where(random.random(true.shape) < agreement, true, other)
    metric = metrics.SpanF1(tags)
    metric.update_state(true, np.eye(len(tags))[predicted])
    # seqeval's default mode knows the letters E and S
    known = [tag.replace("L-", "E-").replace("U-", "S-") for tag in tags]
    names = [[[known[tag] for tag in row] for row in rows] for rows in (true, predicted)]
    assert float(metric.result()) == pytest.approx(f1_score(*names), abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_tokens_without_a_label_are_taken_out(seed):
    """A piece of a word between two pieces that are tagged does not cut a span in two."""
    random = np.random.default_rng(seed)
    true, other = draw(random, 20, 9), draw(random, 20, 9)
    predicted = np.where(random.random(true.shape) < 0.8, true, other)
    kept = random.random(true.shape) < 0.7
    metric = metrics.SpanF1(TAGS)
    metric.update_state(true, one_hot(predicted), sample_weight=kept)
    assert float(metric.result()) == pytest.approx(expected(true, predicted, kept), abs=1e-6)


def test_a_mask_of_keras_takes_tokens_out_and_rows_have_weights():
    tags = keras.ops.array([[1, 2, 0], [3, 4, 4]])
    embedding = keras.layers.Embedding(3, len(TAGS), mask_zero=True)
    embedding.build(None)
    embedding.embeddings.assign(one_hot([0, 1, 2]))
    found = embedding(keras.ops.array([[1, 2, 0], [1, 2, 2]]))
    metric = metrics.SpanF1(TAGS)
    metric.update_state(tags, found, sample_weight=[1.0, 3.0])
    assert float(metric.result()) == pytest.approx(2 / (1 + 3 + 1 + 3))
    metric.reset_state()
    assert float(metric.result()) == 0.0


def test_its_config_comes_back():
    metric = metrics.SpanF1(TAGS, name="slots")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert again.get_config() == metric.get_config()


def test_tags_without_spans_are_refused():
    with pytest.raises(ValueError, match='"B-place"'):
        metrics.SpanF1(["noun", "verb"])
