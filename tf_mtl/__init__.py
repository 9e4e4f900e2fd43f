"""Multi-task learning in Keras 3: one trunk, named heads, a plain `model.fit`.

The package in the order of its pipeline:

* `data`: sources → `tf.data` of `(x, {task: y})`
* `trunks`: inputs → features, shared by all tasks or one tensor for each
* `heads`: features → one named output, with its loss, metrics and label rule
* `losses`, `metrics`: what Keras lacks
* `weightings`: T losses → T losses; in `compile(loss_weights=...)`
* `aggregators`: T gradients → one; in `compile(aggregator=...)`
* `training`: `MultiTaskModel` and `build_model`
* `evaluation`: what learning the tasks together gains over training them singly
* `export`: a trained model → a SavedModel that serves every task by name
* `runs`, `cli`: a configuration → all of the above in one command, `tf-mtl`
"""

from .startup import is_command
from .version import __version__ as __version__

if not is_command():  # the command line loads what it needs when it needs it
    from . import aggregators as aggregators
    from . import data as data
    from . import evaluation as evaluation
    from . import export as export
    from . import heads as heads
    from . import losses as losses
    from . import metrics as metrics
    from . import trunks as trunks
    from . import weightings as weightings
    from .training import MultiTaskModel as MultiTaskModel
    from .training import build_model as build_model
