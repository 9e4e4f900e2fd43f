"""`python -m tf_mtl` is the command `tf-mtl`."""

from .cli.main import run

if __name__ == "__main__":
    run()
