"""The commands do what they say, on a table of a user."""

import csv
import io
import json
import sys

import keras
import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import tensorflow as tf
import yaml

import tf_mtl
from tests.cli.conftest import people
from tests.data.test_tfds import Shapes
from tf_mtl import runs
from tf_mtl.runs import decode


def test_train_leaves_a_complete_run_folder(trained):
    run = trained.run
    facts = json.loads((run / "run.json").read_text())
    assert facts["seed"] == 0
    assert len(facts["data"]["fingerprint"]) == 64
    assert facts["data"]["sizes"] == {"train": 240, "valid": 30, "test": 30}
    assert facts["versions"]["tensorflow"] == tf.__version__
    config = runs.read_config(run / "config.yaml")
    assert config.loss_weights == {"income": 2.0}
    assert config.trunk["type"] == "MLP"
    assert config.trunk["units"] == [8]
    history = list(csv.DictReader(io.StringIO((run / "history.csv").read_text())))
    assert [row["epoch"] for row in history] == ["1", "2"]
    assert {"loss", "val_income_auc", "val_hours_per_week_loss"} <= set(history[0])
    tasks = json.loads((run / "test_metrics.json").read_text())["tasks"]
    assert set(tasks) == {"income", "hours_per_week", "floor"}
    assert (run / "learning_curves.png").read_bytes().startswith(b"\x89PNG")
    assert isinstance(keras.models.load_model(run / "best.keras"), tf_mtl.MultiTaskModel)
    assert runs.RunFolder(run).config() == config


def test_train_prints_results_and_places(trained):
    for text in ("income", "hours_per_week", "floor", "Accuracy", "R²", "AUC", "30 rows",
                 str(trained.run), str(trained.run / "best.keras"),
                 str(trained.folder / "saved_models" / "people" / "1")):  # fmt: skip
        assert text in trained.out


def test_the_saved_model_takes_raw_columns(trained):
    loaded = tf.saved_model.load(trained.folder / "saved_models" / "people" / "1")
    outputs = loaded.signatures["serving_default"](
        age=tf.constant([[30.0], [np.nan]]), job=tf.constant([["smith"], [""]])
    )
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "income": (2, 1), "hours_per_week": (2, 1), "floor": (2, 3)
    }  # fmt: skip


def test_the_best_epoch_is_the_one_that_is_evaluated(trained):
    history = pd.read_csv(trained.run / "history.csv")
    best = int(history["val_income_auc"].idxmax())
    assert json.loads((trained.run / "test_metrics.json").read_text())["best_epoch"] == best + 1


def test_evaluate_gives_the_results_of_training(trained, cli, tmp_path):
    outcome = cli("evaluate", trained.run, "--output", tmp_path / "results.json")
    assert outcome.code == 0, outcome.err
    tasks = json.loads((trained.run / "test_metrics.json").read_text())["tasks"]
    assert json.loads((tmp_path / "results.json").read_text()) == tasks


def test_evaluate_on_another_file(trained, cli, tmp_path):
    file = tmp_path / "others.csv"
    people(50, seed=1).drop(columns="id").to_csv(file, index=False)
    outcome = cli("evaluate", trained.run, file)
    assert outcome.code == 0, outcome.err
    assert "50 rows" in outcome.out
    model = runs.load_model(runs.open_run(trained.run))
    frame = pd.read_csv(file)
    x = tf_mtl.data.inputs_from_dataframe(frame, model.input)
    predicted = model.predict(x, verbose=0)["income"][:, 0] > 0.5
    share = float(np.mean(predicted == (frame["income"] == "low")))
    line = next(line for line in outcome.out.splitlines() if line.startswith("income"))
    assert float(line.split()[1]) == pytest.approx(share, abs=1e-4)


def read(path):
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path).to_pandas()
    if path.suffix == ".json":
        return pd.DataFrame(json.loads(path.read_text()))
    return pd.read_csv(path)


