"""Mixtures in `fit`: exactness, resumption, missing inputs, workers."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.training.programs import difference
from tf_mtl import MultiTaskModel, data, heads


def mixture(**options):
    """Two data sets of different sizes with one task each."""
    random = np.random.default_rng(0)
    first, second = (random.normal(size=(rows, 6)).astype("float32") for rows in (50, 30))
    return data.mix(
        {
            "kind": tf.data.Dataset.from_tensor_slices((first, random.integers(0, 3, 50))),
            "price": tf.data.Dataset.from_tensor_slices((second, second[:, :2] - 1)),
        },
        **{"batch": 16, **options},
    )


def network():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((6,), name="x")
    features = keras.layers.Dense(8, activation="relu", name="shared")(inputs)
    outputs = {
        "kind": keras.layers.Dense(3, activation="softmax", name="kind_output")(features),
        "price": keras.layers.Dense(2, name="price_output")(features),
    }
    model = MultiTaskModel(inputs, outputs)
    losses = {"kind": "sparse_categorical_crossentropy", "price": "mse"}
    model.compile("sgd", loss=losses, metrics={"kind": ["accuracy"], "price": ["mae"]})
    return model


@pytest.mark.parametrize("batch", [16, data.OneTask(16)], ids=["mixed", "one task"])
def test_training_is_that_of_a_program_that_drops_rows_by_hand(batch):
    model, by_hand = network(), network()
    stream = mixture(batch=batch)
    model.fit(stream, epochs=2, verbose=0)
    losses = {
        "kind": keras.losses.SparseCategoricalCrossentropy(),
        "price": keras.losses.MeanSquaredError(),
    }
    for x, y in stream.epochs(0, 2):
        with tf.GradientTape() as tape:
            total = tf.zeros([])
            for task, labels in y.items():
                rows = tf.where(labels != -1 if task == "kind" else labels[:, 0] == labels[:, 0])
                if len(rows):
                    output = by_hand(tf.gather_nd(x, rows))[task]
                    total += losses[task](tf.gather_nd(labels, rows), output)
        variables = by_hand.trainable_variables
        gradients = tape.gradient(total, variables)
        pairs = [pair for pair in zip(gradients, variables, strict=True) if pair[0] is not None]
        # A head without rows in the batch has no gradient.
        for gradient, variable in pairs:
            variable.assign_sub(0.01 * gradient)
    assert difference(model, by_hand) < 1e-6
    assert difference(model, network()) > 1e-3


def test_a_resumed_fit_sees_what_an_unbroken_one_would_have_seen(tmp_path):
    unbroken, stream = network(), mixture(strategy=data.Annealed(epochs=4))
    logs = unbroken.fit(stream, epochs=4, verbose=0)
    stopped, stream = network(), mixture(strategy=data.Annealed(epochs=4))
    stopped.fit(stream, epochs=2, verbose=0)
    stopped.save(tmp_path / "stopped.keras")
    resumed = keras.saving.load_model(tmp_path / "stopped.keras")
    stream = mixture(strategy=data.Annealed(epochs=4))
    more = resumed.fit(stream, initial_epoch=2, epochs=4, verbose=0)
    assert difference(unbroken, resumed) == 0
    assert more.history["loss"] == logs.history["loss"][2:]
    endless = network()
    endless.fit(stream.epochs(0, 4), epochs=4, steps_per_epoch=len(stream), verbose=0)
    assert difference(unbroken, endless) == 0


def test_an_iterator_is_restored_from_a_checkpoint(tmp_path):
    stream = mixture().epochs(3, 5)
    iterator = iter(stream)
    for _ in range(7):
        next(iterator)
    path = tf.train.Checkpoint(iterator=iterator).write(str(tmp_path / "position"))
    rest = [x.numpy().tolist() for x, _ in iterator]
    again = iter(stream)
    tf.train.Checkpoint(iterator=again).read(path)
    assert [x.numpy().tolist() for x, _ in again] == rest


def test_the_progress_of_an_epoch_is_known(capsys):
    network().fit(mixture(), epochs=1, verbose=1)
    assert "5/5" in capsys.readouterr().out


def test_partly_paired_texts_and_images(tmp_path):
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 40).astype("int32")
    text = np.where(labels, "good film", "bad film")
    image = (labels[:, None, None, None] * np.ones((40, 4, 4, 1))).astype("float32")

    def rows(x, part):
        x = {name: value[part] for name, value in x.items()}
        return tf.data.Dataset.from_tensor_slices((x, {"good": labels[part]}))

    stream = data.mix(
        {
            "texts": rows({"text": text}, slice(0, 15)),
            "images": rows({"image": image}, slice(15, 30)),
            "pairs": rows({"text": text, "image": image}, slice(30, 40)),
        },
        batch=8,
    )
    inputs = {
        "text": keras.Input((), dtype="string", name="text"),
        "image": keras.Input((4, 4, 1), name="image"),
        "text_present": keras.Input((), dtype="bool", name="text_present"),
        "image_present": keras.Input((), dtype="bool", name="image_present"),
    }
    words = keras.layers.TextVectorization(output_mode="multi_hot", vocabulary=["good", "bad"])
    encodings = {
        "text": keras.layers.Dense(4)(words(inputs["text"])),
        "image": keras.layers.Dense(4)(keras.layers.Flatten()(inputs["image"])),
    }
    present = {name: inputs[f"{name}_present"] for name in encodings}
    features = data.MeanOfPresent()(encodings, present=present)
    model = MultiTaskModel(inputs, {"good": heads.BinaryClassification()(features)})
    model.compile(keras.optimizers.Adam(0.1))
    model.fit(stream, epochs=10, verbose=0)
    logs = model.evaluate(stream, verbose=0, return_dict=True)
    assert logs["accuracy"] == 1
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(stream, verbose=0, return_dict=True)["accuracy"] == 1


def test_workers_of_a_strategy_share_out_the_batches():
    stream = mixture()
    whole = [x.numpy().tolist() for x, _ in stream.epochs(0, 1)]
    parts = []
    for worker in range(2):
        mine = mixture()  # every worker makes its own
        shared = tf.raw_ops.AutoShardDataset(
            input_dataset=tf.data.experimental.to_variant(mine),
            num_workers=2,
            index=worker,
            auto_shard_policy=mine.options().experimental_distribute.auto_shard_policy.value,
            output_types=[spec.dtype for spec in tf.nest.flatten(mine.element_spec)],
            output_shapes=[spec.shape for spec in tf.nest.flatten(mine.element_spec)],
        )
        dataset = tf.data.experimental.from_variant(shared, mine.element_spec)
        parts.append([x.numpy().tolist() for x, _ in dataset])
    assert parts == [whole[0::2], whole[1::2]]


REPLICAS = """
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

