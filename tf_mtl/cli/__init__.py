"""The command line `tf-mtl`: parse, call, print."""
