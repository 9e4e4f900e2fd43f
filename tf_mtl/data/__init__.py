"""Sources → `tf.data` of `(x, {task: y})`.

Every loader returns `Splits`: it unpacks as `train, valid, test` and knows the model's inputs, the
preprocessing that becomes part of the model, and what each task's labels are.
"""

from .arrays import from_npz as from_npz
from .arrays import from_numpy as from_numpy
from .augment import Augment as Augment
from .augment import soft_labels as soft_labels
from .bundled_sets.registry import load as load
from .bundled_sets.registry import names as names
from .description import Description as Description
from .description import describe as describe
from .gallery import show as show
from .hubs.huggingface import from_huggingface as from_huggingface
from .hubs.tfds_source import from_tfds as from_tfds
from .inspection import check as check
from .media.audio_folder import from_audio_folder as from_audio_folder
from .media.image_folder import from_image_folder as from_image_folder
from .missing import FillMissing as FillMissing
from .mixtures.batches import OneTask as OneTask
from .mixtures.epochs import StartEpoch as StartEpoch
from .mixtures.inputs import MeanOfPresent as MeanOfPresent
from .mixtures.mix import mix as mix
from .mixtures.mixture import Mixture as Mixture
from .mixtures.strategies import Annealed as Annealed
from .mixtures.strategies import ExamplesCap as ExamplesCap
from .mixtures.strategies import Rates as Rates
from .mixtures.strategies import RoundRobin as RoundRobin
from .mixtures.strategies import Strategy as Strategy
from .mixtures.strategies import Temperature as Temperature
from .partition import split as split
from .splits import Splits as Splits
from .tables.bunch import from_bunch as from_bunch
from .tables.calendar import CalendarFeatures as CalendarFeatures
from .tables.columns import inputs_from_dataframe as inputs_from_dataframe
from .tables.csv_file import from_csv as from_csv
from .tables.csv_file import read_csv as read_csv
from .tables.encoding import Encoding as Encoding
from .tables.intervals import Intervals as Intervals
from .tables.parquet_file import from_parquet as from_parquet
from .tables.parquet_file import read_parquet as read_parquet
from .tables.table import from_dataframe as from_dataframe
from .targets import Target as Target
from .tfrecord import from_tfrecord as from_tfrecord
from .tfrecord import write_tfrecord as write_tfrecord
