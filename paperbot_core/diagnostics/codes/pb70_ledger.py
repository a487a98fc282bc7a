"""PB70: the journal."""

from paperbot_core.diagnostics.codes.code import Code

CODES: list[Code] = [
    Code(
        "PB7001",
        "no journal",
        "The state directory holds no journal.",
        "The first session of an account makes it; commands that read it find nothing before.",
        "`paperbot ledger verify --state-dir empty-directory`",
        "Start a session with `paperbot run`, or name the right directory with `--state-dir`.",
    ),
    Code(
        "PB7002",
        "not a sound journal",
        "The file is not a journal of Paperbot, or SQLite cannot read it any more.",
        "A journal is the only record of what was decided; a damaged one is never repaired"
        " silently.",
        "`journal.sqlite` was cut short by a copy, or is a file of another program.",
        "Keep the file, restore a copy that `paperbot ledger verify` accepts, or start afresh with"
        " `paperbot paper reset`.",
    ),
    Code(
        "PB7003",
        "the journal is not what was written",
        "The chain of hashes over the events, or a projection, does not come out.",
        "Events are only ever appended; a row that was changed, removed, added or moved shows in"
        " the chain.",
        "Somebody edited the quantity of a fill with an SQLite client.",
        "If only tables other than `events` and `bars` are named, run `paperbot ledger rebuild`;"
        " else restore a copy.",
    ),
    Code(
        "PB7004",
        "another schema version",
        "The journal was written by a newer Paperbot, or by an older one and only read so far.",
        "Reading tables with another meaning would give wrong answers.",
        "A journal of version 2 under a Paperbot that knows version 1.",
        "Upgrade Paperbot; an older journal is brought up to date by the next session.",
    ),
    Code(
        "PB7005",
        "the journal could not be written",
        "The disk is full, or it reported an error.",
        "A commit is whole or not at all, so nothing was stored half and nothing was sent.",
        "The file system of `state_dir` has no free space.",
        "Free space, then start the session again; it resumes where it stopped.",
    ),
    Code(
        "PB7006",
        "the journal cannot be opened",
        "This user may not read or write the file or its directory.",
        "The journal, its lock and SQLite's own files live in `state_dir`.",
        "`state_dir` is on a file system that is mounted read-only.",
        "Make the directory writable for this user, or choose another `state_dir`.",
    ),
    Code(
        "PB7007",
        "the journal stayed locked",
        "Another program held the database for longer than five seconds.",
        "SQLite lets one connection write at a time; ours hold it for well under a millisecond.",
        "An SQLite client has an open transaction on `journal.sqlite`.",
        "Close that program, then try again.",
    ),
    Code(
        "PB7008",
        "the journal is in use",
        "Another process is writing this journal; its pid is in the message.",
        "Two writers on one account would each decide without the other's orders.",
        "`paperbot run` in two terminals with one `state_dir`.",
        "Stop the other session, or give this one its own `state_dir`.",
    ),
    Code(
        "PB7009",
        "decided twice",
        "An order, fill or bar is in the journal already.",
        "Ids come from account, slot, bar and leg, so the same decision made again is recognised.",
        "A feed that delivers a bar a second time after a restart.",
        "Start the session again; if it comes back, run `paperbot ledger verify` and report it.",
    ),
    Code(
        "PB7010",
        "the checkpoint is damaged",
        "The stored state of the kernel does not have the hash it was written with.",
        "A session that went on from it would decide differently from an undisturbed one.",
        "Somebody edited the table `checkpoint`.",
        "Restore a copy of the journal.",
    ),
    Code(
        "PB7011",
        "an event cannot be read",
        "An event is of an unknown kind, or its text is not what this version writes.",
        "Every event is parsed strictly, so that nothing is understood half.",
        "The body of an event was edited by hand.",
        "Run `paperbot ledger verify`, then restore a copy of the journal.",
    ),
    Code(
        "PB7012",
        "the export could not be written",
        "A file of the export cannot be made in the directory given by `--out`.",
        "Files are written beside their final name and moved into place, never half.",
        "`--out` names a file, or a directory without write permission.",
        "Choose another directory, or free disk space.",
    ),
    Code(
        "PB7013",
        "another account's journal",
        "The journal was made for an account with another name.",
        "Positions and limits belong to one account and must not be continued by another.",
        "The exchange in `paperbot.yaml` was changed and `state_dir` was not.",
        "Choose another `state_dir`, or start afresh with `paperbot paper reset`.",
    ),
    Code(
        "PB7014",
        "an event does not fit",
        "An event contradicts the ones before it, for example a fill that closes more than is"
        " open. Nothing was stored.",
        "The journal checks every fill against the position in exact arithmetic.",
        "An exchange plugin reports a fill of an order twice under two ids.",
        "Look at the exchange plugin named in the log; with a bundled one, please report it.",
    ),
    Code(
        "PB7015",
        "the reason is too long",
        "A reason given on the command line has more than 500 characters.",
        "Reasons are shown in tables and notices.",
        '`paperbot halt --reason "$(cat diary.txt)"`',
        "Say it in one sentence.",
    ),
]
