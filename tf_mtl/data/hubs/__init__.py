"""Data sets of TensorFlow Datasets and of the Hugging Face hub."""
