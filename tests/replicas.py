"""Programs for several replicas, in processes of their own, since logical devices are set once."""

import subprocess
import sys

import tensorflow as tf

from tests.memory import collect_seldom


def strategies(replicas):
    """Splits the processor; returns the strategy of one device and that of `replicas`."""
    processor = tf.config.list_physical_devices("CPU")[0]
    devices = [tf.config.LogicalDeviceConfiguration()] * replicas
    tf.config.set_logical_device_configuration(processor, devices)
    # A sixth of the time of programs that trace many models and run each for a few steps.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})
    collect_seldom()
    one = tf.distribute.OneDeviceStrategy("/cpu:0")
    return one, tf.distribute.MirroredStrategy([f"/cpu:{i}" for i in range(replicas)])


def printed_by(program, *arguments):
    """Runs a program that prints lines of a name, a space and a number; returns these pairs."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    lines = [line.rpartition(" ") for line in run.stdout.splitlines()]
    found = {name: float(number) for name, _, number in lines}
    assert len(found) == len(lines), "two lines have one name, and one would hide the other"
    return found
