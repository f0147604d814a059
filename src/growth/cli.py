"""The command ``growth``: one verb a pipeline stage, and a few for people."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import Any

from growth.errors import UserError


def _raw(args: argparse.Namespace) -> None:
    from growth.sources.stage import run

    run(_dataset())


def _ingest(args: argparse.Namespace) -> None:
    from growth.ingest.run import run
    from growth.words import count

    total = run(_dataset())["total"]
    print(
        f"{count(total['rows_in'])} rows in = {count(total['kept'])} kept + {count(total['refused'])} refused"
    )


def _marts(args: argparse.Namespace) -> None:
    from growth.marts import run

    for mart, why in run(args.topic, _dataset()).items():
        print(f"{args.topic}: {mart} is left out, because {why}.")


def _run(args: argparse.Namespace) -> None:
    from growth.report.run import run

    run(args.topic)


def _site(args: argparse.Namespace) -> None:
    from growth.report.site import run

    print(f"The site is {run(_dataset())}")


def _sources(args: argparse.Namespace) -> None:
    from growth.report.sources import run

    run()


def _params(args: argparse.Namespace) -> None:
    from growth.params import load

    for name, section in load().items():
        print(f"{name}:")
        for key, field in type(section).model_fields.items():
            print(f"  {key} = {getattr(section, key)!r}  ({field.description})")


def _datasets(args: argparse.Namespace) -> None:
    from growth.sources import names
    from growth.sources.public import PUBLISHED
    from growth.sources.simulated import INFO

    for name in names():
        info = INFO if name == INFO.name else PUBLISHED[name].info
        print(f"{name:18} {info.title} ({info.licence}; {info.origin})")


def _map(args: argparse.Namespace) -> None:
    from pathlib import Path

    if args.what == "draft":
        from growth.sources.draft import draft

        print(f"Wrote {draft(Path(args.folder))}: go through it, then `growth map check {args.folder}`.")
    else:
        from growth.sources.light import check

        print("\n".join(check(Path(args.folder))))


def _verify(args: argparse.Namespace) -> None:
    from growth.report.verify import run

    if not run():
        raise SystemExit(1)


def _dataset() -> str:
    from growth.params import section

    name: str = section("data").dataset
    return name


_TOPIC: dict[str, dict[str, Any]] = {"topic": dict(help="such as 06_retention")}
_FOLDER: dict[str, dict[str, Any]] = {
    "what": dict(choices=["draft", "check"]),
    "folder": dict(help="folder with your CSV or Parquet files"),
}

# Verb -> what it runs, what it is for, and its arguments.
_VERBS: dict[str, tuple[Callable[[argparse.Namespace], None], str, dict[str, dict[str, Any]]]] = {
    "sources": (_sources, "stage: write each stage's code as it matters to its result", {}),
    "raw": (_raw, "stage: bring the raw files of the dataset", {}),
    "ingest": (_ingest, "stage: check raw files against the contract", {}),
    "marts": (_marts, "stage: reduce tables to a topic's marts", _TOPIC),
    "run": (_run, "stage: run a topic's notebook", _TOPIC),
    "site": (_site, "stage: render the pages and the front page", {}),
    "map": (_map, "draft a mapping of your own files, or check what comes of it", _FOLDER),
    "params": (_params, "list every parameter, its value and what is allowed", {}),
    "datasets": (_datasets, "list the datasets that can be asked for", {}),
    "verify": (_verify, "run everything again elsewhere and compare byte by byte", {}),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="growth", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, (_, text, arguments) in _VERBS.items():
        verb = verbs.add_parser(name, help=text)
        for argument, details in arguments.items():
            verb.add_argument(argument, **details)
    return parser


FULL = "No space left"


def of_the_system(error: Exception) -> str:
    """Return a fault of disk or permission as a sentence."""
    if FULL in str(error):
        return (
            "The disk is full: make room, then run again. Nothing half-written counts; `dvc repro` continues."
        )
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror.lower()}."
    return str(error)


def main() -> None:
    """Run a verb; a user's mistake ends in one clear sentence and exit code 1."""
    args = _parser().parse_args()
    try:
        if args.verb not in ("verify", "datasets", "map"):
            from growth.params import load

            load()  # a wrong parameter stops the run before anything starts
        _VERBS[args.verb][0](args)
    except UserError as e:
        print(f"✗ {e}", file=sys.stderr)
        raise SystemExit(1) from None
    except Exception as e:
        if not isinstance(e, OSError) and FULL not in str(e):
            raise
        print(f"✗ {of_the_system(e)}", file=sys.stderr)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        print("✗ Stopped by you. Nothing half-written counts; `dvc repro` continues.", file=sys.stderr)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
