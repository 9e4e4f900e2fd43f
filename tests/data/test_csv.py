import gzip

import numpy as np
import pytest

from tf_mtl import data

HEADER = "age, job,note-1,rich"
ROWS = [f"{20 + n % 30}, {'baker' if n % 3 else 'smith'},?,{'yes' if n % 2 else 'no'}"
        for n in range(100)]  # fmt: skip
TARGETS = {"rich": "binary"}


def write(path, rows, header=HEADER):
    path.write_text("\n".join([*([header] if header else []), *rows]) + "\n", encoding="utf-8")
    return path


def test_spaces_missing_values_and_names(tmp_path):
    path = write(tmp_path / "a.csv", ROWS)
    splits = data.from_csv(path, TARGETS, missing_values=["?"], batch_size=16, seed=1)
    assert {name: tensor.dtype for name, tensor in splits.inputs.items()} == {
        "age": "float32", "job": "string", "note_1": "float32",
    }  # fmt: skip
    x, _ = next(iter(splits.train))
    assert set(x["job"].numpy().ravel()) == {b"baker", b"smith"}
    assert np.isnan(x["note_1"]).all()


def test_separators_and_compression(tmp_path):
    with gzip.open(tmp_path / "a.csv.gz", "wt") as file:
        file.write("\n".join(line.replace(",", ";") for line in [HEADER, *ROWS]))
    splits = data.from_csv(tmp_path / "a.csv.gz", TARGETS, separator=";", ignore=["note-1"])
    assert list(splits.inputs) == ["age", "job"]
    with pytest.raises(ValueError, match="only one column: is the separator right"):
        data.from_csv(tmp_path / "a.csv.gz", TARGETS)


@pytest.mark.parametrize(("separator", "written"), [("::", "::"), (r"\|", "|"), (r"\s+", "   ")])
@pytest.mark.parametrize("stream", [False, True])
def test_separators_of_several_signs(tmp_path, separator, written, stream):
    path = tmp_path / "ratings.dat"
    rows = [["user", "film", "stars"], *([f"{n}", f"f{n % 3}", f"{n % 5}.5"] for n in range(50))]
    path.write_text("\n".join(map(written.join, rows)))
    splits = data.from_csv(path, {"stars": "regression"}, separator=separator, stream=stream)
    assert splits.sizes == {"train": 40, "valid": 5, "test": 5}
    dtypes = {name: tensor.dtype for name, tensor in splits.inputs.items()}
    assert dtypes == {"user": "float32", "film": "string"}


@pytest.mark.parametrize("separator", ["\t", r"\t"])
def test_tabs(tmp_path, separator):
    rows = [row.replace(",", "\t") for row in ROWS]
    path = write(tmp_path / "a.tsv", rows, HEADER.replace(",", "\t"))
    for stream in (False, True):
        splits = data.from_csv(path, TARGETS, separator=separator, stream=stream)
        assert list(splits.inputs) == ["age", "job", "note_1"]
    assert data.read_csv(path, separator=separator).shape == (100, 4)


@pytest.mark.parametrize("stream", [False, True])
def test_a_decimal_comma(tmp_path, stream):
    rows = [f"{n},5;{n}" for n in range(60)]
    path = write(tmp_path / "a.csv", [*rows, ";60"], "size;price")
    options = {"separator": ";", "decimal": ",", "stream": stream, "batch_size": 100}
    splits = data.from_csv(path, {"price": "regression"}, **options)
    assert splits.inputs["size"].dtype == "float32"
    for x, y in splits.train:
        known = ~np.isnan(x["size"][:, 0])
        np.testing.assert_array_equal(x["size"][:, 0][known], y["price"][known] + 0.5)
        assert known.sum() >= len(known) - 1
    frame = data.read_csv(path, separator=";", decimal=",")
    assert frame["size"][:3].tolist() == [0.5, 1.5, 2.5]
    for wrong in ({"decimal": ","}, {"decimal": "point"}):
        with pytest.raises(ValueError, match=r"`decimal` must be '\.' or ',' and differ"):
            data.read_csv(path, **wrong)


