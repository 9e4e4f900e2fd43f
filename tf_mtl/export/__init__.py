"""Export: a trained model → what serves it.

* `saved_model`: a TensorFlow SavedModel, ready for TF Serving;
* `generator`: a model that writes sequences, of one that was trained to.
"""

from .generator import generator as generator
from .saved_model import saved_model as saved_model
