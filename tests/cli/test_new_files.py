"""Files for a run in which pandas would see other types than in the training file."""

import json

import pandas as pd
import pytest

from tests.cli.conftest import people
from tests.cli.test_bad_input import one_line
from tests.cli.test_commands import read

ROWS = 90
CODES = ["007", "A12", "010"]
FLAGS = ["true", "false", "maybe"]
SIZES = ["1.50", "2", "n/k"]
LABELS = ["01", "02", "3a"]


def codes():
    """Columns of text in which many rows look like numbers or bools."""
    return pd.DataFrame({
        "id": [f"0000{n}" for n in range(ROWS)],
        "code": [CODES[n % 3] for n in range(ROWS)],
        "flag": [FLAGS[n // 3 % 3] for n in range(ROWS)],
        "size": [SIZES[n // 2 % 3] for n in range(ROWS)],
        "label": [LABELS[n % 3] for n in range(ROWS)],
        "status": [LABELS[n // 3 % 3] for n in range(ROWS)],
        "height": [n / 2 for n in range(ROWS)],
    })  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory, cli):
    folder = tmp_path_factory.mktemp("codes")
    codes().to_csv(folder / "codes.csv", index=False)
    (folder / "codes.yaml").write_text(
        f"data:\n  source: {folder}/codes.csv\n  ignore: [id]\n  targets:\n"
        "    label: classification\n    height: regression\n"
        "    second: {column: status, positive: ['02']}\n"
        f"trunk: {{type: MLP, units: [8]}}\nepochs: 1\nrun_directory: {folder}/runs\n"
        "saved_models:\n"
    )
    outcome = cli("train", folder / "codes.yaml", "--quiet")
    assert outcome.code == 0, outcome.err
    return folder / "runs" / "codes" / "1"


def test_text_stays_text_where_a_file_holds_digits_only(run, cli, tmp_path):
    plain = codes().query("code != 'A12' and flag != 'maybe' and size != 'n/k'")
    codes().to_csv(tmp_path / "all.csv", index=False)
    plain.to_csv(tmp_path / "plain.csv", index=False)
    found = []
    for file, rows in (("all", 100), ("plain", 100), ("all", 1)):
        output = tmp_path / f"{file}-{rows}.json"
        outcome = cli("predict", run, tmp_path / f"{file}.csv", "-o", output, "--chunk-rows", rows)
        assert outcome.code == 0, outcome.err
        found.append(read(output)["height"])
    assert found[1].tolist() == pytest.approx(found[0][plain.index].tolist(), rel=1e-4)
    assert found[2].tolist() == pytest.approx(found[0].tolist(), rel=1e-4)


def test_labels_stay_text_where_a_file_holds_digits_only(run, cli, tmp_path):
    codes().query("label != '3a' and status != '3a'").to_csv(tmp_path / "new.csv", index=False)
    outcome = cli("evaluate", run, tmp_path / "new.csv")
    assert outcome.code == 0, outcome.err
    assert "40 rows" in outcome.out


def test_a_table_of_one_column(cli, tmp_path):
    codes()[["height", "status"]].to_csv(tmp_path / "one.csv", index=False)
    outcome = cli("train", tmp_path / "one.csv", "-t", "status=classification", "--epochs", 1,
                  "--units", "4", "--run-directory", tmp_path, "--no-export", "-q")  # fmt: skip
    assert outcome.code == 0, outcome.err
    run, output = tmp_path / "one" / "1", tmp_path / "found.csv"
    assert cli("predict", run, tmp_path / "one.csv", "-o", output).code == 0
    assert len(read(output)) == ROWS
    assert f"{ROWS} rows" in cli("evaluate", run, tmp_path / "one.csv").out


@pytest.mark.parametrize("ending", [".csv", ".json", ".parquet"])
def test_kept_columns_stay_as_they_are_written(run, cli, tmp_path, ending):
    columns = {
        "id": [f"0000{n}" for n in range(ROWS)],
        "number": [str(2**60 + n) for n in range(ROWS)],
        "rarely": [None if n < 50 else str(n) for n in range(ROWS)],
        "late": [str(n) if n < 50 else f"x{n}" for n in range(ROWS)],
    }
    codes().assign(**columns).to_csv(tmp_path / "new.csv", index=False)
    output = tmp_path / f"found{ending}"
    outcome = cli("predict", run, tmp_path / "new.csv", "-o", output, "--chunk-rows", 40,
                  *(part for name in columns for part in ("--keep", name)))  # fmt: skip
    assert outcome.code == 0, outcome.err
    found = pd.read_csv(output, dtype=str) if ending == ".csv" else read(output)
    for name, values in columns.items():
        assert [None if pd.isna(cell) else cell for cell in found[name]] == values


def of_all_types():
    day = pd.Timestamp("2024-01-05")
    return {
        "time": pd.Series([pd.NaT, day] * (ROWS // 2)).dt.tz_localize("Europe/Berlin"),
        "day": pd.Series([None, day.date()] * (ROWS // 2)),
        "parts": [[1.0, 2.0]] * ROWS,
        "raw": [b"\xff0"] * ROWS,
        "kind": pd.Categorical([None, "a", "b"] * (ROWS // 3)),
        "count": pd.array([None] * 50 + [7] * 40, "Int64"),
        "text": [None] * 50 + ["late"] * 40,
    }


@pytest.mark.parametrize("ending", [".csv", ".json", ".parquet"])
def test_kept_columns_of_every_type(run, cli, tmp_path, ending):
    columns = of_all_types()
    codes().assign(**columns).to_parquet(tmp_path / "new.parquet")
    output = tmp_path / f"found{ending}"
    outcome = cli("predict", run, tmp_path / "new.parquet", "-o", output, "--chunk-rows", 40,
                  *(part for name in columns for part in ("--keep", name)))  # fmt: skip
    assert outcome.code == 0, outcome.err
    found = read(output)
    expected = {
        ".csv": {"parts": "[1.0, 2.0]", "kind": "b", "text": "late"},
        ".json": {"parts": [1.0, 2.0], "raw": "\\xff0", "kind": "b", "text": "late",
                  "day": "2024-01-05T00:00:00", "time": "2024-01-05T00:00:00+01:00"},
        ".parquet": {"raw": b"\xff0", "kind": "b", "text": "late", "count": 7,
                     "time": pd.Timestamp("2024-01-05", tz="Europe/Berlin")},
    }  # fmt: skip
    for name, last in expected[ending].items():
        assert found[name][ROWS - 1] == last
    assert found["time"].isna().sum() == found["day"].isna().sum() == ROWS // 2


def test_a_task_without_labels_has_no_results(run, cli, tmp_path):
    codes().assign(height=None, status=None).to_csv(tmp_path / "new.csv", index=False)
    outcome = cli("evaluate", run, tmp_path / "new.csv", "--output", tmp_path / "found.json")
    assert outcome.code == 0, outcome.err
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["height"] == found["second"] == {}
    assert found["label"]
    line = next(line for line in outcome.out.splitlines() if line.startswith("height"))
    assert set(line.split()[1:]) == {"–"}


def test_rows_are_counted_over_the_whole_file(cli, trained, tmp_path):
    frame = people(90).astype({"age": object})
    frame.loc[70, "age"] = "old"
    frame.to_csv(tmp_path / "new.csv", index=False)
    outcome = cli("predict", trained.run, tmp_path / "new.csv", "-o", tmp_path / "o.csv",
                  "--chunk-rows", 20)  # fmt: skip
    one_line(outcome, ["'old' in row 71 of column 'age'", "new.csv"])


def test_errors_about_a_test_file_name_no_other(cli, tmp_path):
    people(90).to_csv(tmp_path / "people.csv", index=False)
    people(9).drop(columns="job").to_csv(tmp_path / "new.csv", index=False)
    outcome = cli("train", tmp_path / "people.csv", "-t", "income=binary", "--test-file",
                  tmp_path / "new.csv")  # fmt: skip
    one_line(outcome, [f"Error: {tmp_path / 'new.csv'} lacks the columns ['job']"])
