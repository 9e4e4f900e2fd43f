"""Labels of any kind → arrays that a model learns from."""
