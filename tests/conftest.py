"""Options and fixtures that tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from srcgrad.core.settings import override

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write what tests make to tests/golden, to be reviewed"
    )


@pytest.fixture(scope="session", autouse=True)
def _products_by_our_own_kernels() -> Iterator[None]:
    """Whether a product calls BLAS is not left to a stopwatch on a busy machine."""
    with override(blas_size=0):
        yield


@pytest.fixture(scope="session", autouse=True)
def _every_pass_verified() -> Iterator[None]:
    """Here, and in processes that tests start."""
    with override(verify=True), pytest.MonkeyPatch.context() as patch:
        patch.setenv("SRCGRAD_VERIFY", "1")
        yield


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """``golden(name, text)``: the text is that of ``tests/golden/name``; with ``--update-golden`` it becomes so."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path} is missing: pytest --update-golden makes it"
        assert text == path.read_text(encoding="utf-8"), f"pytest --update-golden accepts this as {path}"

    return check
