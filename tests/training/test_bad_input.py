"""Mistakes in names, shapes and values end in one error that names the thing."""

import warnings

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.training.programs import LOSSES, arrays, network
from tf_mtl import MultiTaskModel, build_model, heads, trunks
from tf_mtl.training import fit_arguments


def compiled():
    model = network()
    model.compile("sgd", loss=dict(LOSSES))
    return model


def changed(task, row, value):
    x, y, _ = arrays(64)
    y[task] = y[task].copy()
    y[task][row] = value
    return x, y


COMPILE = [
    ({"loss": ["mse", "mse", "mse"]}, "`loss` is a list"),
    ({"loss": {"prise": "mse"}}, "Unknown task in `loss`: 'prise'.*Did you mean 'price'"),
    ({"loss": {"price": ["mse", "mae"]}}, "needs one loss"),
    ({"loss": LOSSES, "metrics": {"price": "auto"}}, "`metrics` of task 'price' is 'auto'"),
    ({"loss": LOSSES, "loss_weights": {"prise": 1.0}}, "Unknown task in `loss_weights`"),
    ({"loss": LOSSES, "loss_weights": [1, 2, 3]}, "`loss_weights` is a list"),
    ({"loss": LOSSES, "loss_weights": {"price": "2"}}, "must be a finite number"),
    ({"loss": LOSSES, "loss_weights": {"price": np.nan}}, r"must be a finite number.*nan"),
    ({"loss": {"price": "msee"}}, "loss of task 'price': 'msee'. Did you mean 'mse'"),
    ({"loss": "Auto"}, "loss of task 'kind': 'Auto'. Did you mean 'auto'"),
    ({"loss": {"price": heads.Regression()}}, "loss of task 'price': <Regression"),
    ({"loss": LOSSES, "metrics": {"sold": ["auc", "acuracy"]}}, "metric of task 'sold': 'acuracy'"),
    ({"loss": LOSSES, "metrics": {"sold": 3}}, "metric of task 'sold': 3"),
    ({"loss": LOSSES, "metrics": dict.fromkeys(["sold", "kind"], keras.metrics.AUC())}, "same AUC"),
    ({"loss": LOSSES, "metrics": ["mae"]}, "`metrics` is a list"),
    ({"loss": LOSSES, "metrics": {"kinds": "accuracy"}}, "Did you mean 'kind'"),
    ({"loss": LOSSES, "weighted_metrics": {"x": "mae"}}, "Unknown task in `weighted_metrics`"),
    ({"loss": {**LOSSES, "price": "auto"}}, "`loss` of task 'price' is 'auto', .*Head"),
    ({"loss": LOSSES, "metrics": {"price": ["auto"]}}, "`metrics` of task 'price' is 'auto'"),
]


@pytest.mark.parametrize(("arguments", "message"), COMPILE)
def test_compile_names_the_mistake(arguments, message):
    with pytest.raises(ValueError, match=message):
        network().compile("sgd", **arguments)


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        ("categorical_accuracy", "'sparse_categorical_accuracy'"),
        ("auc", "'accuracy'"),
        ("mae", "'accuracy'"),
    ],
)
def test_metrics_that_do_not_go_with_class_numbers(metric, message):
    x, y, _ = arrays(8)
    model = network()
    model.compile("sgd", loss=dict(LOSSES), metrics={"kind": metric})
    with pytest.raises(ValueError, match=f"'{metric}' of task 'kind' .*labels.*{message}"):
        model.fit(x, y, verbose=0)
    f1_score = [keras.metrics.F1Score()]
    model.compile("sgd", loss=dict(LOSSES), metrics={"sold": f1_score})
    with pytest.raises(ValueError, match=r"'f1_score' of task 'sold' .*Keras' error: FBetaScore"):
        model.fit(x, y, verbose=0)


def test_metrics_of_labels_whose_width_is_not_known():
    x, y = np.ones((8, 4), "float32"), np.arange(24.0).reshape(8, 3)
    batches = tf.data.Dataset.from_tensor_slices((x, {"a": y})).batch(4)
    any_width = tf.TensorSpec([None, None], tf.float64)
    signature = (tf.TensorSpec([None, 4]), {"a": any_width})
    stream = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=signature)
    model = build_model(keras.Input((4,)), keras.layers.Dense(2), {"a": heads.Regression(3)})
    model.compile("sgd", metrics={"a": ["mae", keras.metrics.RootMeanSquaredError()]})
    found = model.evaluate(stream, steps=2, verbose=0, return_dict=True)
    assert found == model.evaluate(batches, verbose=0, return_dict=True)


