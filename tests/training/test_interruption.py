"""Ctrl-C while a thread that reads ahead looks at a batch."""

import subprocess
import sys

PROGRAM = """
import os, signal, threading, time
import keras, numpy as np, tensorflow as tf
import tf_mtl as mtl
from tf_mtl.training import first_batches

looks = []

def slow(*_):
    looks.append(1)
    if len(looks) == 1:
        threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    time.sleep(2)  # the step takes the first batch, and the second is looked at
    return iter(())

first_batches.problems = slow
inputs = keras.Input((4,))
model = mtl.build_model(inputs, [4], {"a": mtl.heads.Regression()})
model.compile("adam")
rows = np.ones((64, 4), "float32"), {"a": np.ones((64, 1), "float32")}
try:
    model.fit(tf.data.Dataset.from_tensor_slices(rows).batch(8), verbose=0)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_an_interrupted_program_ends():
    command = [sys.executable, "-c", PROGRAM]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout.strip() == "interrupted"
