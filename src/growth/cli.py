"""The command ``growth``: one verb a pipeline stage, and a few for people."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

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


_VERBS: dict[str, tuple[Callable[[argparse.Namespace], None], str, bool]] = {
    "sources": (_sources, "stage: write each stage's code as it matters to its result", False),
    "raw": (_raw, "stage: bring the raw files of the dataset", False),
    "ingest": (_ingest, "stage: check raw files against the contract", False),
    "marts": (_marts, "stage: reduce tables to a topic's marts", True),
    "run": (_run, "stage: run a topic's notebook", True),
    "site": (_site, "stage: render the pages and the front page", False),
    "params": (_params, "list every parameter, its value and what is allowed", False),
    "datasets": (_datasets, "list the datasets that can be asked for", False),
    "verify": (_verify, "run everything again elsewhere and compare byte by byte", False),
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="growth", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, (_, text, topic) in _VERBS.items():
        verb = verbs.add_parser(name, help=text)
        if topic:
            verb.add_argument("topic", help="such as 06_retention")
    verb = verbs.add_parser("map", help="draft a mapping of your own files, or check what comes of it")
    verb.add_argument("what", choices=["draft", "check"])
    verb.add_argument("folder", help="folder with your CSV or Parquet files")
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
        (_map if args.verb == "map" else _VERBS[args.verb][0])(args)
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
