"""Installs the package for every supported Python that the machine has and runs a smoke test.

    python tools/smoke.py [--lowest] [--only 3.12]

With `--lowest` each dependency is installed at its lower bound from setup.cfg instead of the newest
version. The smoke test trains, saves, loads and exports a small model on real digits. Prints a row
for each
Python; the exit code is 1 if any failed.
"""

from __future__ import annotations

import argparse
import configparser
import pathlib
import re
import shutil
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
VERSIONS = ("3.11", "3.12", "3.13")
PROGRAM = """
import sys, tempfile, pathlib
import keras, tensorflow as tf
import tf_mtl as mtl

data = mtl.data.load("digits", batch_size=64)
heads = {
    "digit": mtl.heads.Classification(10),
    "odd": mtl.heads.BinaryClassification(),
    "ink": mtl.heads.Regression(),
}
model = mtl.build_model(keras.Input((8, 8, 1), name="image"), mtl.trunks.MLP([64]), heads)
model.compile(keras.optimizers.Adam(0.01), loss_weights={"digit": 2.0})
model.fit(data.train, validation_data=data.valid, epochs=3, verbose=0)
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder)
    model.save(path / "model.keras")
    loaded = keras.models.load_model(path / "model.keras")
    logs = [each.evaluate(data.test, verbose=0, return_dict=True) for each in (model, loaded)]
    assert logs[0] == logs[1], logs
    assert logs[0]["digit_accuracy"] > 0.8, logs
    served = tf.saved_model.load(str(mtl.export.saved_model(model, path)))
    assert set(served.signatures["serving_default"].structured_outputs) == set(heads)
accuracy = f"{logs[0]['digit_accuracy']:.3f}"
print(f"keras {keras.__version__}, tensorflow {tf.__version__}, accuracy {accuracy}")
"""


def interpreters() -> dict[str, str]:
    """Returns `{version: path}` of the supported Pythons that start."""
    found = {}
    for version in VERSIONS:
        candidates = [shutil.which(f"python{version}")]
        pyenv = pathlib.Path.home() / ".pyenv" / "versions"
        candidates += [str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/python"))]
        for candidate in candidates:
            if candidate and _starts(candidate):
                found[version] = candidate
                break
    return found


def _starts(python: str) -> bool:
    return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0


def lower_bounds() -> list[str]:
    """Returns `name==bound` for each dependency in setup.cfg."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"].split()
    return [re.sub(r">=", "==", line) for line in lines]


def smoke(python: str, lowest: bool) -> tuple[bool, str]:
    """Installs into a fresh virtual environment and runs the program."""
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        bounds = place / "bounds.txt"
        bounds.write_text("\n".join(lower_bounds()) if lowest else "")
        own = str(place / "venv" / "bin" / "python")
        commands = [
            [python, "-m", "venv", str(place / "venv")],
            [own, "-m", "pip", "install", "-q", "-c", str(bounds), str(ROOT)],
            [own, "-c", PROGRAM],
        ]
        for command in commands:
            run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=place)
            if run.returncode:
                return False, (run.stderr or run.stdout).strip().splitlines()[-1]
        return True, run.stdout.strip().splitlines()[-1]


def main() -> int:
    """Prints one row for each Python."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lowest", action="store_true", help="install the lower bounds")
    parser.add_argument("--only", help="one version, 3.12 for instance")
    arguments = parser.parse_args()
    failures = 0
    for version, python in interpreters().items():
        if arguments.only in (None, version):
            passed, text = smoke(python, arguments.lowest)
            failures += not passed
            print(f"Python {version:5} {'passed' if passed else 'FAILED'}  {text}", flush=True)
    return min(failures, 1)


if __name__ == "__main__":
    raise SystemExit(main())
