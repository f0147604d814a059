"""Folders and files that are there whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path


def fresh(folder: Path) -> Path:
    """Return the folder, emptied."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def remove(*folders: Path) -> None:
    """Remove folders, and those above them that are empty then: the traces of a run that could not begin."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
        if folder.parent.is_dir() and not any(folder.parent.iterdir()):
            folder.parent.rmdir()


def replace(new: Path, target: Path) -> None:
    """Put a finished folder in the place of another."""
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    new.rename(target)


def write_whole(file: Path, text: str) -> None:
    """Write a text file so that it is there whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(file.name + ".new")
    new.write_text(text, encoding="utf-8")
    new.replace(file)
