"""The first example runs, as a script and as the notebook that is made from it."""

import doctest
import importlib.util
import math
import re
from pathlib import Path

import nbclient
import nbformat
import pytest
import tensorflow as tf

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def make_notebooks():
    return load(ROOT / "tools" / "make_notebooks.py")


@pytest.mark.slow
def test_the_script_runs(tmp_path, capsys):
    gain = load(EXAMPLES / "first_steps.py").main(epochs=1, directory=tmp_path)
    printed = capsys.readouterr().out
    assert math.isfinite(gain)
    assert f"Δm = {gain:+.2f} %" in printed
    for task in ("digit", "odd", "ink"):
        assert re.search(rf"^{task} .*%$", printed, re.MULTILINE)
    served = tf.saved_model.load(tmp_path / "1").signatures["serving_default"]
    assert set(served.structured_outputs) == {"digit", "odd", "ink"}


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_the_committed_notebook_is_made_from_the_example(example, make_notebooks):
    committed = example.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert committed == make_notebooks.text(make_notebooks.notebook(example)), (
        "run `python tools/make_notebooks.py` and commit the notebooks"
    )


def test_the_command_does_what_it_says(make_notebooks):
    assert doctest.testmod(make_notebooks).failed == 0


def test_every_notebook_is_made_from_an_example():
    notebooks = {path.stem for path in EXAMPLES.glob("*.ipynb")}
    assert notebooks == {path.stem for path in EXAMPLES.glob("*.py")}


def test_the_notebook_installs_the_package_first_and_holds_no_outputs(make_notebooks):
    notebook = nbformat.read(EXAMPLES / "first_steps.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code[0].source.startswith("%pip install")
    assert make_notebooks.REPOSITORY in code[0].source
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert any("Colab" in cell.source for cell in notebook.cells if cell.cell_type == "markdown")


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the notebook machinery, not of this package
def test_the_notebook_runs(tmp_path):
    notebook = nbformat.read(EXAMPLES / "first_steps.ipynb", as_version=4)
    for cell in notebook.cells:
        if "install" in cell.metadata.get("tags", []):
            cell.source = ""
        if "parameters" in cell.metadata.get("tags", []):
            assert "epochs = " in cell.source
            cell.source += "\nepochs = 1"
    client = nbclient.NotebookClient(
        notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    printed = "".join(
        output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])
    )
    assert "Δm = " in printed
    assert (tmp_path / "saved_models" / "first_steps" / "1" / "saved_model.pb").is_file()