@pytest.mark.parametrize("ending", [".csv", ".json", ".parquet"])
def test_predictions_in_parts_are_those_of_the_model(trained, cli, tmp_path, ending):
    file, output = tmp_path / "new.csv", tmp_path / f"predictions{ending}"
    frame = people(25, seed=2).drop(columns=["income", "floor"])
    frame.to_csv(file, index=False)
    outcome = cli("predict", trained.run, file, "-o", output, "-p", "--keep", "id",
                  "--chunk-rows", 10)  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "25" in outcome.out
    table = read(output)
    assert list(table.columns) == [
        "id", "income", "income_probability", "hours_per_week",
        "floor", "floor_probability_0", "floor_probability_1", "floor_probability_2",
    ]  # fmt: skip
    assert list(table["id"]) == list(frame["id"])
    model = runs.load_model(runs.open_run(trained.run))
    expected = model.predict(tf_mtl.data.inputs_from_dataframe(frame, model.input), verbose=0)
    np.testing.assert_allclose(table["hours_per_week"], expected["hours_per_week"][:, 0], 1e-4)
    np.testing.assert_allclose(table["income_probability"], expected["income"][:, 0], 1e-4)
    names = ["high", "low"]
    assert list(table["income"]) == [names[int(p > 0.5)] for p in expected["income"][:, 0]]
    assert [str(floor) for floor in table["floor"]] == [
        str(number) for number in expected["floor"].argmax(-1)
    ]


def test_export_writes_the_next_version(trained, cli, tmp_path):
    for version in ("1", "2"):
        outcome = cli("export", trained.run, "--saved-models", tmp_path)
        assert outcome.code == 0, outcome.err
        assert str(tmp_path / "people" / version) in outcome.out
        assert (tmp_path / "people" / version / "saved_model.pb").is_file()
    assert "exists" in cli("export", trained.run, "--saved-models", tmp_path, "--version", 2).err


def test_list_names_everything_with_one_line(cli):
    outcome = cli("list")
    assert outcome.code == 0
    for name in ("digits", "CNN", "MLP", "Classification", "Regression"):
        line = next(line for line in outcome.out.splitlines() if line.split()[:1] == [name])
        assert len(line.split()) > 3
    assert "Classification" not in cli("list", "trunks").out


def test_new_writes_a_file_that_train_runs_as_it_is(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli("new", "first.yaml").code == 0
    content = yaml.safe_load((tmp_path / "first.yaml").read_text())
    plain = runs.RunConfig(name="first")
    assert runs.read_config("first.yaml") == plain
    # Every key is explained, those of the data at least as comments.
    text = (tmp_path / "first.yaml").read_text()
    assert set(content) == set(runs.RunConfig.model_fields)
    assert all(f"{key}:" in text for key in runs.DataConfig.model_fields)
    outcome = cli("train", "first.yaml", "--epochs", 1, "--units", "4", "-q", "--batch-size", 512)
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "runs" / "first" / "1" / "best.keras").is_file()
    assert (tmp_path / "saved_models" / "first" / "1" / "saved_model.pb").is_file()


