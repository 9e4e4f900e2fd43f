"""Files in the folder of a run."""

import json

import pytest

from tf_mtl.runs.folder import write_json


def refuse(constant):
    raise AssertionError(constant)


def test_results_without_labels_are_null_as_strict_readers_need_it(tmp_path):
    path = tmp_path / "results.json"
    write_json(path, {"tasks": {"a": {"loss": float("nan"), "auc": 0.5}}, "sizes": (1, 2)})
    found = json.loads(path.read_text(), parse_constant=refuse)
    assert found == {"tasks": {"a": {"loss": None, "auc": pytest.approx(0.5)}}, "sizes": [1, 2]}
    assert [each.name for each in tmp_path.iterdir()] == ["results.json"]
