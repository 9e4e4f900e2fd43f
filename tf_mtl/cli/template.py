"""The configuration that `tf-mtl new` writes."""

from __future__ import annotations

TEMPLATE = """\
# A training run of tf-mtl. Start it with: tf-mtl train {file}
# Every key may be left out; the values below are the defaults. Relative paths start in the
# folder where the command runs.

name: {name}  # of the run folder and the exported model

# Modules that register classes of your own, as trunk, heads and so on may then name them: those
# that are installed, or files.
imports: []
# imports: [my_project.heads, my_trunks.py]

data:
  source: digits            # a name of `tf-mtl list data`, FILE.csv, FILE.parquet, FILE.npz,
                            # several files ("parts/*.csv.gz"), a folder of TFRecord files, or
                            # tfds:NAME
  batch_size: 64            # rows in a step, over all devices

  # For a file: which columns (or arrays, or features) are to be predicted. Every other column
  # is an input. Kinds: classification, binary, multilabel, regression, box, segmentation (masks,
  # in NPZ), tagging (the classes of the words of a text, in Parquet), or auto.
  # targets:
  #   income: binary
  #   hours: regression
  #   never_married: {{column: marital-status, positive: Never-married}}  # against the rest
  #   rating: {{class_names: [poor, fair, good]}}  # in this order, as Ordinal needs it

  # fractions: [0.8, 0.1, 0.1]      # training, validation, test
  # stratify: income                # task whose class shares are kept in every part
  # in_order: true                  # not at random: the last rows are the test rows, as in time

  # For a table (CSV, Parquet); separator to missing_values for CSV only:
  # ignore: [id]                    # columns that are neither input nor target
  # groups: person                  # rows that agree in this column stay in one part
  # test_path: test.csv             # a file with the test rows
  # separator: ";"
  # decimal: ","                    # where 1,5 is one and a half
  # names: [age, income]            # column names of a file that has none
  # missing_values: ["?"]           # cells that stand for a missing value
  # encoding: {{categorical: [postal-code], dates: [born], intervals: 64, max_categories: 1000}}
  # encoding: {{texts: [review]}}   # columns that are read word by word
  # stream: true                    # read the files in pieces: for tables larger than memory

  # For NPZ and TFDS only:
  # inputs: [image]                 # arrays or features to use; all but the targets otherwise
  # For TFDS only:
  # splits: {{train: "train[:90%]", valid: "train[90%:]", test: test}}
  # data_dir: /path/to/tensorflow_datasets

# What the tasks share; `tf-mtl list trunks` names them. auto is a small CNN for an image, a
# TextEncoder for columns of text and an MLP otherwise. A name, or a type with its arguments:
trunk: auto
# trunk: {{type: MLP, units: [128, 64], dropout: 0.1}}

# Heads follow from the kinds of the targets. Other ones, or other arguments, by task:
heads: {{}}
# heads:
#   ink: {{type: Regression, loss: huber}}

# How the tasks' losses are summed: a number for any of the tasks (1 otherwise), a name from
# `tf-mtl list weightings`, or a type with its arguments.
loss_weights: null
# loss_weights: {{digit: 1.0, odd: 0.5}}

# How the tasks' gradients become one: a name from `tf-mtl list aggregators`, or a type with its
# arguments. null sums them, as Keras does.
aggregator: null

optimizer:
  type: adam                # one of keras.optimizers
  learning_rate: 0.003
  schedule: cosine          # down to 0 on a cosine; or constant
  options: {{}}               # further arguments, such as weight_decay: 0.0001

epochs: 40
seed: 0                     # split, first weights, order of rows
monitor: val_loss           # what makes an epoch the best, such as val_digit_accuracy
mode: auto                  # whether the monitor should be min or max; auto tells it from the name
patience: null              # stop after so many epochs without a better one
strategy: none              # mirrored: all GPUs of this machine at once
mixed_precision: null       # float16 or bfloat16, for GPUs
deterministic: false        # the same numbers on every run also on a GPU; slower

run_directory: runs         # the run goes to runs/NAME/1, or the next free number
saved_models: saved_models  # the SavedModel goes to saved_models/NAME/1; null for none
"""