def test_files_without_header_and_with_their_own_test_file(tmp_path):
    names = ["age", "job", "note-1", "rich"]
    train = write(tmp_path / "train.csv", ROWS, header=None)
    test = write(tmp_path / "test.csv", ROWS[:9])
    splits = data.from_csv(train, TARGETS, names=names, test_path=test)
    assert splits.sizes == {"train": 89, "valid": 11, "test": 9}
    with pytest.raises(ValueError, match="4 columns, but `names` gives 2"):
        data.from_csv(train, TARGETS, names=["age", "rich"])


@pytest.mark.parametrize("zone", ["", ":00Z", "+02:00", ":00.5-0130"])
def test_dates_in_text(tmp_path, zone):
    rows = [f"2024-{1 + n % 12:02}-01 10:00{zone},{n % 2}" for n in range(60)]
    splits = data.from_csv(write(tmp_path / "a.csv", rows, "when,y"), {"y": "binary"})
    assert list(splits.inputs) == ["when_days"]


@pytest.mark.parametrize("stream", [False, True])
def test_spaces_around_dates(tmp_path, stream):
    days = [f"2024-03-0{1 + n % 9}" for n in range(60)]
    plain = write(tmp_path / "a.csv", [f"{day},{n % 2}" for n, day in enumerate(days)], "day,y")
    wide = write(tmp_path / "b.csv", [f" {day}  ,{n % 2}" for n, day in enumerate(days)], "day,y")
    found = [data.from_csv(path, {"y": "auto"}, stream=stream) for path in (plain, wide)]
    assert list(found[1].inputs) == ["day_days"]
    assert found[0].fingerprint == found[1].fingerprint


@pytest.mark.parametrize("missing", [-999, [-999], ["-999"]])
def test_numbers_that_are_missing_values(tmp_path, missing):
    path = write(tmp_path / "a.csv", [f"{n},{n % 7 or -999}" for n in range(60)], "a,b")
    frame = data.read_csv(path, missing_values=missing)
    assert frame["b"].isna().sum() == 9
    assert frame["b"].min() == 1


def test_codes_keep_their_zeros(tmp_path):
    rows = [f"{n},0{n % 3},{n % 2}" for n in range(60)]
    path = write(tmp_path / "a.csv", ["", ",code,y", *rows], header=None)
    with pytest.warns(
        UserWarning, match=r"without a name, 'Unnamed: 0', .* ignore=\['Unnamed: 0'\]"
    ):
        splits = data.from_csv(path, {"y": "binary"}, encoding={"categorical": ["code"]})
    x, _ = next(iter(splits.train))
    assert set(x["code"].numpy().ravel()) == {b"00", b"01", b"02"}
    assert list(splits.inputs) == ["Unnamed_0", "code"]
    splits = data.from_csv(path, {"y": "binary"}, ignore=["Unnamed: 0"])
    assert list(splits.inputs) == ["code"]


def test_bools_with_missing_cells(tmp_path):
    rows = [
        ("True", "False", "")[n % 3] + f",{n},{('True', 'False', '')[n % 3]}" for n in range(90)
    ]
    splits = data.from_csv(write(tmp_path / "a.csv", rows, "member,n,y"), {"y": "auto"})
    assert splits.inputs["member"].dtype == "float32"
    x, y = next(iter(splits.valid))
    member = x["member"].numpy().ravel()
    assert set(member[~np.isnan(member)]) == {0.0, 1.0}
    assert splits.targets["y"] == data.Target("binary")
    np.testing.assert_array_equal(np.where(np.isnan(member), -1, member), y["y"])


def test_big_files_can_be_read_in_parts(tmp_path):
    parts = data.read_csv(write(tmp_path / "a.csv", ROWS), chunk_rows=40)
    assert [len(part) for part in parts] == [40, 40, 20]


