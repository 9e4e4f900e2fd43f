"""README and guides keep their word: the commands are the agreed ones, Python runs as it stands."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
GUIDES = sorted(path for path in (ROOT / "docs").glob("*.md") if path.name != "architecture.md")

COMMANDS = {
    "Quick start": [
        "python3 -m venv .venv",
        ".venv/bin/python -m pip install .",
        ".venv/bin/tf-mtl train digits",
    ],
    "Tests": [
        "python3 -m venv .venv-tests",
        ".venv-tests/bin/python -m pip install -e '.[test]'",
        ".venv-tests/bin/python -m pytest -n 2 --dist worksteal",
    ],
}


def blocks(text, language=r"\w*"):
    """Returns `(line number, code)` of each fenced block."""
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, match.start(1)), match.group(1)) for match in found]


@pytest.mark.parametrize("heading", COMMANDS)
def test_first_block_under_a_heading(heading):
    section = README.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    assert blocks(section)[0][1].splitlines() == COMMANDS[heading]


@pytest.mark.parametrize("page", [README, *GUIDES], ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    links = re.findall(r"\]\(([^)#]+)\)", text)
    local = [link for link in links if not link.startswith("https://")]
    assert local
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_pages_list_every_benchmark():
    files = ROOT.glob("benchmarks/*.py")
    programs = {path.name: path.read_text(encoding="utf-8") for path in files}
    del programs["networks.py"], programs["step_time_torchjd.py"]  # parts of others
    assert [name for name, code in programs.items() if "ArgumentParser(" not in code] == []
    for page in ("CONTRIBUTING.md", "benchmarks/README.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert [name for name in programs if f"`{name}" not in text] == []


def run(page):
    """Runs the Python blocks of a page, one after the other, and returns their number."""
    namespace = {"__name__": page.stem}
    programs = blocks(page.read_text(encoding="utf-8"), "python")
    for line, code in programs:
        # Empty lines before the code make a traceback show the line of the page.
        exec(compile("\n" * line + code, str(page), "exec"), namespace)
    return len(programs)


@pytest.mark.slow
@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_guides_run(guide, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(guide) >= 2


@pytest.mark.slow
def test_python_blocks_run_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(README) >= 8
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "digits.keras",
        "people.csv",
        "saved_models",
    ]
