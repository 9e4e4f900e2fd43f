"""Bad input ends in one line that names it, and exit code 2."""

import re
import warnings

import numpy as np
import pandas as pd
import pytest

from tests.cli.conftest import TARGETS, people
from tf_mtl.cli.main import run


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder with good and bad files, which is the working folder."""
    monkeypatch.chdir(tmp_path)
    people(100).to_csv("people.csv", index=False)
    people(100).assign(income=["high", "low", "none", "other"] * 25).to_csv("four.csv", index=False)
    people(100).assign(floor=["1.5"] * 50 + ["2"] * 50).to_csv("fraction.csv", index=False)
    people(4).to_csv("few.csv", index=False)
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "text.npz").write_text("no zip file")
    x = np.ones((50, 3), "float32")
    y = np.arange(50) % 3
    np.savez("good.npz", x=x, y=y)
    np.savez("class.npz", **{"class": x, "other": x, "y": y})
    np.savez("nan.npz", x=np.where(np.arange(50)[:, None] == 7, np.nan, x), y=y)
    np.savez("short.npz", x=x[:40], y=y)
    (tmp_path / "typo.yaml").write_text("data: {source: digits}\noptimizer: {learning_rat: 0.1}\n")
    (tmp_path / "source.yaml").write_text("data: people.csv\n")
    (tmp_path / "targets.yaml").write_text("data: {source: people.csv, targets: [income]}\n")
    (tmp_path / "type.yaml").write_text("epochs: many\n")
    (tmp_path / "twice.yaml").write_text("optimizer: {type: sgd, type: adam}\n")
    (tmp_path / "broken.yaml").write_text("epochs: [1\n")
    (tmp_path / "list.yaml").write_text("- epochs\n")
    (tmp_path / "trunk.yaml").write_text("trunk: {type: MLP, unit: [8]}\n")
    (tmp_path / "units.yaml").write_text("trunk: {type: MLP, units: wide}\n")
    (tmp_path / "head.yaml").write_text("heads: {digt: Classification}\n")
    (tmp_path / "order.yaml").write_text(
        "data: {source: four.csv, targets: {income: auto}}\n"
        "heads: {income: {type: Ordinal, class_names: [none, low, other, high]}}\n"
    )
    people(100).assign(flag=["no", "yes"] * 50).to_csv("flag.csv", index=False)
    (tmp_path / "yes.yaml").write_text(
        "data: {source: flag.csv, targets: {flag: {positive: yes}}}\n"
    )
    (tmp_path / "module.yaml").write_text("imports: [my_project.hedas]\n")
    (tmp_path / "kind.yaml").write_text("heads: {digit: {type: Clasification}}\n")
    (tmp_path / "weight.yaml").write_text("loss_weights: {digit: heavy}\n")
    (tmp_path / "loss.yaml").write_text("heads: {ink: {loss: hubre}}\n")
    (tmp_path / "option.yaml").write_text("data: {source: digits, separator: ';'}\n")
    (tmp_path / "texts.yaml").write_text(
        "data: {source: people.csv, targets: {income: binary}, encoding: {texts: [job]}}\n"
        "trunk: {type: MultiInput, encoders: {job: {type: TextEncodr}, columns: [8]}}\n"
    )
    (tmp_path / "file").write_text("")
    (tmp_path / "empty_folder").mkdir()
    return tmp_path


P = TARGETS
BAD = {
    "unknown data set": (("train", "digts"), ["'digts'", "'digits'"]),
    "unknown file": (("train", "poeple.csv", *P), ["poeple.csv", "'people.csv'"]),
    "unknown kind of file": (("train", "file"), ["'file'", ".csv", ".npz"]),
    "unknown yaml": (("train", "typos.yaml"), ["typos.yaml", "'typo.yaml'"]),
    "no target": (("train", "people.csv"), ["--target", "'income'", "'hours-per-week'"]),
    "unknown encoder": (("train", "texts.yaml"), ["'TextEncodr'", "'TextEncoder'"]),
    "unknown target": (("train", "people.csv", "-t", "incme=binary"), ["'incme'", "'income'"]),
    "unknown kind": (("train", "people.csv", "-t", "income=binray"), ["'binray'", "'binary'"]),
    "two targets": (("train", "people.csv", "-t", "age", "-t", "age"), ["--target", "'age'"]),
    "target of digits": (("train", "digits", "-t", "digit"), ["'targets'", "digits"]),
    "classes": (("train", "four.csv", "-t", "income=binary"), ["income", "four.csv", "binary"]),
    "fractions": (("train", "fraction.csv", "-t", "floor=classification"), ["floor", "whole"]),
    "empty file": (("train", "empty.csv", *P), ["empty.csv", "is empty"]),
    "empty split": (("train", "few.csv", *P), ["4 rows", "empty part"]),
    "nan": (("train", "nan.npz", "-t", "y=classification"), ["nan.npz", "row 7"]),
    "no name of an input": (("train", "class.npz", "-t", "y"), ["'class'", "cannot be served"]),
    "rows": (("train", "short.npz", "-t", "y"), ["40", "50"]),
    "no npz": (("train", "text.npz", "-t", "y"), ["text.npz", "NPZ"]),
    "no npz, no target": (("train", "text.npz"), ["text.npz", "does not begin as one"]),
    "unknown array": (("train", "good.npz", "-t", "z"), ["'z'", "'x'", "'y'"]),
    "unknown column": (("train", "people.csv", *P, "--ignore", "ids"), ["'ids'", "'id'"]),
    "unknown task": (("train", "--loss-weight", "digt=2"), ["'digt'", "'digit'"]),
    "no number": (("train", "--loss-weight", "digit=two"), ["'two'", "number"]),
    "negative": (("train", "--loss-weight", "digit=-1"), ["digit", "-1"]),
    "unknown monitor": (("train", "--monitor", "val_digt_loss"), ["'val_digt_loss'", "'val_digit"]),
    "unknown trunk": (("train", "--trunk", "cnm"), ["'cnm'", "mean 'CNN'"]),
    "unknown aggregator": (("train", "--aggregator", "pcgrod"), ["'pcgrod'", "mean 'PCGrad'"]),
    "unknown weighting": (("train", "--loss-weight", "uncertanty"), ["uncertanty"]),
    "unknown optimizer": (("train", "--optimizer", "adm"), ["'adm'", "mean 'Adam'"]),
    "unknown strategy": (("train", "--strategy", "miror"), ["miror", "mirrored"]),
    "units": (("train", "--units", "8;8"), ["--units", "'8;8'"]),
    "dropout": (("train", "--dropout", "1.5"), ["dropout", "1.5"]),
    "no epochs": (("train", "--epochs", "0"), ["epochs", "0", "greater"]),
    "no integer": (("train", "--epochs", "ten"), ["--epochs", "integer"]),
    "no rows in a batch": (("train", "--batch-size", "-1"), ["data.batch_size", "-1"]),
    "endless rate": (("train", "--learning-rate", "inf"), ["learning_rate", "inf", "finite"]),
    "no weight": (("train", "--loss-weight", "digit=nan"), ["digit", "nan", "from 0 up"]),
    "no separator": (("train", "people.csv", *P, "--separator", ""), ["separator", "';'"]),
    "no name": (("train", "--name", "a/b"), ["'name'", "'a/b'", "should be letters, digits"]),
    "unknown option": (("train", "--epoch", "3"), ["--epoch", "--epochs"]),
    "unknown command": (("trian",), ["trian", "train"]),
    "unknown key": (("train", "typo.yaml"), ["typo.yaml", "'optimizer.learning_rat'", "ing_rate'"]),
    "wrong type": (("train", "type.yaml"), ["type.yaml", "'epochs'", "'many'", "integer"]),
    "no section": (("train", "source.yaml"), ["'data' is 'people.csv'", "be lines `key: val"]),
    "a list of keys": (("train", "targets.yaml"), ["'data.targets'", "be lines `key: value`"]),
    "no yaml": (("train", "broken.yaml"), ["broken.yaml", "line 2"]),
    "a key twice": (("train", "twice.yaml"), ["twice.yaml, line 1", "'type'", "twice"]),
    "no keys": (("train", "list.yaml"), ["list.yaml", "list"]),
    "unknown argument": (("train", "trunk.yaml"), ["trunk", "'unit'", "'units'"]),
    "wrong argument": (("train", "units.yaml"), ["trunk.units", "'wide'"]),
    "head of no task": (("train", "head.yaml"), ["heads", "'digt'", "'digit'"]),
    "yes": (("train", "yes.yaml"), ["'True'", "'yes'", "quotes around yes"]),
    "order": (("train", "order.yaml"), ["income", "'high', 'low', 'none'", "[none, low, other,"]),
    "unknown module": (("train", "module.yaml"), ["imports: 'my_project.hedas'", "installed"]),
    "unknown head": (("train", "kind.yaml"), ["'Clasification'", "'Classification'"]),
    "weight": (("train", "weight.yaml"), ["loss_weights", "digit", "'heavy'"]),
    "loss": (("train", "loss.yaml"), ["hubre"]),
    "option of another source": (("train", "option.yaml"), ["'separator'", "csv"]),
    "runs in a file": (("train", "--run-directory", "file/runs"), ["file", "--run-directory"]),
    "models in a file": (("train", "--saved-models", "file"), ["'file/digits'", "is a file"]),
    "runs at an address": (("train", "--run-directory", "gs://b/runs"), ["gs://b/runs", "copy it"]),
    "models at an address": (("train", "--saved-models", "gs://b"), ["saved_models", "'gs://b'"]),
    "unknown run": (("evaluate", "runs/digits/1"), ["runs/digits/1"]),
    "no run": (("evaluate", "empty_folder"), ["empty_folder", "config.yaml"]),
    "nothing to resume": (("train", "--resume", "empty_folder"), ["empty_folder"]),
    "resume and more": (("train", "--resume", "x", "--seed", "1"), ["--resume", "--seed"]),
    "no yaml name": (("new", "run.json"), ["run.json", ".yaml"]),
    "new over old": (("new", "typo.yaml"), ["typo.yaml", "--force"]),
    "unknown list": (("list", "trunk"), ["'trunk'", "'trunks'"]),
}  # fmt: skip


def one_line(outcome, parts):
    assert outcome.code == 2, outcome
    lines = outcome.err.strip().splitlines()
    assert len(lines) == 1, outcome.err
    assert lines[0].startswith("Error: ")
    for part in parts:
        assert part in lines[0], lines[0]
    assert not re.search(r"Traceback|\.py\b", outcome.err)


@pytest.mark.parametrize("case", BAD)
def test_one_line(case, cli, files):
    arguments, parts = BAD[case]
    one_line(cli(*arguments), parts)
    assert not (files / "runs").exists(), "a run that cannot start leaves no folder"


OF_A_RUN = {
    "missing column": (("predict", "RUN", "lacking.csv", "-o", "o.csv"), ["'job'", "lacking.csv"]),
    "not a number": (("predict", "RUN", "words.csv", "-o", "o.csv"), ["'old'", "row 3", "age"]),
    "unknown ending": (("predict", "RUN", "new.csv", "-o", "o.xls"), [".xls", ".csv"]),
    "no folder": (("predict", "RUN", "new.csv", "-o", "no/o.csv"), ["'no'", "o.csv"]),
    "over the data": (("predict", "RUN", "new.csv", "-o", "./new.csv"), ["new.csv", "is the data"]),
    "over a part": (("predict", "RUN", "n*.csv", "-o", "none.csv"), ["none.csv", "is the data"]),
    "results over the data": (("evaluate", "RUN", "new.csv", "--output", "new.csv"), ["the data"]),
    "unknown column": (("predict", "RUN", "new.csv", "-o", "o.csv", "--keep", "idd"), ["'idd'"]),
    "arrays for a table": (("predict", "RUN", "x.npz", "-o", "o.csv"), ["x.npz", "age"]),
    "no rows": (("predict", "RUN", "none.csv", "-o", "o.csv"), ["none.csv", "no rows"]),
    "no labels": (("evaluate", "RUN", "lacking.csv"), ["lacking.csv", "'income'"]),
    "unknown class": (("evaluate", "RUN", "rich.csv"), ["rich.csv", "'rich'"]),
    "results of no ending": (("evaluate", "RUN", "--output", "o.csv"), ["'.csv'", "'.json'"]),
    "results in no folder": (("evaluate", "RUN", "--output", "no/o.json"), ["'no'", "o.json"]),
    "results over a folder": (("evaluate", "RUN", "--output", "o.json"), ["'o.json'", "folder"]),
    "exported to an address": (("export", "RUN", "--saved-models", "s3://b"), ["'s3://b'", "copy"]),
    "exported over a file": (("export", "RUN", "--saved-models", "new.csv"), ["new.csv"]),
}


@pytest.mark.parametrize("case", OF_A_RUN)
def test_one_line_about_a_file_for_a_run(case, cli, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = people(20, seed=3)
    frame.to_csv("new.csv", index=False)
    frame.head(0).to_csv("none.csv", index=False)
    frame.drop(columns=["job", "income"]).to_csv("lacking.csv", index=False)
    frame.assign(income="rich").to_csv("rich.csv", index=False)
    words = frame.astype({"age": object})
    words.loc[2, "age"] = "old"
    words.to_csv("words.csv", index=False)
    np.savez("x.npz", x=np.ones((4, 2)))
    (tmp_path / "o.json").mkdir()
    there = set(tmp_path.iterdir())
    arguments, parts = OF_A_RUN[case]
    one_line(cli(*(trained.run if arg == "RUN" else arg for arg in arguments)), parts)
    assert set(tmp_path.iterdir()) == there, "no half output is left"


def test_a_label_out_of_range_is_named(cli, tmp_path):
    file = tmp_path / "binary.csv"
    pd.DataFrame({"x": np.arange(60.0), "y": [0, 1, 2] * 20}).to_csv(file, index=False)
    one_line(cli("train", file, "-t", "y=binary"), ["'y'", "binary.csv"])


def test_a_fault_of_the_program_is_not_called_bad_input(cli, monkeypatch):
    from tf_mtl import runs

    def broken(config, verbose):
        return {}[verbose]

    monkeypatch.setattr(runs, "train", broken)
    with pytest.raises(KeyError):
        cli("train", "digits")


def test_a_warning_is_one_line_too(monkeypatch, capsys):
    def warning(**_):
        warnings.warn("Column 'grade'\n holds -1.", stacklevel=1)
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    monkeypatch.setattr("tf_mtl.cli.main.app", warning)
    with warnings.catch_warnings(record=True) as others:
        warnings.simplefilter("always")
        run()
    assert capsys.readouterr().err == "Warning: Column 'grade' holds -1.\n"
    assert [str(other.message) for other in others] == ["old"]


def test_an_interrupted_command_says_so(cli, monkeypatch):
    from tf_mtl import runs

    def interrupted(content, where):
        raise KeyboardInterrupt

    monkeypatch.setattr(runs, "check_config", interrupted)
    outcome = cli("describe", "digits")
    assert (outcome.code, outcome.err) == (130, "Interrupted.\n")


def test_debug_shows_where_bad_input_was_found(cli):
    with pytest.raises(ValueError, match="digts"):
        cli("--debug", "train", "digts")
