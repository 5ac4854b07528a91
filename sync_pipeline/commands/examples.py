"""What a person types, by verb: the examples below each --help. A test runs them all through the parser."""

from __future__ import annotations

from typing import Final

#: Each line a command without its `sync-pipeline`, and after two blanks what it is for.
EXAMPLES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "demo": (("demo", "the tour, about a minute"), ("demo --ui --seed 7", "other people, and stay up")),
    "sandbox": (
        ("sandbox", "where `sync-pipeline run` finds it"),
        ("sandbox --salesforce-port 9101 --graph-port 9102 --state box", "elsewhere, kept in ./box"),
    ),
    "run": (
        ("run", "all mailboxes"),
        ("run --mailbox anna@example.com --full", "one of them, everything compared"),
        ("run --json | jq .failed", "for a script"),
    ),
    "plan": (("plan", "all mailboxes"), ("plan --mailbox anna@example.com", "one of them")),
    "approve": (
        ("approve r1f0c3a9b77d2e41", "one operation, as `problems` names it"),
        ("approve --mailbox anna@example.com", "everything that waits there"),
    ),
    "drop": (("drop r1f0c3a9b77d2e41", "one operation"), ("drop --all", "everything that waits")),
    "resolve": (("resolve q8d21b0c55e7f310 --take outlook", "Outlook's value stays"),),
    "link": (("link anna@example.com AAkALgAAUToru 0035g000000000CAAQ", "the ids are in `explain`"),),
    "unlink": (("unlink anna@example.com AAkALgAAUToru", "both contacts stay"),),
    "explain": (
        ("explain mia.muster@example.com", "by e-mail"),
        ('explain "Mia Muster" --mailbox anna@example.com', "by name, in one mailbox"),
    ),
    "history": (
        ("history --since 12h", "what happened in the last 12 hours"),
        ("history mia.muster@example.com", "one contact, in all mailboxes"),
        ("history mia.muster@example.com --as-of 2026-01-31", "as it stood then"),
    ),
    "forget": (
        ("forget mia.muster@example.com", "shows what would be erased"),
        ("forget mia.muster@example.com --yes", "erases it"),
        ("forget 0035g000000000CAAQ", "by an id, where there is no e-mail"),
    ),
    "undo": (
        ('undo --contact "Mia Muster" --field job_title', "shows what would be taken back"),
        ('undo --contact "Mia Muster" --field job_title --yes', "does it"),
    ),
    "problems": (
        ("problems", "everything"),
        ("problems --json", "for a script"),
        ("problems --retry --mailbox anna@example.com", "the next run tries what was refused there"),
    ),
    "verify": (("verify", "exit code 0: both sides are equal"),),
    "doctor": (
        ("doctor", "before the first run, and whenever something is odd"),
        ("doctor --mailbox anna@example.com", "one mailbox"),
    ),
    "report": (
        ("report --output today.html", "the day so far, as one file"),
        ("report --day 2026-01-31", "a day that is over"),
    ),
    "remove": (
        ("remove anna@example.com", "shows what would be closed"),
        ("remove anna@example.com --yes", "does it; its contacts stay on both sides"),
    ),
}


def epilog(verb: str) -> str | None:
    """The examples as click shows them below the options, each on its line; None for a verb without."""
    if verb not in EXAMPLES:
        return None
    width = max(len(command) for command, _ in EXAMPLES[verb])
    lines = [f"  sync-pipeline {command:<{width}}  # {why}" for command, why in EXAMPLES[verb]]
    return "\b\nExamples:\n" + "\n".join(lines)
