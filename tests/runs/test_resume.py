"""A run that was interrupted ends as one that was not."""

import keras
import numpy as np
import pytest

from tf_mtl import runs
from tf_mtl.runs import checkpoint as checkpoints
from tf_mtl.runs import recorder


def configuration(folder, **keys):
    content = {
        "data": {"source": "digits", "batch_size": 128},
        "trunk": {"type": "MLP", "units": [16], "dropout": 0.3},
        "epochs": 4,
        "run_directory": str(folder),
        "saved_models": None,
    }
    return runs.check_config({**content, **keys}, "test")


def state(run):
    """All numbers of the last checkpoint: weights, optimizer, random layers, logs."""
    last = checkpoints.last_checkpoint(run.checkpoints)
    model = runs.assemble(run.config(), runs.load_data(run.config().data, run.config().seed))
    checkpoints.restore_checkpoint(last, model)
    variables = [*model.variables, *model.optimizer.variables]
    logs = [{k: v for k, v in row.items() if k != "seconds"} for row in last.history]
    return [keras.ops.convert_to_numpy(variable) for variable in variables], logs


def assert_same(first, second):
    (numbers, logs), (other_numbers, other_logs) = state(first), state(second)
    assert logs == other_logs
    assert max(np.abs(a - b).max() for a, b in zip(numbers, other_numbers, strict=True)) == 0
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


def test_a_resumed_run_ends_with_the_same_weights(tmp_path, interrupt, monkeypatch):
    straight = runs.train(configuration(tmp_path / "a"), verbose=0)
    interrupt(2)
    with pytest.raises(runs.Interrupted) as stopped:
        runs.train(configuration(tmp_path / "b"), verbose=0)
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


def test_patience_is_counted_over_the_interruption(tmp_path, interrupt, monkeypatch):
    # What learning makes better all the time is "best" at the start, for a monitor turned round.
    keys = {"monitor": "val_ink_r2", "mode": "min", "patience": 3, "epochs": 20,
            "optimizer": {"learning_rate": 0.01}}  # fmt: skip
    straight = runs.train(configuration(tmp_path / "a", **keys), verbose=0)
    assert straight.epochs < 20
    interrupt(straight.epochs - 2)
    with pytest.raises(runs.Interrupted) as stopped:
        runs.train(configuration(tmp_path / "b", **keys), verbose=0)
    monkeypatch.undo()
    resumed = runs.resume(stopped.value.run.path, verbose=0)
    assert resumed.epochs == straight.epochs
    with pytest.raises(runs.InputError, match="complete"):
        runs.resume(resumed.run.path, verbose=0)


def test_other_data_are_refused(tmp_path):
    file = tmp_path / "points.npz"
    x = np.random.default_rng(0).normal(size=(100, 3)).astype("float32")
    np.savez(file, x=x, above=(x[:, 0] > 0).astype(int))
    data = {"source": str(file), "targets": {"above": "binary"}}
    run = runs.train(configuration(tmp_path, data=data, epochs=1), verbose=0).run
    np.savez(file, x=x + 1, above=(x[:, 0] > 0).astype(int))
    with pytest.raises(runs.InputError, match="is not what it was"):
        runs.resume(run.path, epochs=2, verbose=0)
    with pytest.raises(runs.InputError, match="is not what it was"):
        runs.evaluate(run)
