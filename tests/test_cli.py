"""Faults of the system as sentences."""

from __future__ import annotations

import errno

import duckdb
import pytest

from growth import cli
from growth.errors import UserError


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full"),
        (duckdb.IOException("IO Error: Could not write file: No space left on device"), "The disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "data/raw"), "data/raw: permission denied."),
        (UserError("It is so."), "It is so."),
    ],
)
def test_an_error_ends_in_one_sentence(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(args: object) -> None:
        raise error

    monkeypatch.setitem(cli._VERBS, "datasets", (fail, "", {}))
    monkeypatch.setattr("sys.argv", ["growth", "datasets"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    told = capsys.readouterr().err
    assert end.value.code == 1 and told.startswith(f"✗ {said}") and len(told.splitlines()) == 1


def test_stopping_is_not_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(cli._VERBS, "datasets", (stop, "", {}))
    monkeypatch.setattr("sys.argv", ["growth", "datasets"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 130 and "`dvc repro` continues" in capsys.readouterr().err
