"""Sources → `tf.data` of `(x, {task: y})`.

Every loader returns `Splits`: it unpacks as `train, valid, test` and knows the model's inputs, the
preprocessing that becomes part of the model, and what each task's labels are.
"""

from .arrays import from_npz as from_npz
from .arrays import from_numpy as from_numpy
from .audio_folder import from_audio_folder as from_audio_folder
from .augment import Augment as Augment
from .augment import soft_labels as soft_labels
from .bunch import from_bunch as from_bunch
from .calendar import CalendarFeatures as CalendarFeatures
from .columns import inputs_from_dataframe as inputs_from_dataframe
from .csv_file import from_csv as from_csv
from .csv_file import read_csv as read_csv
from .description import Description as Description
from .description import describe as describe
from .encoding import Encoding as Encoding
from .gallery import show as show
from .huggingface import from_huggingface as from_huggingface
from .image_folder import from_image_folder as from_image_folder
from .inspection import check as check
from .intervals import Intervals as Intervals
from .missing import FillMissing as FillMissing
from .mix import mix as mix
from .mix_batches import OneTask as OneTask
from .mix_epochs import StartEpoch as StartEpoch
from .mix_inputs import MeanOfPresent as MeanOfPresent
from .mix_strategies import Annealed as Annealed
from .mix_strategies import ExamplesCap as ExamplesCap
from .mix_strategies import Rates as Rates
from .mix_strategies import RoundRobin as RoundRobin
from .mix_strategies import Temperature as Temperature
from .mixture import Mixture as Mixture
from .parquet_file import from_parquet as from_parquet
from .parquet_file import read_parquet as read_parquet
from .partition import split as split
from .registry import load as load
from .registry import names as names
from .splits import Splits as Splits
from .table import from_dataframe as from_dataframe
from .targets import Target as Target
from .tfds_source import from_tfds as from_tfds
from .tfrecord import from_tfrecord as from_tfrecord
from .tfrecord import write_tfrecord as write_tfrecord
