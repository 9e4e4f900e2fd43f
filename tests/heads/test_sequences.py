"""Heads of tokens and sequences: what the conformance suite does not see."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_mtl import MultiTaskModel, build_model, export, heads, metrics, trunks
from tf_mtl.heads.beam_search import beam_search
from tf_mtl.heads.sequence_labels import SequenceLabels
from tf_mtl.heads.tag_transitions import TagTransitions

WORDS = ["zero", "one", "two", "three", "four"]
LENGTH = 4


def masked(steps=5, kept=3):
    features = keras.random.normal((2, steps, 6), seed=0)
    masking = keras.layers.Masking()
    return masking(features * (np.arange(steps) < kept)[None, :, None])


@pytest.mark.parametrize("kept", [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 1, 1, 0]])
def test_tags_with_transitions_are_sums_over_all_taggings(kept):
    random = np.random.default_rng(0)
    layer = TagTransitions()
    logits = 3 * random.normal(size=(1, 5, 3)).astype("float32")
    layer.build(logits.shape)
    for variable in layer.weights:
        variable.assign(2 * random.normal(size=variable.shape))
    mask = np.array([kept], dtype=bool)
    found = keras.ops.softmax(layer(logits, mask=mask)).numpy()[mask]

    tokens = logits[mask].astype("float64")
    scores, first, last = (variable.numpy().astype("float64") for variable in layer.weights)
    expected = np.zeros_like(tokens)
    for tags in itertools.product(range(3), repeat=len(tokens)):
        total = first[tags[0]] + last[tags[-1]]
        total += sum(token[tag] for token, tag in zip(tokens, tags, strict=True))
        total += sum(scores[pair] for pair in itertools.pairwise(tags))
        expected[np.arange(len(tokens)), tags] += np.exp(total)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_transitions_that_exclude_each_other_stay_finite():
    layer = TagTransitions()
    layer.build((None, None, 2))
    layer.scores.assign([[500.0, -500.0], [-500.0, 500.0]])
    logits = tf.constant([[[80.0, -80.0], [-80.0, 80.0]]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        shares = keras.ops.softmax(layer(logits))[:, :, 0]
    assert np.isfinite(shares).all()
    assert np.isfinite(tape.gradient(shares, logits)).all()


class TestMask:
    def test_a_text_is_the_mean_of_its_words(self):
        head = heads.Regression()
        expected = head(masked()[:, :3])
        np.testing.assert_allclose(head(masked()), expected, atol=1e-6)

    @pytest.mark.parametrize("transitions", [False, True])
    def test_tags_of_padding_are_zero(self, transitions):
        probabilities = heads.TokenTagging(3, transitions=transitions)(masked()).numpy()
        assert not probabilities[:, 3:].any()
        np.testing.assert_allclose(probabilities[:, :3].sum(-1), 1, atol=1e-6)

    def test_answers_lie_in_the_text(self):
        head = heads.SpanExtraction()
        probabilities = head(masked()).numpy()
        assert not probabilities[:, :, 3:].any()
        np.testing.assert_allclose(probabilities.sum(-1), 1, atol=1e-6)
        head = heads.SequenceGeneration(2, vocabulary_size=3, units=4)
        np.testing.assert_allclose(head(masked()), head(masked()[:, :3]), atol=1e-6)


@pytest.mark.parametrize("max_length", [None, 2])
def test_best_spans_are_those_of_a_search(max_length):
    probabilities = np.random.default_rng(0).dirichlet(np.ones(7), (50, 2)).astype("float32")
    found = metrics.best_spans(probabilities, max_length).numpy()
    for (first, last), (start, end) in zip(probabilities, found, strict=True):
        spans = [
            (first[i] * last[j], i, j)
            for i, j in itertools.product(range(7), repeat=2)
            if i <= j < i + (max_length or 7)
        ]
        assert max(spans)[1:] == (start, end)


def test_the_best_span_of_a_sure_start_behind_a_sure_end():
    first, last = [1e-25, 1e-22, 0.0, 1.0], [1e-25, 1e-22, 1.0, 0.0]
    found = metrics.best_spans(np.array([[first, last]], "float32"), max_length=1)
    assert found.numpy().tolist() == [[1, 1]]


def test_answers_are_scored_as_squad_does():
    true, found = np.array([[1, 3], [0, 0], [2, 4]]), np.array([[1, 3], [4, 5], [4, 4]])
    probabilities = np.eye(6, dtype="float32")[found]
    exact, overlap = metrics.AnswerExactMatch(), metrics.AnswerTokenF1()
    for metric in (exact, overlap):
        metric.update_state(true, probabilities)
    assert float(exact.result()) == pytest.approx(1 / 3)
    scores = []
    for (a, b), (c, d) in zip(true, found, strict=True):
        truth, answer = set(range(a, b + 1)), set(range(c, d + 1))
        common = len(truth & answer)
        precision, recall = common / len(answer), common / len(truth)
        scores.append(2 * precision * recall / (precision + recall) if common else 0.0)
    assert float(overlap.result()) == pytest.approx(np.mean(scores), abs=1e-6)


def test_a_span_is_found_in_a_text():
    """The answer lies between two marks."""
    random = np.random.default_rng(0)
    starts = random.integers(1, 5, 64)
    ends = starts + random.integers(0, 2, 64)
    rows = [["a"] * 8 for _ in range(64)]
    for row, start, end in zip(rows, starts, ends, strict=True):
        row[start - 1], row[end + 1] = "<", ">"
    x = tf.constant([" ".join(row) for row in rows])
    model = build_model(
        keras.Input((), dtype="string"),
        trunks.TextEncoder.for_texts(x, units=[16], encoder="convolution", dropout=0.0),
        {"answer": heads.SpanExtraction()},
    )
    model.compile(keras.optimizers.Adam(0.03))
    y = {"answer": np.stack([starts, ends], axis=1)}
    model.fit(x, y, epochs=30, batch_size=16, verbose=0)
    logs = model.evaluate(x, y, verbose=0, return_dict=True)
    assert logs["exact_match"] > 0.95
    assert logs["token_f1"] >= logs["exact_match"]


@pytest.mark.parametrize("head", [heads.TokenTagging(3), heads.NextToken(3)], ids=lambda h: h.kind)
def test_accuracy_counts_every_token_once_in_batches_of_any_length(head):
    inputs = keras.Input((None, 3))
    model = MultiTaskModel(inputs, {"task": head(inputs)})
    model.compile()
    random = np.random.default_rng(0)
    rows = []
    for length in (2, 2, 12, 12):
        x = random.normal(size=(4, length, 3)).astype("float32")
        right = model.predict(x, verbose=0)["task"].argmax(-1)
        rows.append((x, {"task": right if length == 2 else (right + 1) % 3}))
    data = tf.data.Dataset.from_generator(
        lambda: rows,
        output_signature=(
            tf.TensorSpec((None, None, 3)),
            {"task": tf.TensorSpec((None, None), "int64")},
        ),
    ).apply(tf.data.experimental.assert_cardinality(len(rows)))
    logs = model.evaluate(data, verbose=0, return_dict=True)
    assert logs["accuracy"] == pytest.approx(2 / 14)


def test_perplexity_is_the_exponential_of_the_mean_loss():
    random = np.random.default_rng(0)
    probabilities = random.dirichlet(np.ones(5), (6, 4)).astype("float32")
    labels = random.integers(0, 5, (6, 4))
    weight = random.integers(0, 2, (6, 4)).astype("float32")
    metric = metrics.Perplexity()
    for half in (slice(0, 2), slice(2, 6)):
        metric.update_state(labels[half], probabilities[half], sample_weight=weight[half])
    chosen = np.take_along_axis(probabilities, labels[..., None], axis=-1)[..., 0]
    expected = np.exp(-(np.log(chosen) * weight).sum() / weight.sum())
    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)


def test_a_language_model_learns_what_follows():
    texts = tf.constant(["one two three four one two", "three four one two three"])
    body = trunks.TextEncoder.for_texts(
        texts, units=[16], encoder="convolution", dropout=0.0, characters=0, causal=True
    )
    tokens = body.words(texts)
    head = heads.NextToken(body.words.vocabulary_size())
    model = build_model(keras.Input((), dtype="string"), body, {"next": head})
    model.compile(keras.optimizers.Adam(0.03))
    y = {"next": heads.NextToken.labels(tokens)}
    model.fit(texts, y, epochs=40, verbose=0)
    assert model.evaluate(texts, y, verbose=0, return_dict=True)["perplexity"] < 1.2


def sequences(rows, seed=0):
    """Digits as words, to be written down backwards as numbers or words."""
    random = np.random.default_rng(seed)
    sizes = random.integers(1, LENGTH + 1, rows)
    digits = [random.integers(0, len(WORDS), size) for size in sizes]
    source = [" ".join(WORDS[digit] for digit in row) for row in digits]
    backwards = [[str(digit) for digit in row[::-1]] for row in digits]
    return tf.constant(source), tf.ragged.constant(backwards).to_tensor("", (rows, LENGTH))


def test_an_encoder_decoder_learns_to_write_backwards(tmp_path):
    source, target = sequences(512)
    inputs = {
        "source": keras.Input((), dtype="string", name="source"),
        "target": keras.Input((LENGTH,), dtype="string", name="target"),
    }
    body = trunks.TextEncoder.for_texts(source, units=[32], dropout=0.0, unknown_rate=0.0)
    features = body(inputs["source"])
    head = heads.SequenceGeneration(LENGTH, vocabulary=list("01234"), units=32, name="reverse")
    outputs = {
        "reverse": head([features, inputs["target"]]),
        "length": heads.Regression(name="length")(features),
    }
    model = MultiTaskModel(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.02), loss_weights={"length": 0.1})
    size = tf.reduce_sum(tf.cast(target != "", tf.float32), axis=1)
    data = tf.data.Dataset.from_tensor_slices(
        ({"source": source, "target": target}, {"reverse": target, "length": size})
    )
    model.fit(data.batch(64), epochs=20, verbose=0)
    source, target = sequences(64, seed=1)
    written = {}
    for beams in (1, 3):
        writer = export.generator(model, beams)
        assert [tensor.name for tensor in writer.inputs] == ["source"]
        written[beams] = writer.predict({"source": source}, verbose=0)["reverse"]
        right = (written[beams] == target.numpy()).all(axis=1)
        assert right.mean() > 0.9
    writer.save(tmp_path / "writer.keras")
    loaded = keras.models.load_model(tmp_path / "writer.keras")
    again = loaded.predict({"source": source}, verbose=0)["reverse"]
    assert np.array_equal(again, written[3])
    served = tf.saved_model.load(str(export.saved_model(writer, tmp_path / "served")))
    texts = served.signatures["serving_default"](source=source)["reverse"]
    assert np.array_equal(texts, written[3])


def test_greedy_writing_is_what_the_head_does_without_labels():
    head = heads.SequenceGeneration(5, vocabulary_size=4, units=8)
    features = keras.random.normal((20, 3, 6), seed=1)
    tokens = head(features).numpy().argmax(-1)
    ended = np.cumsum(tokens == 4, axis=1) > 0
    assert ended.any()
    assert np.array_equal(head.generate(features), np.where(ended, -1, tokens))


def test_a_text_without_words_is_written_alike_beside_longer_ones():
    head = heads.SequenceGeneration(length=3, vocabulary_size=4, units=8)
    features = np.random.default_rng(0).normal(size=(1, 5, 6)).astype("float32")
    nothing = np.zeros((1, 5), bool)
    alone = head(features[:, :1], mask=keras.ops.array(nothing[:, :1]))
    np.testing.assert_allclose(head(features, mask=keras.ops.array(nothing)), alone, atol=1e-6)


def test_forced_probabilities_are_those_of_steps_with_these_tokens():
    head = heads.SequenceGeneration(3, vocabulary_size=4, units=8)
    features = keras.random.normal((2, 3, 6), seed=1)
    tokens = np.array([[1, 3, 2], [0, -1, -1]])
    forced = head([features, tokens]).numpy()
    keys, mask, state = head._encoded(features, None)
    before = np.array([[5, 1, 3], [5, 0, 4]])
    for place in range(3):
        expected, state = head.step(keys, mask, before[:, place], state)
        np.testing.assert_allclose(forced[:, place], expected, atol=1e-6)


def table_step(table):
    """Probabilities of a chain: they depend on the last token only."""

    def step(tokens, states):
        return keras.ops.take(table, tokens, axis=0), states

    return step


@pytest.mark.parametrize("seed", range(4))
def test_many_beams_find_the_best_sequence(seed):
    classes, end, start, length = 3, 2, 3, 3
    table = np.random.default_rng(seed).dirichlet(np.ones(classes), 4).astype("float32")
    found = beam_search(
        table_step(table), keras.ops.zeros((1, 1)), beams=30, length=length, start=start, end=end
    )
    best = (-np.inf, None)
    for tokens in itertools.product(range(classes), repeat=length):
        size = tokens.index(end) + 1 if end in tokens else length
        path = (start, *tokens[:size])
        mean = np.mean([np.log(table[a, b]) for a, b in itertools.pairwise(path)])
        written = [token if place < size and token != end else -1
                   for place, token in enumerate(tokens)]  # fmt: skip
        best = max(best, (mean, written))
    assert found.numpy()[0].tolist() == best[1]


def test_sequences_of_words_and_numbers_have_an_end():
    rule = SequenceLabels(2, ["a", "b"])
    labels, labelled = rule.encode(tf.constant([["b", "a", ""], ["a", "b", "a"], ["", "", ""]]))
    assert labels.numpy().tolist() == [[1, 0, 2], [0, 1, 0], [2, 2, 2]]
    assert labelled.numpy().tolist() == [[True] * 3, [True] * 3, [False] * 3]
    assert rule.problem(np.array([["a", "", "b"]])) == (
        0,
        "the sequence ['a', '', 'b'] goes on behind its end",
    )


@pytest.mark.parametrize(("dtype", "by_xla"), [("string", False), ("int32", True)])
def test_a_decoder_that_reads_words_is_not_compiled_by_xla(dtype, by_xla):
    """Keras asks the layers, on a single GPU."""
    features, labels = keras.Input((5, 4)), keras.Input((3,), dtype=dtype)
    head = heads.SequenceGeneration(length=3, vocabulary=["one", "two"], units=4)
    head([features, labels])
    assert head.supports_jit == by_xla


def test_whole_sequences_are_right_or_wrong():
    labels = np.array([[0, 1, 2], [0, 1, 2], [0, 1, 2], [0, 0, 0]])
    found = np.eye(3, dtype="float32")[[[0, 1, 2], [0, 1, 1], [0, 1, 1], [1, 1, 1]]]
    weight = np.array([[1, 1, 1], [1, 1, 1], [2, 2, 0], [0, 0, 0]], "float32")
    metric = metrics.SequenceAccuracy()
    metric.update_state(labels, found, sample_weight=weight)
    assert float(metric.result()) == pytest.approx((1 + 2) / (1 + 1 + 2))


def writer():
    x, tokens = keras.Input((8,), name="x"), keras.Input((3,), dtype="int32", name="tokens")
    return MultiTaskModel([x, tokens], {"word": heads.SequenceGeneration(3, 5)([x, tokens])})


BAD = [
    (lambda: heads.TokenTagging(1), "at least 2"),
    (lambda: heads.TokenTagging(class_names=["O", "O"]), "2 different names"),
    (lambda: heads.TokenTagging(3)(keras.ops.ones((2, 4))), r"\[B, tokens, d\]"),
    (lambda: heads.NextToken(1), "at least 2"),
    (lambda: heads.SpanExtraction(max_length=0), "at least 1"),
    (lambda: heads.SequenceGeneration(3), "vocabulary_size"),
    (lambda: heads.SequenceGeneration(0, 5), "at least 1"),
    (lambda: heads.SequenceGeneration(3, vocabulary=["a", "a"]), "2 different tokens"),
    (lambda: heads.SequenceGeneration(3, 5).generate(keras.ops.ones((1, 2)), beams=0), "`beams`"),
    (lambda: export.generator(writer(), beams=2.5), "`beams` must be a whole .* beams=2.5"),
    (lambda: export.generator(writer(), beams="4"), "`beams` must be a whole .* beams='4'"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_arguments_are_checked(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_model_that_writes_nothing_has_no_generator():
    model = build_model(keras.Input((3,)), trunks.MLP([4]), {"y": heads.Regression()})
    with pytest.raises(ValueError, match="SequenceGeneration"):
        export.generator(model)
