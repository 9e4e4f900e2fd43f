"""Sources → `tf.data` of `(x, {task: y})`.

Every loader returns `Splits`: it unpacks as `train, valid, test` and knows the model's inputs, the
preprocessing that becomes part of the model, and what each task's labels are.
"""

from tf_mtl.data.partition import split as split
from tf_mtl.data.registry import load as load
from tf_mtl.data.registry import names as names
from tf_mtl.data.splits import Splits as Splits
from tf_mtl.data.targets import Target as Target