def test_files_that_are_not_there(tmp_path):
    write(tmp_path / "people.csv", ROWS)
    with pytest.raises(FileNotFoundError, match=r"'peple.csv' in .*Did you mean 'people.csv'"):
        data.from_csv(tmp_path / "peple.csv", TARGETS)
    with pytest.raises(FileNotFoundError, match=r"folder .*nowhere does not exist"):
        data.from_csv(tmp_path / "nowhere" / "people.csv", TARGETS)
    with pytest.raises(FileNotFoundError, match="is a folder"):
        data.from_csv(tmp_path, TARGETS)


@pytest.mark.parametrize(
    ("text", "targets", "message"),
    [
        ("", TARGETS, "a.csv is empty"),
        (HEADER + "\n", TARGETS, "a.csv.*(empty|no rows)"),
        ("a,b,a\n1,2,3\n", {"b": "auto"}, "two columns called 'a'"),
        ("a,b\n1,2\n1,2,3\n", {"b": "auto"}, "not a table.*line 3"),
        ("a,b\n" + "1,2,3\n" * 30, {"b": "auto"}, "not a table|has more"),
        ("a,b\n1,2\n3,x\n", {"b": "regression"}, r"column 'b' of .*a.csv.*row 2 \('x'\)"),
        ("a,b\n" + "1,2\n" * 30, {"b": "auto"}, "column 'b' of .*a.csv.*1 class "),
        ("a,b\n" + "1,2\n2,1\n" * 30, {"c": "auto"}, "target column 'c'.*'a', 'b'"),
    ],
)
def test_bad_files_are_refused(tmp_path, text, targets, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=message) as caught:
        data.from_csv(tmp_path / "a.csv", targets)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("row", "line"), [("30", "line 32 has 1 of them: '30'"), ("30,,", None), ("", None)]
)
def test_rows_with_too_few_cells(tmp_path, row, line, stream):
    rows = [f'{n},"a ""b"",\n{n % 2}",{n % 2}' if n != 30 else row for n in range(60)]
    path = write(tmp_path / "a.csv", [row.replace("\n", " ") for row in rows], "n,a,y")
    if line is None:
        assert sum(data.from_csv(path, {"y": "binary"}, stream=stream).sizes.values()) > 58
        return
    with pytest.raises(ValueError, match=rf"a.csv has 3 columns, but {line}. Is the file cut"):
        data.from_csv(path, {"y": "binary"}, stream=stream)
    with pytest.raises(ValueError, match=line):
        list(data.read_csv(path, chunk_rows=7))


@pytest.mark.parametrize("first", ['"age","y"', "# from the survey\nrow,age,y"])
def test_rows_with_more_cells_than_there_are_column_names(tmp_path, first):
    path = tmp_path / "survey.csv"  # as R writes it
    path.write_text("\n".join([first, *(f'"{n}",{20 + n},{n % 2}' for n in range(40))]))
    with pytest.raises(ValueError, match=r"survey.csv has more cells in its rows.*pandas.read_csv"):
        data.from_csv(path, {"y": "binary"})


@pytest.mark.parametrize("stream", [False, True])
def test_quotes_that_are_plain_signs_swallow_no_rows(tmp_path, stream):
    path = tmp_path / "messages.tsv"
    rows = [f"{'spam' if n % 2 else 'ham'}\tmessage {n}" for n in range(40)]
    rows[5], rows[8] = 'spam\t"What now', 'ham\t"Nothing" he said'
    path.write_text("\n".join(["kind\ttext", *rows]))
    options = {"separator": "\t", "encoding": {"texts": ["text"]}, "stream": stream}
    with pytest.raises(ValueError, match=r"with a quote in line 7 .*within line 10: rows.*lost"):
        data.from_csv(path, {"kind": "binary"}, **options)

    rows[5], rows[8] = 'spam\t"What\n""now"""', 'ham\t"Nothing" he said'
    path.write_text("\n".join(["kind\ttext", *rows]))
    assert data.from_csv(path, {"kind": "binary"}, **options).sizes["train"] == 32


