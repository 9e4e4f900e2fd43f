"""Sources of every kind on the command line; a mistake ends in one line that names it."""

import json

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tests.cli.conftest import TARGETS, people
from tests.cli.test_bad_input import one_line
from tf_mtl import data

QUICK = ("--epochs", 1, "--units", "8", "--ignore", "id", "--no-export", "--quiet")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with a table as Parquet and in compressed parts."""
    monkeypatch.chdir(tmp_path)
    frame = people(120)
    frame.to_parquet("people.parquet")
    (tmp_path / "parts").mkdir()
    for number in range(3):
        frame[number * 40 : (number + 1) * 40].to_csv(f"parts/{number}.csv.gz", index=False)
    return tmp_path


@pytest.mark.parametrize("source", ["people.parquet", "parts/*.csv.gz"])
def test_tables(cli, folder, source, monkeypatch):
    outcome = cli("train", source, *TARGETS, *QUICK)
    assert outcome.code == 0, outcome.err
    run = next((folder / "runs").glob("*/1"))
    assert json.loads((run / "run.json").read_text())["data"]["sizes"]["train"] == 96
    for new in ("people.parquet", "parts/*.csv.gz"):
        assert cli("predict", run, new, "-o", "found.csv", "--keep", "id").code == 0
        assert len(pd.read_csv("found.csv")) == 120
        outcome = cli("evaluate", run, new)
        assert outcome.code == 0, outcome.err
        assert "120 rows" in outcome.out
    monkeypatch.chdir(folder / "parts")
    assert cli("evaluate", run).code == 0, "a run is read from any folder"


def test_a_decimal_comma(cli, folder):
    frame = pd.DataFrame({"size": np.arange(60) / 4, "price": np.arange(60) / 2})
    frame.to_csv("prices.csv", index=False, sep=";", decimal=",")
    options = ("--separator", ";", "--decimal", ",", "--epochs", 1, "--units", "8", "--quiet")
    outcome = cli("train", "prices.csv", "-t", "price=regression", *options, "--no-export")
    assert outcome.code == 0, outcome.err
    outcome = cli("predict", "runs/prices/1", "prices.csv", "-o", "found.csv", "--keep", "size")
    assert outcome.code == 0, outcome.err
    found = pd.read_csv("found.csv")
    assert found["size"].tolist() == frame["size"].tolist()
    assert 5 < found["price"].mean() < 25


@pytest.mark.parametrize("others", [["number"], []])
def test_columns_of_text_are_read_word_by_word(cli, folder, others):
    number = np.arange(200)
    words = np.array(["fine", "dull", "odd"], object)[number % 3]
    texts = [f"a {word} film, the {n}th" for n, word in enumerate(words)]
    frame = pd.DataFrame({"text": texts, "number": number, "opinion": words})
    frame[["text", "opinion", *others]].to_csv("films.csv", index=False)
    (folder / "films.yaml").write_text(
        "data: {source: films.csv, targets: {opinion: auto}, encoding: {texts: [text]}}\n"
        "epochs: 5\n"
    )
    outcome = cli("train", "films.yaml", "--quiet")
    assert outcome.code == 0, outcome.err
    results = json.loads((folder / "runs/films/1/test_metrics.json").read_text())
    assert results["tasks"]["opinion"]["accuracy"] > 0.9
    frame[["text", *others]].head(3).to_csv("new.csv", index=False)
    assert cli("predict", "runs/films/1", "new.csv", "-o", "found.csv").code == 0
    assert pd.read_csv("found.csv")["opinion"].tolist() == ["fine", "dull", "odd"]
    serve = tf.saved_model.load("saved_models/films/1").signatures["classes"]
    inputs = {"text": tf.constant([["a dull film"]])} | {n: tf.constant([[7.0]]) for n in others}
    assert serve(**inputs)["opinion"].numpy().tolist() == [b"dull"]


def test_tables_that_are_streamed(cli, folder):
    for source in ("people.parquet", "parts/*.csv.gz"):
        outcome = cli("train", source, "--stream", *TARGETS, *QUICK)
        assert outcome.code == 0, outcome.err
    facts = [json.loads(path.read_text()) for path in (folder / "runs").glob("*/*/run.json")]
    assert len({each["data"]["fingerprint"] for each in facts}) == 1
    run = next((folder / "runs").glob("*/1"))
    assert "12 rows" in cli("evaluate", run).out
    described = [
        cli("describe", "people.parquet", *TARGETS, *more).out for more in ((), ["--stream"])
    ]
    assert described[0] == described[1]


def test_tfrecord(cli, folder):
    data.write_tfrecord(data.from_parquet("people.parquet", {"income": "auto"}), "records")
    outcome = cli("train", "records", "--epochs", 1, "--no-export", "--quiet", "--units", "8")
    assert outcome.code == 0, outcome.err
    run = next((folder / "runs").glob("*/1"))
    assert "12 rows" in cli("evaluate", run).out
    assert cli("predict", run, "people.parquet", "-o", "found.csv").code == 0


def test_describe(cli, folder):
    outcome = cli(
        "describe", "parts/*.csv.gz", *TARGETS, "--ignore", "id", "--figure", "labels.png",
        "--examples", "rows.svg",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "hours_per_week train" in outcome.out.replace("  ", " ").replace("  ", " ")
    assert (folder / "labels.png").read_bytes()[1:4] == b"PNG"
    assert "<svg" in (folder / "rows.svg").read_text()
    one_line(cli("describe", "digits", "--figure", "labels.txt"), ["labels.txt", ".png"])
    one_line(cli("describe", "digits", "--examples", "no/a.png"), ["'no'", "a.png"])
    one_line(cli("describe", "parts/*.csv.gz", "-t", "incme"), ["'incme'", "'income'"])


BAD = {
    "no match": (("parts/*.csv",), ["parts/*.csv", "No file matches"]),
    "no parquet": (("bad.parquet",), ["bad.parquet", "Parquet"]),
    "parquet not there": (("poeple.parquet",), ["poeple.parquet", "'people.parquet'"]),
    "no targets": (("people.parquet",), ["--target COLUMN=KIND", "'income'"]),
    "option of csv": (("people.parquet", "--separator", ";", *TARGETS), ["separator", "csv"]),
    "one part differs": (("odd/*.csv", "-t", "b"), ["'a'", "odd/2.csv", "'x' in row 2"]),
    "cut records": (("records",), ["train-00000-of-00001.tfrecord", "bytes"]),
    "damaged arrays": (("bad.npz", "-t", "y"), ["bad.npz", "Bad CRC-32", "write it again"]),
    "damaged records": (("damaged",), ["train-00000-of-00001.tfrecord", "record 63"]),
    "targets of records": (("records", "-t", "b"), ["'targets'", "records"]),
    "stream of records": (("records", "--stream"), ["'stream'", "csv and parquet", "records"]),
    "no gzip": (("plain.csv.gz", "-t", "b"), ["plain.csv.gz", "cannot be read"]),
}


@pytest.mark.parametrize("case", BAD)
def test_one_line(case, cli, folder):
    (folder / "bad.parquet").write_text("a,b\n1,2\n")
    (folder / "plain.csv.gz").write_text("a,b\n1,2\n")
    (folder / "odd").mkdir()
    (folder / "odd" / "1.csv").write_text("a,b\n1,2\n2,2\n")
    (folder / "odd" / "2.csv").write_text("a,b\n1,2\nx,2\n")
    np.savez(folder / "bad.npz", x=np.zeros((50, 3)), y=np.arange(50) % 2)
    for name in ("records", "damaged"):
        data.write_tfrecord(data.load("wine"), name)
    for path in (folder / "damaged" / "train-00000-of-00001.tfrecord", folder / "bad.npz"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
    (folder / "records" / "train-00000-of-00001.tfrecord").write_bytes(b"")
    arguments, parts = BAD[case]
    one_line(cli("train", *arguments), parts)
    assert not (folder / "runs").exists()
