"""PB10xx: files and YAML, before anything in them has a meaning; the command line itself."""

from __future__ import annotations

from paperbot_core.diagnostics.codes.code import Code

CODES: list[Code] = [
    Code(
        "PB1001",
        "a file or directory is not there or cannot be read",
        "A project has `policy.yaml`, `universe.yaml` and `strategies.d/`; one of them is missing, "
        "is not a plain file, or may not be read.",
        "Without the policy nothing may trade, and without the others there is nothing to trade.",
        "paperbot --project empty-directory backtest -s sma_cross --data candles",
        "Give the right directory with `--project`, or make a new project with `paperbot init "
        "DIR`.",
    ),
    Code(
        "PB1002",
        "a YAML file is larger than 1 MB",
        "Configuration files are read up to 1,000,000 bytes.",
        "A file of that size is almost surely not configuration, and reading it could take "
        "minutes.",
        "a CSV file saved as `universe.yaml`",
        "Check that it is the right file; split long lists of symbols into what you trade.",
    ),
    Code(
        "PB1003",
        "a YAML file is not UTF-8",
        "The file has bytes that are not UTF-8 text.",
        "Guessing another encoding could turn one symbol or number into another.",
        "a file saved as UTF-16 or Latin-1 by an editor",
        "Save the file as UTF-8.",
    ),
    Code(
        "PB1004",
        "a control character in a YAML file",
        "The file has a character, such as NUL, that YAML does not allow.",
        "It is invisible in editors and means that the file was damaged or made by a broken tool.",
        "name: sma\\x00cross",
        "Remove the character, or write the line again.",
    ),
    Code(
        "PB1005",
        "the file is not readable as YAML",
        "Quotes, brackets or indentation do not fit together at this place.",
        "A file that can be read in two ways must not decide about money.",
        'description: "a quote that is never closed',
        "Compare the line and the one above with a working file: two spaces a level, a space after "
        "each `:`, quotes closed, text with `: ` in it quoted.",
    ),
    Code(
        "PB1006",
        "a tab in the indentation",
        "YAML indents with spaces only.",
        "A tab has no fixed width, so the structure would depend on the editor.",
        "risk:\n\tmax_gross_pct: 50",
        "Replace tabs by spaces.",
    ),
    Code(
        "PB1007",
        "an anchor or alias",
        "`&name` and `*name` let YAML repeat a part of a file elsewhere.",
        "What a limit is must be readable at its place, and aliases can blow up a small file.",
        "risk: &limits {max_gross_pct: 50}",
        "Write the values out. A text that begins with `&` or `*` needs quotes.",
    ),
    Code(
        "PB1008",
        "a YAML tag",
        "`!name` asks YAML for a type of value of its own.",
        "Types come from the file's schema, never from the file.",
        "cash: !!float 10000",
        "Remove the tag. A text that begins with `!` needs quotes.",
    ),
    Code(
        "PB1009",
        "an expression is cut short by YAML's braces",
        "Between `{` and `}` YAML takes `,`, `[`, `]` and `}` for itself, so that an expression "
        "with "
        "one of them ends too early.",
        "The rest of the expression would be lost or read as another key.",
        "long: {when: close < lower[1]}",
        "Write the expression as a block, `when: close < lower[1]` on a line of its own, or quote "
        'it: {when: "close < lower[1]"}.',
    ),
    Code(
        "PB1010",
        "nested too deep",
        "Blocks and brackets may be nested 32 deep; no file needs more than 8.",
        "Deep nesting is a typing error or an attack.",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[ ... ]",
        "Close the brackets.",
    ),
    Code(
        "PB1011",
        "a second document in one file",
        "`---` begins a new YAML document; a file here holds exactly one.",
        "Only the first would count, silently.",
        "name: one\n---\nname: two",
        "Put each strategy in a file of its own.",
    ),
    Code(
        "PB1012",
        "an empty file",
        "The file has no content but comments.",
        "An empty policy would be no limit at all.",
        "a strategy file in which every line is a comment",
        "Fill the file, or remove it.",
    ),
    Code(
        "PB1013",
        "a key is given twice",
        "The same key stands twice in one block.",
        "YAML tools keep one of the two and do not say which.",
        "max_gross_pct: 50\nmax_gross_pct: 500",
        "Remove one of them.",
    ),
    Code(
        "PB1014",
        "no paperbot.yaml",
        "The project has no `paperbot.yaml`, so its defaults hold: DRY_RUN, read-only, every "
        "strategy, the sandbox, 10,000 USDT.",
        "It is a warning: backtests need no more, but a session should be set up on purpose.",
        "paperbot check in a directory that has policy.yaml, universe.yaml and strategies.d only",
        "Copy `paperbot.yaml` from a project made by `paperbot init DIR`.",
    ),
    Code(
        "PB1015",
        "files are in the way",
        "`paperbot init` found a file that it would have to overwrite.",
        "It never overwrites: the file may be somebody's strategy.",
        "paperbot init . in a directory that has a policy.yaml",
        "Choose an empty directory, or move the file away.",
    ),
    Code(
        "PB1016",
        "a file cannot be written",
        "The directory is not writable, or a file has the name of a directory that is needed.",
        "Nothing was left half done that could be taken for a project.",
        "paperbot init /proc/project",
        "Choose another directory, or change its permissions.",
    ),
    Code(
        "PB1020",
        "a bad value on the command line",
        "The value of an option or argument is not of the kind that it must be.",
        "Nothing was started.",
        "paperbot schema stratgy",
        "See the command's `--help`.",
    ),
    Code(
        "PB1022",
        "a plugin's command cannot be used",
        "An installed package announces a command that fails to import or is no click command.",
        "Only that command is affected; `paperbot plugins` shows where it comes from.",
        "an entry point in group `paperbot.commands` that names a missing module",
        "Repair or uninstall the package that announces it.",
    ),
    Code(
        "PB1023",
        "no room for the answer",
        "The disk behind standard output, or another one, is full or failing.",
        "What a command stores is whole or not there at all; only its printed answer was cut.",
        "paperbot trades --json > /dev/full",
        "Make room and run the command again.",
    ),
    Code(
        "PB1021",
        "no such diagnostic",
        "`paperbot explain` knows every code that a message can have, and this is none.",
        "It is most likely a typing error.",
        "paperbot explain PB1O01",
        "Copy the code from the message; `paperbot explain` lists all codes.",
    ),
]
