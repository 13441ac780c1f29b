"""What the documents promise: links lead somewhere, marked commands are there, the first example runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_to_files(document: Path) -> None:
    targets = LINK.findall(document.read_text(encoding="utf-8"))
    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("mark", ["tests", "main job"])
def test_readme_marks_the_commands_that_the_gate_runs(mark: str) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert re.search(rf"^<!-- ci: {mark} -->\n```sh\n.+\n```$", text, re.MULTILINE)


def test_the_example_of_the_readme_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("srcgrad.api")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    example, printed = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    script = tmp_path / "readme.py"  # a file, so that the tracer finds its source
    script.write_text(example, encoding="utf-8")
    exec(compile(example, str(script), "exec"), {"__name__": "readme"})
    assert capsys.readouterr().out.strip() == printed.strip()
