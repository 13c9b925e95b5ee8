"""`clsfw serve`: answer over HTTP with the model of a run or of an artifact."""

from __future__ import annotations

import argparse
import sys

from clsfw.cli.reading import add_allow_code
from clsfw.errors import HostError

HELP = "answer over HTTP with the model of a complete run or of an artifact"

_LAST_PORT = 65_535


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument("run", metavar="RUN", help="the directory of a complete run, or of an artifact")
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="the address to listen at (default: 127.0.0.1, this machine alone); another one needs a bearer token in "
        "the environment variable CLSFW_SERVE_TOKEN",
    )
    parser.add_argument("--port", type=_port, default=8000, help="the port (default: 8000); 0: any that is free")
    add_allow_code(parser)


def main(args: argparse.Namespace) -> int:
    """Serve until a signal asks to end."""
    try:
        from clsfw.serving.server import listen, read_token, serve
    except ImportError as exc:
        if (exc.name or "").partition(".")[0] == "clsfw":
            raise
        raise HostError(f'serve needs {exc.name}, which is not installed: pip install "clsfw[serve]"') from exc
    from clsfw.cli.streams import stdout_to_stderr
    from clsfw.inference.classifier import load_classifier
    from clsfw.kit.text import clean
    from clsfw.report.terminal import Screen, bold, typed

    token = read_token()
    with listen(args.host, args.port, token) as sock, stdout_to_stderr():
        classifier = load_classifier(args.run, allow_code=args.allow_code)

        def ready(address: str) -> None:
            screen = Screen(sys.stderr)
            screen.line("serving ", bold(clean(args.run)), " at ", typed(address), "; Ctrl-C ends it")
            sys.stderr.flush()

        serve(classifier, sock, token, ready)
    return 0


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text} is not a port from 0 to {_LAST_PORT}")
    return int(text)
