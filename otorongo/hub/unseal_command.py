"""`otorongo-hub unseal` and `keygen`: what a person types. What opens is loaded only for these."""

import argparse
from pathlib import Path

from otorongo.hub.rules import Rules
from otorongo.hub.store import Store
from otorongo.language import say


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `unseal` and `keygen`."""
    opening = subparsers.add_parser(
        "unseal", help=say("open a sealed original with its key; who did, and why, is logged")
    )
    opening.add_argument(
        "piece",
        metavar=say("PIECE"),
        help=say("STATION/OUTBOX/SEQ as the alert's page names it, or an .age file from a card"),
    )
    opening.add_argument(
        "--identity", type=Path, required=True, metavar=say("FILE"), help=say("with AGE-SECRET-KEY-1...")
    )
    opening.add_argument(
        "--reason", metavar=say("REASON"), required=True, help=say("why, in a sentence: auditors read it")
    )
    opening.add_argument(
        "--out", type=Path, required=True, metavar=say("FILE"), help=say("where to, a file that is not there")
    )
    making = subparsers.add_parser("keygen", help=say("make the key pair of a custodian"))
    making.add_argument(
        "file", metavar=say("FILE"), type=Path, help=say("where the private key goes, a file that is not there yet")
    )


def keygen(args: argparse.Namespace) -> list[str]:
    """Carry out `keygen`; the lines to print. Raises UnsealError."""
    from otorongo.hub import unseal

    return unseal.keygen(args.file)


def run(args: argparse.Namespace, store: Store, *, rules: Rules, media: Path, now_ms: int) -> list[str]:
    """Carry out `unseal` on the hub's folder of evidence; the lines to print. Raises UnsealError."""
    from otorongo.hub import unseal

    more = {"identity": args.identity, "reason": args.reason, "out": args.out}
    return unseal.unseal(store, rules, media, args.piece, **more, now_ms=now_ms)
