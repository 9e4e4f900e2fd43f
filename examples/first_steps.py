"""First steps: one network that answers three questions about a handwritten digit.

    python examples/first_steps.py

The notebook first_steps.ipynb is made of this file by `python tools/make_notebooks.py`.
"""

# %% [markdown]
# # First steps with tf_mtl
#
# One network learns three tasks from the same images of handwritten digits:
#
# | task | question | kind |
# |---|---|---|
# | `digit` | which digit is it? | 10 classes |
# | `odd` | is it odd? | yes or no |
# | `ink` | how much ink was used? | a number, 0 to 1 |
#
# You will train it with a plain `model.fit`, look at the results task by task, compare them with
# three networks that learn one task each, and export a model that a server can run.

# %%
from pathlib import Path

import keras
import tensorflow as tf

import tf_mtl as mtl


def main(epochs: int = 20, directory: str | Path = "saved_models/first_steps") -> float:
    """Trains, compares and exports; returns the mean gain over single-task training in percent.

    Args:
        epochs: Epochs of every training.
        directory: Folder of the exported versions.
    """
    # %% [markdown]
    # ## Data
    #
    # The images come with scikit-learn, so nothing is downloaded. Every batch is a pair: images,
    # and a dictionary with the labels of each task.

    # %%
    keras.utils.set_random_seed(0)
    data = mtl.data.load("digits", batch_size=64)
    train, valid, test = data
    images, labels = next(iter(test))
    print("images:", images.shape)
    for task, values in labels.items():
        print(f"{task}: {values[:5].numpy()} …   {data.targets[task].kind}")

    # %% [markdown]
    # ## Model
    #
    # A trunk that all tasks share, and a head for each. The heads bring losses and metrics, so
    # `compile` needs no more than an optimizer. `build` takes the tasks as an argument: later the
    # same recipe makes the networks that learn one task only.

    # %%
    def build(tasks: list[str]) -> mtl.MultiTaskModel:
        ink = data.targets["ink"]
        heads = {
            "digit": mtl.heads.Classification(class_names=data.targets["digit"].class_names),
            "odd": mtl.heads.BinaryClassification(class_names=data.targets["odd"].class_names),
            # With mean and deviation the loss is computed in standardised units, comparable with
            # the others; predictions and metrics stay in the units of the data.
            "ink": mtl.heads.Regression(mean=ink.mean, std=ink.std),
        }
        model = mtl.build_model(
            keras.Input((8, 8, 1), name="image"),
            trunk=mtl.trunks.CNN([32, 64], units=[128]),
            heads={task: heads[task] for task in tasks},
        )
        model.compile(keras.optimizers.Adam(3e-3))
        return model

    model = build(["digit", "odd", "ink"])
    print(model.output_shape)

    # %% [markdown]
    # ## Training
    #
    # This is Keras' own `fit`: callbacks, validation and everything else work as you know them.

    # %%
    model.fit(train, validation_data=valid, epochs=epochs, verbose=2)
    print(f"trained {model.count_params():,} parameters for {epochs} epochs")

    # %% [markdown]
    # ## Results by task

    # %%
    together = mtl.evaluation.per_task(model.evaluate(test, return_dict=True, verbose=0), model)
    for task, metrics in together.items():
        print(f"{task:6}", "  ".join(f"{name} {value:.4f}" for name, value in metrics.items()))

    # %% [markdown]
    # ## Is learning together worth it?
    #
    # The same trunk, data and epochs, but one network for each task: three times the parameters and
    # three times the work. Δm is the mean relative gain of the shared network over them in percent.
    # Higher is better: around 0 one network does the work of three, below 0 the tasks stand in each
    # other's way. With 180 test images one more error in a class is half a percent.

    # %%
    alone = mtl.evaluation.single_task_baselines(
        build, train, valid, test, tasks=model.tasks, epochs=epochs
    )
    better = {"accuracy": True, "mae": False}  # accuracy: higher is better; error: lower is better
    gains = mtl.evaluation.task_gains(together, alone, higher_is_better=better)
    print(f"{'task':8}{'metric':10}{'together':>10}{'alone':>10}{'gain':>10}")
    for task, gain in gains.items():
        metric = next(name for name in better if name in together[task])
        values = f"{together[task][metric]:10.4f}{alone[task][metric]:10.4f}"
        print(f"{task:8}{metric:10}{values}{gain:+9.2f} %")
    delta_m = mtl.evaluation.delta_m(together, alone, higher_is_better=better)
    print(f"Δm = {delta_m:+.2f} %")

    # %% [markdown]
    # ## Export
    #
    # A numbered folder in the form that TensorFlow Serving expects.

    # %%
    folder = mtl.export.saved_model(model, directory)
    print("exported to", folder)

    # %% [markdown]
    # ## One request
    #
    # Loading the export takes TensorFlow and nothing else. Inputs and outputs have the names you
    # gave them; `classes` answers with the names of the classes.

    # %%
    served = tf.saved_model.load(folder)
    answer = served.signatures["serving_default"](image=images[:1])
    names = served.signatures["classes"](image=images[:1])
    digit, odd = (names[task].numpy()[0].decode() for task in ("digit", "odd"))
    print(f"digit: {digit} (true: {labels['digit'][0].numpy()})")
    print(f"odd:   {odd}, probability of odd {answer['odd'].numpy()[0, 0]:.3f}")
    print(f"ink:   {answer['ink'].numpy()[0, 0]:.4f} (true: {labels['ink'][0].numpy():.4f})")
    return delta_m


if __name__ == "__main__":
    main()
