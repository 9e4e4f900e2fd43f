"""Export: a trained model → what serves it.

* `saved_model`: a TensorFlow SavedModel, ready for TF Serving.
"""

from .saved_model import saved_model as saved_model