def test_a_file_that_was_cut_off(tmp_path):
    content = gzip.compress("\n".join([HEADER, *ROWS])[:-8].encode())
    (tmp_path / "a.csv.gz").write_bytes(content)
    with pytest.raises(ValueError, match=r"a.csv.gz has 4 columns, but line 101 has 2 of them"):
        data.from_csv(tmp_path / "a.csv.gz", TARGETS)


def test_text_in_another_encoding(tmp_path):
    (tmp_path / "a.csv").write_bytes("name,y\nGrö,1\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"a.csv is not text in UTF-8"):
        data.from_csv(tmp_path / "a.csv", {"y": "auto"})


CODES = {
    "codes": ["007", "010", "A12"],
    "bools": ["true", "false", "maybe"],
    "numbers": ["1.50", "2", "n/k"],
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("cells", CODES.values(), ids=CODES)
def test_text_is_text_in_test_rows_that_look_like_numbers(tmp_path, cells, stream):
    rows = [f"{cells[n % 3]},{cells[n % 3]},{n}" for n in range(90)]
    train = write(tmp_path / "a.csv", rows, "code,label,n")
    test = write(
        tmp_path / "test.csv", [row for row in rows if cells[2] not in row], "code,label,n"
    )
    splits = data.from_csv(train, {"label": "classification"}, test_path=test, stream=stream)
    x, y = next(iter(splits.test))
    names = np.array(splits.targets["label"].class_names)[y["label"]]
    assert x["code"].numpy().ravel().astype(str).tolist() == names.tolist()
    assert set(names) == set(cells[:2])


@pytest.mark.parametrize("stream", [False, True])
def test_spaces_behind_missing_cells(tmp_path, stream):
    cells = ["?", "NA ", " ?  ", "1 ", " 2", ""]
    rows = [f"{n} ,{cells[n % 6]} ,{cells[n % 6]},{'no ' if n % 4 else 'NA '}" for n in range(120)]
    rows += [f"{n},1,2,yes" for n in range(30)]
    path = write(tmp_path / "a.csv", rows, "n,size,code,y")
    splits = data.from_csv(
        path, {"y": "binary"}, missing_values=["?"], encoding={"categorical": "code"}, stream=stream
    )
    assert splits.targets["y"].class_names == ("no", "yes")
    assert splits.inputs["size"].dtype == "float32"
    x = np.concatenate([x["code"] for part in splits for x, _ in part.as_numpy_iterator()])
    assert set(x.ravel()) == {b"", b"1", b"2"}


def test_columns_called_like_missing_cells(tmp_path):
    rows = [f"{n},{n % 7},{n % 2}" for n in range(60)]
    splits = data.from_csv(write(tmp_path / "a.csv", rows, "NA,null,nan"), {"nan": "binary"})
    assert list(splits.columns.values()) == ["NA", "null"]


@pytest.mark.parametrize("options", [{}, {"stream": True}, {"separator": ", ?"}])
def test_classes_may_look_like_missing_cells(tmp_path, options):
    rows = [
        f"{i % 7},{('None ', 'Some', 'NA')[i % 3]},{('NA', 'DE', 'NULL')[i % 3]}" for i in range(90)
    ]
    (tmp_path / "a.csv").write_text("\n".join(["x,intake,country", *rows]))
    splits = data.from_csv(
        tmp_path / "a.csv",
        {
            "intake": {"class_names": ["None", "Some"]},
            "namibia": {"column": "country", "positive": "NA"},
        },
        **options,
    )
    table = data.describe(splits).table["labelled"].groupby("task").sum()
    assert table.to_dict() == {"intake": 60, "namibia": 60}
    assert splits.targets["namibia"].class_names == ("DE", "NA")
