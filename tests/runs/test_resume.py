"""A run that was interrupted ends as one that was not."""

import errno

import h5py
import numpy as np
import pytest

from tf_mtl import MultiTaskModel, runs
from tf_mtl.runs import checkpoint as checkpoints
from tf_mtl.runs import recorder
from tf_mtl.runs.folder import new_run
from tf_mtl.runs.monitor import make_monitor


def points(file, shift=0.0):
    """Writes rows with a yes-or-no task and a number to predict."""
    x = np.random.default_rng(0).normal(size=(200, 3)).astype("float32") + shift
    np.savez(file, x=x, above=(x[:, 0] > 0).astype(int), sum=x.sum(axis=1))
    return {"source": str(file), "batch_size": 16, "targets": {"above": "binary", "sum": "auto"}}


def configuration(folder, **keys):
    folder.mkdir(exist_ok=True)
    content = {
        "data": points(folder / "points.npz"),
        "trunk": {"type": "MLP", "units": [8], "dropout": 0.3},
        "epochs": 4,
        "run_directory": str(folder),
        "saved_models": None,
    }
    return runs.check_config({**content, **keys}, "test")


def state(run):
    """All numbers of the last checkpoint: weights, optimizer, random layers, logs."""
    last = checkpoints.last_checkpoint(run.checkpoints)
    numbers = {}
    with h5py.File(last.path / "model.weights.h5") as file:
        file.visititems(
            lambda name, item: (
                numbers.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        )
    logs = [{k: v for k, v in row.items() if k != "seconds"} for row in last.history]
    return numbers, last.seeds, logs


def assert_same(first, second):
    (numbers, seeds, logs), (other_numbers, other_seeds, other_logs) = state(first), state(second)
    assert logs == other_logs
    assert seeds == other_seeds != []
    assert any("optimizer" in name for name in numbers)
    assert numbers.keys() == other_numbers.keys()
    assert max(np.abs(numbers[name] - other_numbers[name]).max() for name in numbers) == 0
    assert first.history_file.read_text().count("\n") == second.history_file.read_text().count("\n")


@pytest.fixture
def interrupt(monkeypatch):
    """Makes Ctrl-C arrive in the middle of an epoch, counted from 0."""

    def at(epoch):
        def stop(self, batch, logs=None):
            if len(self.history) == epoch and batch == 5:
                raise KeyboardInterrupt

        monkeypatch.setattr(recorder.Recorder, "on_train_batch_end", stop, raising=False)

    yield at
    monkeypatch.undo()


@pytest.mark.parametrize(
    "keys", [{}, {"loss_weights": "uncertainty", "mixed_precision": "float16"}]
)
def test_a_resumed_run_ends_with_the_same_weights(keys, tmp_path, interrupt, monkeypatch):
    straight = runs.train(configuration(tmp_path / "a", **keys), verbose=0)
    interrupt(2)
    with pytest.raises(runs.Interrupted) as stopped:
        runs.train(configuration(tmp_path / "b", **keys), verbose=0)
    assert stopped.value.epochs == 2
    monkeypatch.undo()
    resumed = runs.resume(stopped.value.run.path, verbose=0)
    assert_same(straight.run, resumed.run)
    assert resumed.results == straight.results
    assert resumed.best_epoch == straight.best_epoch


def test_more_epochs_go_on_where_fewer_ended(tmp_path):
    constant = {"optimizer": {"schedule": "constant", "learning_rate": 0.01}}
    long = runs.train(configuration(tmp_path / "a", **constant), verbose=0)
    short = runs.train(configuration(tmp_path / "b", epochs=2, **constant), verbose=0)
    resumed = runs.resume(short.run.path, epochs=4, verbose=0)
    assert_same(long.run, resumed.run)
    assert resumed.run.config().epochs == 4


def test_a_run_stopped_in_its_first_epoch_starts_anew(tmp_path, interrupt, monkeypatch):
    interrupt(0)
    with pytest.raises(runs.Interrupted) as stopped:
        runs.train(configuration(tmp_path, epochs=1), verbose=0)
    assert stopped.value.epochs == 0
    with pytest.raises(runs.InputError, match="no model yet"):
        runs.load_model(stopped.value.run)
    monkeypatch.undo()
    assert runs.resume(stopped.value.run.path, verbose=0).epochs == 1


def test_a_run_whose_disk_is_full_says_how_to_go_on(tmp_path, monkeypatch):
    def full(model, file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(MultiTaskModel, "save", full)
    with pytest.raises(runs.InputError, match=r"Epoch 1 .*No space left") as error:
        runs.train(configuration(tmp_path, epochs=1))
    assert str(error.value).endswith(f"tf-mtl train --resume {tmp_path / 'points' / '1'}")


def test_a_run_is_trained_by_one_process_at_a_time(tmp_path, monkeypatch):
    refused = []

    def resume_meanwhile(self, epoch, logs=None):
        with pytest.raises(runs.InputError, match="Another process is training") as caught:
            runs.resume(self.run.path)
        refused.append(caught)

    with monkeypatch.context() as patch:
        patch.setattr(recorder.Recorder, "on_epoch_begin", resume_meanwhile)
        finished = runs.train(configuration(tmp_path, epochs=1))
        runs.resume(finished.run.path, epochs=2)
    assert len(refused) == 2
    assert runs.resume(finished.run.path, epochs=3).epochs == 3


def test_patience_ends_a_run_for_good(tmp_path):
    # What learning makes better all the time is "best" at the start, for a monitor turned round.
    keys = {"monitor": "val_above_auc", "mode": "min", "patience": 3, "epochs": 20,
            "optimizer": {"learning_rate": 0.01}}  # fmt: skip
    finished = runs.train(configuration(tmp_path, **keys), verbose=0)
    assert finished.epochs == finished.best_epoch + 3 < 20
    with pytest.raises(runs.InputError, match="complete"):
        runs.resume(finished.run.path, verbose=0)


def test_the_monitor_needs_no_more_than_the_history():
    monitor = make_monitor("val_loss", "auto", ["val_loss"])
    history = [{"val_loss": value} for value in (float("nan"), 2.0, 1.0, 1.0, 3.0)]
    assert [monitor.best(history[: n + 1]) for n in range(5)] == [0, 1, 2, 2, 2]
    assert not monitor.exhausted(history, 3)
    assert monitor.exhausted(history, 2)
    assert make_monitor("val_digit_accuracy", "auto", ["val_digit_accuracy"]).greater
    with pytest.raises(runs.InputError, match=r"mode.*'min' or 'max'"):
        make_monitor("val_mystery", "auto", ["val_mystery"])


def test_other_data_are_refused(tmp_path):
    run = runs.train(configuration(tmp_path, epochs=1), verbose=0).run
    points(tmp_path / "points.npz", shift=1.0)
    with pytest.raises(runs.InputError, match="is not what it was"):
        runs.resume(run.path, epochs=2, verbose=0)
    with pytest.raises(runs.InputError, match="is not what it was"):
        runs.evaluate(run)


def test_the_home_folder_is_understood(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    run = new_run(runs.check_config({"run_directory": "~/runs"}, "test"))
    assert run.path == tmp_path / "home" / "runs" / "digits" / "1"
    assert not (tmp_path / "~").exists()
