"""The rules of the house: imports point one way, only training differentiates, import is cheap."""

import ast
import pathlib
import subprocess
import sys

import pytest

PACKAGE = pathlib.Path(__file__).resolve().parents[1] / "tf_mtl"
BASE = {
    "names",
    "masks",
    "version",
    "keras_internals",
    "balancing_method",
    "method_arguments",
    "whole_numbers",
}
MAY_IMPORT = {
    "data": set(),
    "trunks": set(),
    "losses": set(),
    "metrics": {"losses"},
    "heads": {"losses", "metrics"},
    "weightings": set(),
    "aggregators": set(),
    "training": {"heads", "losses", "metrics", "trunks", "weightings", "aggregators"},
    "evaluation": {"training", "heads", "data", "trunks"},
    "export": {"training", "heads"},
    "runs": {"data", "trunks", "heads", "training", "evaluation", "export", "weightings"}
    | {"aggregators"},
    "cli": {"runs", "data", "export"},
}


def rooms_imported(path):
    """Rooms of tf_mtl that a file imports at any depth."""
    parts = path.relative_to(PACKAGE).parts
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = parts[: len(parts) - node.level]
            module = (node.module or "").split(".") if node.module else []
            names = [[*base, *module]] if module else [[*base, a.name] for a in node.names]
            found |= {name[0] for name in names if name}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tf_mtl"):
            found |= set((node.module or "").split(".")[1:2]) or {a.name for a in node.names}
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("tf_mtl.")}
    return found


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.glob("*/**/*.py")), ids=lambda p: str(p.relative_to(PACKAGE))
)
def test_imports_point_one_way(path):
    room = path.relative_to(PACKAGE).parts[0]
    others = rooms_imported(path) - BASE - {room}
    assert others <= MAY_IMPORT[room], f"{path} imports {others - MAY_IMPORT[room]}"


def test_only_training_differentiates():
    for path in PACKAGE.rglob("*.py"):
        if PACKAGE / "training" not in path.parents:
            assert "GradientTape(" not in path.read_text(), path


def test_registered_names_are_unique():
    """Keras keeps the last class of a name and would load the other one's files as it."""
    names = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            for decorator in getattr(node, "decorator_list", []):
                if "register_keras_serializable" in ast.unparse(decorator):
                    given = {each.arg: each.value for each in decorator.keywords}
                    names.append(given["name"].value if "name" in given else node.name)
    assert len(names) > 50
    assert sorted(names) == sorted(set(names))


def test_no_lambda_layers_and_no_bare_except():
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            assert not (isinstance(node, ast.ExceptHandler) and node.type is None), path
            assert not (isinstance(node, ast.Attribute) and node.attr == "Lambda"), path


def test_import_is_quiet_and_loads_nothing_heavy():
    heavy = "{'sklearn', 'tensorflow_datasets', 'matplotlib', 'pandas', 'pyarrow', 'typer'}"
    ending = f"import sys; print(sorted({heavy} & set(sys.modules)))"
    run = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for code in (f"import keras; {ending}", f"import keras, tf_mtl; {ending}")
    ]
    assert run[0].stdout == run[1].stdout
