"""Runs: a configuration → a trained, evaluated and exported model in a folder of its own.

* `RunConfig`, `read_config`: what a run is, as in the YAML file
* `train`, `resume`: a run from its configuration, or from its last checkpoint
* `open_run`, `load_model`: what a run left behind
* `evaluate`, `predict`: its best model on its test split, or on other data
* `catalog`: what there is to choose from
"""

from . import catalog as catalog
from .assemble import assemble as assemble
from .config import DataConfig as DataConfig
from .config import OptimizerConfig as OptimizerConfig
from .config import RunConfig as RunConfig
from .config_file import check_config as check_config
from .config_file import read_config as read_config
from .config_file import read_yaml as read_yaml
from .errors import InputError as InputError
from .folder import RunFolder as RunFolder
from .folder import open_run as open_run
from .predict import check_output as check_output
from .predict import check_results_file as check_results_file
from .predict import evaluate as evaluate
from .predict import predict as predict
from .predict import write_results as write_results
from .source import load_data as load_data
from .train import Finished as Finished
from .train import Interrupted as Interrupted
from .train import load_model as load_model
from .train import resume as resume
from .train import train as train