from tests.data.test_mix_training import data, difference, mixture, network

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    runs = [(network(), mixture())]
runs.append((network(), mixture()))
for model, stream in runs:
    model.fit(stream, epochs=2, verbose=0, callbacks=[data.StartEpoch(stream)])
assert difference(runs[0][0], runs[1][0]) < 1e-6
"""


@pytest.mark.slow
def test_two_replicas_take_the_steps_of_one():
    subprocess.run([sys.executable, "-c", REPLICAS], check=True, timeout=300)


def test_the_service_brings_the_same_batches():
    stream = mixture()
    service = tf.data.experimental.service
    dispatcher = service.DispatchServer()
    worker = service.WorkerServer(
        service.WorkerConfig(dispatcher_address=dispatcher.target.split("://")[1])
    )
    remote = stream.epochs(1, 3).apply(
        service.distribute(processing_mode=service.ShardingPolicy.OFF, service=dispatcher.target)
    )
    try:
        received = [x.numpy().tolist() for x, _ in remote]
        assert received == [x.numpy().tolist() for x, _ in stream.epochs(1, 3)]
    finally:
        worker._stop()
        dispatcher._stop()


def test_only_what_has_epochs_can_be_told_of_them():
    with pytest.raises(ValueError, match="has no epochs to start"):
        data.StartEpoch(mixture().map(lambda x, y: (x, y)))
