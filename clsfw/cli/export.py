"""`clsfw export`: carry a complete run to another library, with proof that it still predicts the same."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from clsfw.cli.reading import add_allow_code
from clsfw.errors import NotReproducedError

HELP = "export a complete run to another library, and prove on its own test rows that it predicts the same"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the verb takes."""
    parser.add_argument("run", metavar="RUN", help="the directory of a complete run")
    parser.add_argument("directory", metavar="DIR", help="where the artifact goes; one that is refused: DIR-unproven")
    parser.add_argument("--to", metavar="EXPORTER", required=True, help="onnx, openvino, or an exporter of a plugin")
    parser.add_argument("--precision", metavar="P", help="such as fp32 or int8 (default: the exporter's own)")
    parser.add_argument(
        "--max-loss",
        metavar="SHARE",
        type=_share,
        default=0.005,
        help="the most accuracy that a precision other than fp32 may lose, by the lower 95 %% limit (default: 0.005)",
    )
    add_allow_code(parser)
    parser.add_argument("--json", action="store_true", help="print parity.json on standard output")


def main(args: argparse.Namespace) -> int:
    """Export; 0 if the artifact is accepted, else 9."""
    from clsfw.cli.streams import outcome, stdout_to_stderr
    from clsfw.report.live import open_display
    from clsfw.report.terminal import bad, bold, good
    from clsfw.shipping.export import Request, export
    from clsfw.shipping.words import advice, told

    request = Request(
        Path(args.run).expanduser(),
        Path(args.directory).expanduser(),
        args.to,
        args.precision,
        args.max_loss,
        args.allow_code,
    )
    with open_display(sys.stderr) as display, stdout_to_stderr():
        exported = export(request, display)
    if args.json:
        sys.stdout.write(json.dumps(exported.parity, indent=2) + "\n")
    else:
        with outcome() as screen:
            mark = good if exported.accepted else bad
            screen.line(bold(str(exported.path)), "  ", mark(exported.parity["verdict"]))
            for line in (*told(exported.parity), *exported.parity["reasons"]):
                screen.line(line, indent=2)
            if exported.accepted:
                screen.line(advice(exported.parity))
    return 0 if exported.accepted else NotReproducedError.exit_code


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share from 0 to 1")
    return value
