"""Makes the Colab notebooks from the examples: `python tools/make_notebooks.py`.

An example is a script with cells (`# %%`, `# %% [markdown]`), most of them inside a function
`main(...)`, so that it can be imported and tested. In the notebook that function is unfolded: its
arguments become a cell of parameters, its body plain cells that run one after another.
"""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import jupytext
import nbformat

# PLACEHOLDER until the repository is public: the only place that knows its address.
REPOSITORY = "https://github.com/tf-mtl/tf_mtl"

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"

INTRODUCTION = """\
[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})

Colab runs this page on a computer of Google's, with your Google account and without cost. Click a
cell and press Shift+Enter, or *Runtime → Run all*. A GPU is not needed. The first cell installs the
package there, which takes a few minutes; if Colab then asks you to restart the session, do so and
go on with the next cell. Files written here vanish with the session: download what you want to
keep from the folder symbol on the left. Anywhere else, run it in Jupyter the same way.
"""

INSTALL = f'%pip install --quiet "git+{REPOSITORY}"'


def notebook(example: Path) -> nbformat.NotebookNode:
    """Returns the notebook of an example, without outputs."""
    made = jupytext.reads(unfold(example.read_text(encoding="utf-8")), fmt="py:percent")
    title, *cells = made.cells
    slug = REPOSITORY.removeprefix("https://github.com/")
    colab = (
        f"https://colab.research.google.com/github/{slug}/blob/main/examples/{example.stem}.ipynb"
    )
    cells = [
        title,
        nbformat.v4.new_markdown_cell(INTRODUCTION.format(colab=colab).strip()),
        nbformat.v4.new_code_cell(INSTALL, metadata={"tags": ["install"]}),
        *cells,
    ]
    for i, cell in enumerate(cells):
        cell["id"] = f"cell-{i}"  # nbformat draws them at random
        cell.metadata.pop("lines_to_next_cell", None)  # of use to jupytext only
    made.cells = cells
    made.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    made.nbformat, made.nbformat_minor = 4, 5
    nbformat.validate(made)
    return made


def unfold(script: str) -> str:
    """Returns the script with the body of `main` in its place.

    >>> example = '''
    ... # %%
    ... import math
    ...
    ... def main(number: int = 4) -> float:
    ...     "Returns the root."
    ...     # %%
    ...     root = math.sqrt(number)
    ...     print(root)
    ...     return root
    ...
    ... if __name__ == "__main__":
    ...     main()
    ... '''
    >>> print(unfold(example))
    # %%
    import math
    # %% tags=["parameters"]
    number = 4
    # %%
    root = math.sqrt(number)
    print(root)
    """
    lines = script.splitlines()
    tree = ast.parse(script)
    main = next(
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main"
    )
    names = [argument.arg for argument in main.args.args]
    values = [ast.unparse(value) for value in main.args.defaults]
    parameters = [f"{name} = {value}" for name, value in zip(names, values, strict=True)]

    first = tree.body[0]
    start = first.end_lineno if ast.get_docstring(tree) is not None else 0
    last = main.body[-1]
    end = last.lineno - 1 if isinstance(last, ast.Return) else last.end_lineno
    body = textwrap.dedent("\n".join(lines[main.body[0].end_lineno : end]))
    parts = [
        "\n".join(lines[start : main.lineno - 1]).strip(),
        '# %% tags=["parameters"]',
        *parameters,
        body.strip(),
    ]
    return "\n".join(parts)


def text(made: nbformat.NotebookNode) -> str:
    """Returns a notebook as the text of its file."""
    return nbformat.writes(made) + "\n"


def main() -> None:
    for example in sorted(EXAMPLES.glob("*.py")):
        target = example.with_suffix(".ipynb")
        target.write_text(text(notebook(example)), encoding="utf-8")
        print(f"wrote {target.relative_to(EXAMPLES.parent)}")


if __name__ == "__main__":
    main()
