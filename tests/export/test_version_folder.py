"""Versions are numbered, complete and never overwritten; a wrong folder is one clear error."""

import os

import keras
import pytest

import tf_mtl as mtl
from tf_mtl.export import saved_model
from tf_mtl.export.version_folder import publish, unfinished_folder


@pytest.fixture
def model():
    inputs = keras.Input((2,), name="x")
    return mtl.build_model(inputs, mtl.trunks.MLP([2]), {"y": mtl.heads.Regression()})


def finished(folder):
    folder.mkdir()
    (folder / "saved_model.pb").write_text("graph")
    return folder


def test_versions_count_up_behind_the_highest(model, tmp_path):
    folder = tmp_path / "new" / "digits"
    assert saved_model(model, folder) == folder / "1"
    assert saved_model(model, str(folder), version=7) == folder / "7"
    (folder / "notes").mkdir()
    (folder / "99.txt").touch()
    assert saved_model(model, folder) == folder / "8"
    assert sorted(os.listdir(folder)) == ["1", "7", "8", "99.txt", "notes"]


def test_the_home_folder_is_understood(model, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert saved_model(model, "~/served") == tmp_path / "served" / "1"


def test_an_existing_version_is_refused_before_any_work(model, tmp_path):
    saved_model(model, tmp_path)
    before = (tmp_path / "1" / "saved_model.pb").read_bytes()
    with pytest.raises(FileExistsError, match=r"Version 1 exists .* version=2"):
        saved_model(model, tmp_path, version=1)
    assert (tmp_path / "1" / "saved_model.pb").read_bytes() == before
    assert os.listdir(tmp_path) == ["1"]


@pytest.mark.parametrize("version", [0, -1, 1.0, "1", True])
def test_a_version_is_a_positive_integer(model, version, tmp_path):
    with pytest.raises(ValueError, match="whole number"):
        saved_model(model, tmp_path, version=version)


def test_a_file_is_no_folder(model, tmp_path):
    (tmp_path / "digits").touch()
    with pytest.raises(NotADirectoryError, match="is a file"):
        saved_model(model, tmp_path / "digits")
    with pytest.raises(NotADirectoryError, match="Cannot write to"):
        saved_model(model, tmp_path / "digits" / "below")


def test_an_address_is_no_folder(model):
    with pytest.raises(ValueError, match="copy it"):
        saved_model(model, "gs://bucket/digits")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_folder_without_permission(model, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match="may write to"):
        saved_model(model, tmp_path)


def test_a_version_is_readable_by_the_server(model, tmp_path):
    mask = os.umask(0o022)
    try:
        folder = saved_model(model, tmp_path)
    finally:
        os.umask(mask)
    assert folder.stat().st_mode & 0o777 == 0o755


def interrupt_an_export(directory):
    with unfinished_folder(directory) as unfinished:
        finished(unfinished)
        assert not any(name.isdecimal() for name in os.listdir(directory))
        raise KeyboardInterrupt


def test_an_unfinished_folder_is_no_version_and_goes_away(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        interrupt_an_export(tmp_path)
    assert os.listdir(tmp_path) == []


def test_two_exports_at_once_get_two_numbers(tmp_path):
    with unfinished_folder(tmp_path) as first, unfinished_folder(tmp_path) as second:
        paths = {publish(finished(folder), tmp_path, None) for folder in (first, second)}
    assert paths == {tmp_path / "1", tmp_path / "2"}


def test_two_exports_of_one_version_leave_the_first(tmp_path):
    with unfinished_folder(tmp_path) as first, unfinished_folder(tmp_path) as second:
        publish(finished(first), tmp_path, 3)
        with pytest.raises(FileExistsError, match="Version 3"):
            publish(finished(second), tmp_path, 3)