class AUCOfClasses(keras.metrics.AUC):
    """An AUC of class numbers, by each class against the others."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true = keras.ops.one_hot(keras.ops.reshape(y_true, [-1]), 3)
        return super().update_state(y_true, y_pred, sample_weight)


def test_a_metric_that_reads_class_numbers_by_itself():
    x, y, _ = arrays(8)
    model = network()
    model.compile("sgd", loss=dict(LOSSES), metrics={"kind": AUCOfClasses(name="auc")})
    found = model.evaluate(x, y, verbose=0, return_dict=True)["kind_auc"]
    one_hot = keras.metrics.AUC()
    one_hot.update_state(np.eye(3)[y["kind"]], model.predict(x, verbose=0)["kind"])
    np.testing.assert_allclose(found, one_hot.result(), rtol=1e-6)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (lambda y: {**y, "price": {"value": y["price"]}}, "'price': .* one array.* a dict of 1"),
        (
            lambda y: {**y, "price": (y["price"], y["price"])},
            "'price': .* one array.* a tuple of 2",
        ),
        (lambda y: None, r"Received none: give batches of \(x, \{task: labels\}\)"),
        (lambda y: tuple(y.values()), "Received a tuple: a list would be matched"),
    ],
)
def test_labels_of_another_structure_are_refused(labels, message):
    x, y, _ = arrays(8)
    y = labels(y)
    rows = tf.data.Dataset.from_tensor_slices(x if y is None else (x, y))
    with pytest.raises(ValueError, match=message):
        compiled().fit(rows.batch(4), verbose=0)


@pytest.mark.parametrize("aggregator", [None, "upgrad"])
def test_data_with_labels_of_no_task_are_refused(aggregator):
    x, y, _ = arrays(8)
    model = network()
    model.compile("sgd", loss=dict(LOSSES), aggregator=aggregator)
    for labels in ({}, dict.fromkeys(y)):
        with pytest.raises(ValueError, match=r"labels of no task.*'kind', 'sold', 'price'"):
            model.fit(x, labels, verbose=0)


@pytest.mark.parametrize("aggregator", [None, "upgrad"])
def test_a_misspelt_task_in_a_batch_is_told_the_nearest(aggregator):
    x, y, _ = arrays(8)
    model = network()
    model.compile("sgd", loss=dict(LOSSES), aggregator=aggregator)
    with pytest.raises(ValueError, match=r"'prize'.*Did you mean 'price'"):
        model.train_on_batch(x, {"prize": y["price"]})


def test_a_single_task_without_labels_is_refused_unless_a_layer_adds_a_loss():
    x = np.ones((8, 4), "float32")
    inputs = keras.Input((4,))
    plain = keras.layers.Dense(2, "sigmoid")
    for features in (plain, keras.layers.Dense(2, "sigmoid", activity_regularizer="l2")):
        model = build_model(inputs, features, {"price": heads.Regression()})
        model.compile("sgd")
        if features is plain:
            with pytest.raises(ValueError, match="labels of no task"):
                model.fit(x, verbose=0)
        else:
            assert model.evaluate(x, verbose=0) > 0.0


LABELS = [
    ("kind", 12, "'kind'.*row 7: 12 is not a class: expected 0 to 2"),
    ("kind", -3, "'kind'.*row 7: -3 is not a class"),
    ("sold", 2, "'sold'.*row 7: 2 is not 0 or 1"),
    ("price", np.inf, "'price'.*row 7: inf is infinite"),
]


@pytest.mark.parametrize("stream", [False, True], ids=["arrays", "tf.data"])
@pytest.mark.parametrize(("task", "value", "message"), LABELS)
def test_wrong_labels_are_found_before_they_do_harm(task, value, message, stream):
    x, y = changed(task, 7, value)
    model = compiled()
    before = model.get_weights()
    data = (tf.data.Dataset.from_tensor_slices((x, y)).batch(32),) if stream else (x, y)
    with pytest.raises(ValueError, match=message):
        model.fit(*data, verbose=0)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    if not stream:
        assert all(map(np.array_equal, before, model.get_weights()))


def test_a_class_outside_the_range_late_in_a_stream_names_the_task():
    x, y = changed("kind", 50, 12)
    with pytest.raises(ValueError, match="'kind': 12 is not a class: expected 0 to 2"):
        compiled().fit(tf.data.Dataset.from_tensor_slices((x, y)).batch(16), verbose=0)


def test_a_span_that_ends_behind_the_tokens_names_the_task():
    tasks = {"answer": heads.SpanExtraction(), "tag": heads.TokenTagging(3)}
    model = build_model(keras.Input((None, 2)), lambda tokens: tokens, tasks)
    model.compile("sgd")
    rows = tf.data.Dataset.from_tensors((tf.ones((1, 4, 2)), {"answer": [[1, 6]]}))
    with pytest.raises(ValueError, match="Task 'answer': 6 is not a class: expected 0 to 3"):
        model.fit(rows, verbose=0)


def test_shapes_lists_and_names_of_labels():
    x, y, weights = arrays(64)
    model = compiled()
    with pytest.raises(ValueError, match=r"expected the shape \[B, 2\], received \[B, 1\]"):
        model.fit(x, {**y, "price": y["price"][:, :1]}, verbose=0)
    with pytest.raises(ValueError, match="one-hot"):
        model.fit(x, {**y, "kind": np.eye(3)[y["kind"]]}, verbose=0)
    other = network()
    other.compile("sgd", loss={"kind": "categorical_crossentropy"})
    with pytest.raises(ValueError, match=r"\[B, 3\], received \[B\].*'sparse_categorical_cross"):
        other.fit(x, {"kind": y["kind"]}, verbose=0)
    with pytest.raises(ValueError, match="as a dictionary"):
        model.fit(x, list(y.values()), verbose=0)
    with pytest.raises(ValueError, match="Did you mean 'kind'"):
        model.fit(x, {**y, "kinds": y["kind"]}, verbose=0)
    with pytest.raises(ValueError, match="validation labels, row 0"):
        model.fit(x, y, validation_data=(x, {**y, "kind": y["kind"] + 9}), verbose=0)
    with pytest.raises(ValueError, match="sample weights"):
        model.fit(x, y, sample_weight={"kinds": weights["kind"]}, verbose=0)
    with pytest.raises(ValueError, match="validation sample weights: 'kinds'"):
        model.fit(x, y, validation_data=(x, y, {"kinds": weights["kind"]}), verbose=0)
    with pytest.raises(ValueError, match="validation labels, row 0"):
        model.fit(x, y, validation_data=[x, {**y, "kind": y["kind"] + 9}], verbose=0)
    with pytest.raises(ValueError, match="text"):
        model.fit(x, {**y, "kind": np.array(["a"] * 64)}, verbose=0)


def test_validation_data_are_looked_at_once(monkeypatch):
    x, y, _ = arrays(64)
    looks = []
    check = fit_arguments.check_arrays
    monkeypatch.setattr(
        fit_arguments, "check_arrays", lambda *data: (looks.append(data[-1]), check(*data))
    )
    compiled().fit(x, y, validation_data=(x, y), epochs=3, verbose=0)
    assert looks == ["training", "validation"]


WEIGHTS = [
    ([np.nan], "task 'sold', training row 9: nan is no finite number.*0 leaves a row out"),
    (["2"], "task 'sold', training: expected numbers. Received the dtype <U"),
]


@pytest.mark.parametrize(("value", "message"), WEIGHTS)
def test_sample_weights_that_are_no_numbers_are_refused(value, message):
    x, y, weights = arrays(16)
    weights["sold"] = np.concatenate([weights["sold"][:9], value, weights["sold"][10:]])
    with pytest.raises(ValueError, match=f"Sample weights of {message}"):
        compiled().fit(x, y, sample_weight=weights, verbose=0)
    with pytest.raises(ValueError, match=r"Sample weights, training: .* number for each row"):
        compiled().fit(x, y, sample_weight="balanced", verbose=0)
    rows = tf.data.Dataset.from_tensor_slices((x, y, weights)).batch(16)
    if value[0] != "2":
        with pytest.raises(ValueError, match=f"Sample weights of {message}"):
            compiled().fit(rows, verbose=0)


@pytest.mark.parametrize("share", [20, -0.1, 1.0, "0.2"])
def test_a_validation_split_that_is_no_share_is_refused(share):
    x, y, _ = arrays(8)
    with pytest.raises(ValueError, match=r"share of the rows.* 20 % write 0.2"):
        compiled().fit(x, y, validation_split=share, verbose=0)


INPUTS = [
    (lambda x: x.astype(str), "expected numbers, received the dtype str.* with the text '"),
    (
        lambda x: pd.DataFrame(x).assign(first="a"),
        "expected numbers, received the dtype object with the text 'a'",
    ),
    (lambda x: x[:, :3], r"expected the shape \[B, 8\], received \[B, 3\]"),
]


@pytest.mark.parametrize(("change", "message"), INPUTS)
def test_inputs_of_another_type_or_shape_are_refused(change, message):
    x, y, _ = arrays(8)
    model = compiled()
    for rows in (8, 4):  # the step is traced for any number of rows
        model.fit(x[:rows], {task: labels[:rows] for task, labels in y.items()}, verbose=0)
    with pytest.raises(ValueError, match=f"Input 'x', training: {message}"):
        model.fit(change(x), y, verbose=0)
    with pytest.raises(ValueError, match=f"Input 'x', validation: {message}"):
        model.fit(x, y, validation_data=(change(x), y), verbose=0)
    with pytest.raises(ValueError, match=f"Input 'x', prediction: {message}"):
        model.predict(change(x), verbose=0)


def test_data_sets_of_rows_and_with_one_hot_labels_are_refused():
    x, y, _ = arrays(8)
    rows = tf.data.Dataset.from_tensor_slices((x, {"kind": y["kind"], "sold": y["sold"]}))
    with pytest.raises(ValueError, match=r"training data are rows, not batches.*batch\(32\)"):
        compiled().fit(rows, verbose=0)
    with pytest.raises(ValueError, match="test data are rows, not batches"):
        compiled().evaluate(rows, verbose=0)
    one_hot = tf.data.Dataset.from_tensor_slices((x, {"kind": np.eye(3)[y["kind"]]}))
    with pytest.raises(ValueError, match=r"Task 'kind', training labels: .* look one-hot"):
        compiled().fit(one_hot.batch(4), verbose=0)


def test_what_is_wrong_with_a_batch_is_named():
    x, y, weights = arrays(8)
    model = compiled()
    for method in (model.train_on_batch, model.test_on_batch):
        with pytest.raises(ValueError, match=r"Task 'kind', batch labels, row 0: . is not a class"):
            method(x, {**y, "kind": y["kind"] + 3})
        with pytest.raises(ValueError, match=r"Task 'kind', batch labels: .* look one-hot"):
            method(x, {**y, "kind": np.eye(3)[y["kind"]]})
        with pytest.raises(ValueError, match=r"task 'sold', batch: .* 8 rows, received 3"):
            method(x, y, {"sold": weights["sold"][:3]})
        method(x, pd.DataFrame({"kind": y["kind"], "sold": y["sold"]}))


def test_a_data_frame_of_numbers_and_flags_is_an_input():
    x, y, _ = arrays(8)
    frame = pd.DataFrame(x.astype("float64")).assign(flag=x[:, -1] > 0).drop(columns=7)
    model = compiled()
    model.fit(frame, y, verbose=0)
    expected = model.predict(frame.to_numpy("float32"), verbose=0)
    for task, output in model.predict(frame, verbose=0).items():
        np.testing.assert_array_equal(output, expected[task])


def test_nan_inputs_are_named_with_their_row():
    x, y, _ = arrays(64)
    x[5, 2] = np.nan
    with pytest.raises(ValueError, match="Input 'x', training row 5: NaN"):
        compiled().fit(x, y, verbose=0)


def test_nan_inputs_are_not_blamed_when_the_weights_are_nan():
    x, y, _ = arrays(64)
    x[40:] = np.nan
    inputs = keras.Input((8,), name="x")
    known = keras.ops.nan_to_num(inputs)
    model = MultiTaskModel(inputs, {"price": keras.layers.Dense(2)(known)})
    model.compile(keras.optimizers.SGD(1e38), loss={"price": "mse"})
    data = tf.data.Dataset.from_tensor_slices((x, {"price": y["price"]})).batch(32)
    assert np.isnan(model.fit(data, epochs=2, verbose=0).history["loss"][-1])


@pytest.mark.parametrize(
    "callback",
    [
        keras.callbacks.EarlyStopping("val_los"),
        keras.callbacks.ModelCheckpoint("model.keras", monitor="kind_los", mode="min"),
        keras.callbacks.ReduceLROnPlateau("val_loss"),  # there is no validation
    ],
)
def test_a_monitor_that_does_not_exist_raises(callback):
    x, y, _ = arrays(64)
    with pytest.raises(ValueError, match="Unknown monitor"):
        compiled().fit(x, y, verbose=0, callbacks=[callback])


def test_a_checkpoint_of_every_epoch_watches_nothing(tmp_path):
    x, y, _ = arrays(64)
    keep = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_weights_only=True)
    compiled().fit(x, y, epochs=2, verbose=0, callbacks=[keep])
    assert len(list(tmp_path.iterdir())) == 2
    best = keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", save_best_only=True)
    with pytest.raises(ValueError, match="'val_loss'"):
        compiled().fit(x, y, verbose=0, callbacks=[best])


@pytest.mark.parametrize("missing", [None, float("nan")])
def test_an_array_of_objects_that_are_no_texts(missing):
    x, y, _ = arrays(64)
    numbers = y["kind"].astype(object)
    numbers[5] = missing
    with pytest.raises(ValueError, match=r"'kind'.*row 0: \d is no text, .* array of numbers, -1"):
        compiled().fit(x, {**y, "kind": numbers}, verbose=0)
    names = np.full(64, "a", object)
    names[5] = missing
    with pytest.raises(ValueError, match=r"'kind'.*row 5: (None|nan) is no text, .* \"\" where"):
        compiled().fit(x, {**y, "kind": names}, verbose=0)


class AddsF1(keras.callbacks.Callback):
    """What users write for a score of their own."""

    def on_epoch_end(self, epoch, logs=None):
        logs["val_f1"] = 0.5


@pytest.mark.parametrize(
    "callbacks",
    [
        [AddsF1(), keras.callbacks.EarlyStopping("val_f1", mode="max", patience=9)],
        [
            keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(score=1.0)),
            keras.callbacks.EarlyStopping("score", mode="max", patience=9),
        ],
        [
            keras.callbacks.LearningRateScheduler(lambda epoch: 0.1),
            keras.callbacks.EarlyStopping("learning_rate", mode="max", patience=9),
        ],
    ],
    ids=lambda callbacks: callbacks[-1].monitor,
)
def test_a_monitor_that_another_callback_adds(callbacks):
    x, y, _ = arrays(64)
    history = compiled().fit(x, y, verbose=0, epochs=3, callbacks=callbacks)
    assert len(history.history[callbacks[-1].monitor]) == 3


def test_a_monitor_that_no_callback_has_added_raises_behind_the_first_epoch():
    x, y, _ = arrays(64)
    callbacks = [AddsF1(), keras.callbacks.EarlyStopping("val_f2", mode="max", patience=9)]
    unknown = pytest.raises(
        ValueError, match=r"Unknown monitor of EarlyStopping 'val_f2'.*'val_f1'"
    )
    with unknown, pytest.warns(UserWarning, match="val_f2"):
        compiled().fit(x, y, verbose=0, epochs=2, callbacks=callbacks)


def test_a_monitor_is_checked_when_the_first_epoch_is_the_only_one():
    x, y, _ = arrays(64)
    callbacks = [AddsF1(), keras.callbacks.EarlyStopping("val_f2", mode="max")]
    with pytest.raises(ValueError, match="Unknown monitor"), pytest.warns(UserWarning, match="f2"):
        compiled().fit(x, y, verbose=0, callbacks=callbacks)


def test_a_monitor_of_a_task_that_only_validation_has_labels_of():
    x, y, _ = arrays(64)
    labels = {task: y[task] for task in ("kind", "sold")}
    early = keras.callbacks.EarlyStopping("val_price_loss", mode="min", patience=0)
    fit = {"epochs": 3, "verbose": 0, "validation_data": (x, y)}
    model = compiled()
    model.optimizer.learning_rate = 0.0
    history = model.fit(x, labels, callbacks=[early], **fit).history
    assert len(history["val_price_loss"]) == 2, "the second epoch is no better, so it is the last"
    for validation_freq, monitor in ((1, "val_price_los"), (2, "val_price_los"), (1, "price_loss")):
        early = keras.callbacks.EarlyStopping(monitor, mode="min")
        with pytest.raises(ValueError, match=f"Unknown monitor of EarlyStopping '{monitor}'"):
            _without_warnings(compiled().fit)(
                x, labels, callbacks=[early], validation_freq=validation_freq, **fit
            )


def test_a_monitor_of_a_task_that_validation_has_no_labels_of():
    x, y, _ = arrays(64)
    early = keras.callbacks.EarlyStopping("val_price_loss", mode="min")
    with pytest.raises(ValueError, match="Unknown monitor of EarlyStopping 'val_price_loss'"):
        _without_warnings(compiled().fit)(
            x, y, validation_data=(x, {"kind": y["kind"]}), epochs=2, verbose=0, callbacks=[early]
        )


def test_a_monitor_waits_for_the_validation_of_a_later_epoch():
    x, y, _ = arrays(64)
    checkpoint = keras.callbacks.ReduceLROnPlateau("val_loss")
    history = _without_warnings(compiled().fit)(
        x, y, validation_data=(x, y), validation_freq=3, epochs=3, verbose=0, callbacks=[checkpoint]
    )
    assert len(history.history["val_loss"]) == 1


def _without_warnings(function):
    """Keras itself warns about a monitor that is not there yet."""

    def call(*args, **kwargs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **kwargs)

    return call


def test_a_list_of_callbacks_is_used_again():
    x, y, _ = arrays(64)
    model = compiled()
    callbacks = keras.callbacks.CallbackList(
        [keras.callbacks.EarlyStopping("val_los")], add_history=True, model=model
    )
    for _ in range(2):
        with pytest.raises(ValueError, match="Unknown monitor"):
            model.fit(x, y, verbose=0, callbacks=callbacks)
    callbacks.callbacks[:] = [
        keras.callbacks.EarlyStopping("val_loss") if hasattr(each, "monitor") else each
        for each in callbacks.callbacks
    ]
    for _ in range(2):
        history = model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=callbacks).history
    assert len(history["val_loss"]) == 2, "the history goes on, as in Keras"
    assert len(callbacks.callbacks) == 4  # that of the user, the history, and two of the model's


@pytest.mark.parametrize("inputs", [(4,), 4, None, {}, {"x": (4,)}, np.ones((2, 4))])
def test_inputs_that_are_none(inputs):
    with pytest.raises(ValueError, match=r"Expected `inputs` as keras.Input\(.* Received: "):
        build_model(inputs, trunks.MLP([4]), {"price": heads.Regression()})


def test_models_that_cannot_be_built():
    inputs = keras.Input((4,))
    dense = keras.layers.Dense(1)
    with pytest.raises(ValueError, match="dictionary"):
        MultiTaskModel(inputs, [dense(inputs), dense(inputs)])
    with pytest.raises(ValueError, match="Invalid task name 'a/b'"):
        MultiTaskModel(inputs, {"a/b": dense(inputs)})
    for names in (["val", "a"], ["a", "val_a"]):  # whose is the log val_a_loss?
        with pytest.raises(ValueError, match=r"Invalid task name 'val.* 'val_'"):
            MultiTaskModel(inputs, {name: dense(inputs) for name in names})
    assert MultiTaskModel(inputs, {"val_b": dense(inputs), "a": dense(inputs)}).tasks[0] == "val_b"
    with pytest.raises(ValueError, match="Nested outputs"):
        MultiTaskModel(inputs, {"a": {"b": dense(inputs)}})
    with pytest.raises(TypeError, match="built from inputs and outputs"):
        MultiTaskModel()
    with pytest.raises(ValueError, match="at least one task"):
        build_model(inputs, trunks.MLP([4]), {})
    with pytest.raises(ValueError, match="must be one of"):
        build_model(inputs, trunks.MLP([4]), {"a": "regression"})
    with pytest.raises(ValueError, match="end in layers that are no heads"):
        build_model(inputs, trunks.MLP([4]), {"a": heads.Regression(), "b": dense}).compile()


def test_backbones_that_do_not_exist(tmp_path):
    with pytest.raises(ValueError, match="Did you mean 'ResNet50'"):
        trunks.backbone("Resnet50", (32, 32, 3), weights=None)
    with pytest.raises(ValueError, match="no file of weights"):
        trunks.backbone("ResNet50", (32, 32, 3), weights=tmp_path / "missing.weights.h5")


def test_imagenet_weights_that_cannot_be_downloaded_say_how_to_pass_a_file(monkeypatch):
    from keras.src.applications import mobilenet_v2

    def unreachable(*args, **kwargs):
        raise Exception("URL fetch failure on https://example.invalid: None -- no network")

    monkeypatch.setattr(mobilenet_v2.file_utils, "get_file", unreachable)
    with pytest.raises(ConnectionError, match="weights='/path/to/file"):
        trunks.backbone("MobileNetV2", (96, 96, 3))