def test_a_command_to_copy_is_quoted(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "tf-mtl train 'my first.yaml'" in cli("new", "my first.yaml").out


def test_arrays_go_in_and_predictions_come_out(cli, tmp_path):
    random = np.random.default_rng(0)
    image = random.random((60, 6, 6, 1), dtype="float32")
    label = {"bright": (image.mean((1, 2, 3)) > 0.5).astype(int),
             "marks": (image[:, 0, :2, 0] > 0.5).astype(int)}  # fmt: skip
    np.savez(tmp_path / "images.npz", image=image, **label)
    outcome = cli("train", tmp_path / "images.npz", "-t", "bright=binary", "-t", "marks=multilabel",
                  "--epochs", 1, "--units", "4", "--run-directory", tmp_path, "--no-export",
                  "-q")  # fmt: skip
    assert outcome.code == 0, outcome.err
    run = tmp_path / "images" / "1"
    assert cli("evaluate", run, tmp_path / "images.npz").code == 0
    objects = {**label, "bright": label["bright"].astype(object)}
    np.savez(tmp_path / "objects.npz", image=image, **objects)
    outcome = cli("evaluate", run, tmp_path / "objects.npz")
    assert outcome.code == 2
    assert "objects.npz cannot be read as NPZ: it holds Python objects" in outcome.err
    np.savez_compressed(tmp_path / "new.npz", picture=image[:7])
    outcome = cli("predict", run, tmp_path / "new.npz", "-o", tmp_path / "o.json",
                  "--chunk-rows", 3)  # fmt: skip
    assert outcome.code == 0, outcome.err
    rows = json.loads((tmp_path / "o.json").read_text())
    expected = keras.models.load_model(run / "best.keras").predict(image[:7], verbose=0)
    assert [row["bright"] for row in rows] == (expected["bright"][:, 0] > 0.5).astype(int).tolist()
    assert [row["marks"] for row in rows] == [
        [str(place) for place in np.flatnonzero(marks > 0.5)] for marks in expected["marks"]
    ]


def test_tags_of_words_are_predicted_by_name_without_padding():
    output = np.array([[[0.9, 0.1], [0.2, 0.8], [0.0, 0.0]], [[0.6, 0.4]] * 3])
    for names in (["O", "B"], None):
        head = tf_mtl.heads.TokenTagging(2, class_names=names)
        found = decode.columns({"tags": output}, {"tags": head}, probabilities=True)
        first, second = names or (0, 1)
        assert found["tags"] == [[first, second], [first] * 3]
        assert found[f"tags_probability_{second}"] == [[0.1, 0.8], [0.4] * 3]


def test_the_options_reach_the_model(cli, tmp_path):
    outcome = cli("train", "digits", "--run-directory", tmp_path, "--no-export", "--epochs", 1,
                  "--trunk", "hard-sharing", "-q")  # fmt: skip
    assert outcome.code == 2
    assert "body" in outcome.err
    file = tmp_path / "run.yaml"
    file.write_text(
        "data: {source: digits, batch_size: 512}\n"
        "trunk: {type: HardSharing, body: {type: MLP, units: [8]}, towers: {ink: [4]}}\n"
        "heads: {ink: {loss: huber}}\n"
        "optimizer: {type: sgd, learning_rate: 1e-2, options: {momentum: 0.9}}\n"
        "mixed_precision: bfloat16\n"
        "epochs: 1\n"
    )
    outcome = cli("train", file, "--run-directory", tmp_path, "--no-export", "-q", "--name", "mine")
    assert outcome.code == 0, outcome.err
    model = runs.load_model(runs.open_run(tmp_path / "mine" / "1"))
    assert model.get_layer("ink_tower_dense_0").units == 4
    assert model.get_layer("mlp_dense_0").compute_dtype == "bfloat16"
    assert model.heads["ink"].loss == "huber"
    assert type(model.optimizer).__name__ == "SGD"
    assert keras.config.dtype_policy().name == "float32"


OWN_CLASSES = """
import keras
from tf_mtl import aggregators, heads, trunks

@keras.saving.register_keras_serializable("mine")
class TwoLayers(trunks.Body):
    def __init__(self, units: int = 3) -> None:
        self.units = units

    def __call__(self, inputs, name=None):
        return keras.layers.Dense(self.units)(keras.layers.Flatten()(inputs))

@keras.saving.register_keras_serializable("mine")
class Regression(heads.BaseHead):
    kind, default_loss, default_metrics = "own", "mae", ()
    label_rule = heads.FloatLabels()

    def __init__(self, scale: float, **kwargs):
        super().__init__(**kwargs)
        self.scale, self.dense = scale, keras.layers.Dense(1)

    def build(self, shape):
        self.dense.build(shape)

    def call(self, features):
        return self.scale * self.dense(features)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}

@keras.saving.register_keras_serializable("mine")
class Plain(aggregators.GramianAggregator):
    def __init__(self, power: float = 1.0, **options):
        super().__init__(**options)
        self.power = power

    def _solve(self, rows, losses, state):
        return rows.present

    def get_config(self):
        return {**super().get_config(), "power": self.power}
"""


def test_classes_of_ones_own(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text(OWN_CLASSES)
    (tmp_path / "run.yaml").write_text(
        "imports: [own.py, json]\n"
        "trunk: {type: two-layers, units: 2}\n"
        "heads: {ink: {type: mine>Regression, scale: 2.0}}\n"
        "aggregator: {type: plain, power: 2.0, wrt: features}\n"
        "epochs: 1\nname: own\ndata: {batch_size: 512}\n"
    )

    def forget():
        for name in ("mine>TwoLayers", "mine>Regression", "mine>Plain"):
            keras.saving.get_custom_objects().pop(name)
        sys.modules.pop(str(tmp_path / "own.py"))

    outcome = cli("train", "run.yaml", "--no-export", "-q")
    assert outcome.code == 0, outcome.err
    forget()
    monkeypatch.chdir(tmp_path.parent)  # the run knows where the file is
    model = runs.load_model(runs.open_run(tmp_path / "runs" / "own" / "1"))
    forget()
    assert (model.heads["ink"].kind, model.heads["ink"].scale) == ("own", 2.0)
    assert (model.aggregator.power, model.aggregator.wrt) == (2.0, "features")


def test_version_and_help(cli):
    assert cli("--version").out.strip() == f"tf-mtl {tf_mtl.__version__}"
    for command in (
        (),
        ("train",),
        ("evaluate",),
        ("predict",),
        ("export",),
        ("list",),
        ("new",),
        ("describe",),
    ):
        outcome = cli(*command, "--help")
        assert outcome.code == 0
        assert f"tf-mtl {' '.join(command)}".strip() in outcome.out
    assert "Usage" in cli().out


def test_one_task_and_a_file_name_with_a_space(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    people(100).to_csv("some people.csv", index=False)
    outcome = cli("train", "some people.csv", "-t", "income=binary", "--ignore", "id",
                  "--epochs", 1, "--monitor", "val_auc",
                  "--mixed-precision", "float16")  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "val_auc" in outcome.out
    run = tmp_path / "runs" / "some_people" / "1"
    assert cli("evaluate", run).code == 0
    assert cli("predict", run, "some people.csv", "-o", "o.csv").code == 0
    assert set(pd.read_csv("o.csv")["income"]) <= {"high", "low"}
    assert (run / "learning_curves.png").is_file()


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_a_tensorflow_data_set(cli, tmp_path):
    Shapes(data_dir=tmp_path).download_and_prepare()
    file = tmp_path / "shapes.yaml"
    file.write_text(
        "data:\n"
        "  source: tfds:shapes\n"
        f"  data_dir: {tmp_path}\n"
        "  inputs: [image]\n"
        "  targets: {shape: auto, big: {column: size, kind: regression}}\n"
        "trunk: {type: MLP, units: [4]}\n"
        "epochs: 1\n"
    )
    outcome = cli("train", file, "--run-directory", tmp_path, "--no-export", "-q")
    assert outcome.code == 0, outcome.err
    model = runs.load_model(runs.open_run(tmp_path / "shapes" / "1"))
    assert model.heads["shape"].class_names == ["disc", "ring", "star"]
    assert model.heads["big"].kind == "regression"
    assert cli("evaluate", tmp_path / "shapes" / "1").code == 0
    file.write_text(file.read_text().replace("column: size", "column: sise"))
    outcome = cli("train", file, "--run-directory", tmp_path)
    assert outcome.code == 2
    assert "'sise'" in outcome.err
    assert "Did you mean 'size'" in outcome.err
