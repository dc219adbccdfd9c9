//! The sections that all manual pages share: exit status, environment variables and files.

/// The exit codes of all commands.
pub(super) const EXIT_STATUS: &[(&str, &str)] = &[
    ("0", "Done. A closed pipe at the output counts as done."),
    (
        "1",
        "Failed, or done in part: the messages on stderr say why. A check that finds a fault ends with this code too.",
    ),
    (
        "2",
        "Wrong usage: an unknown option, or a value out of range.",
    ),
];

/// The environment variables that the program reads.
pub(super) const ENVIRONMENT: &[(&str, &str)] = &[
    (
        "ATOM_CACHE",
        "The folder of installed packs. Default: atom in XDG_CACHE_HOME.",
    ),
    ("XDG_CACHE_HOME", "The folder of caches. Default: ~/.cache."),
    (
        "XDG_DATA_HOME",
        "The folder of data, where atom/atom.db is the default index. Default: ~/.local/share.",
    ),
    ("HOME", "The home folder, which the defaults above are in."),
    (
        "TZ",
        "The time zone of local times, for example Europe/Berlin: those in names of recordings and those on the command line. Default: the time zone of the system.",
    ),
    (
        "ATOM_LOG",
        "A filter of log lines in place of -v, for example atom_media=debug,warn.",
    ),
    (
        "NO_COLOR",
        "Turns off the colours of heat maps if it is not empty.",
    ),
    (
        "COLUMNS",
        "The width of heat maps when stdout is not a terminal.",
    ),
    (
        "PATH",
        "The folders in which atom search --open looks for a video player, and atom models install for python3.",
    ),
    (
        "ORT_DYLIB_PATH",
        "The ONNX Runtime library to load in place of the installed one.",
    ),
    (
        "RUST_BACKTRACE",
        "Adds a backtrace to the log line of a panic if it is set.",
    ),
    (
        "LC_ALL, LC_CTYPE, LANG",
        "The locale, which atom doctor shows. Nothing else depends on it.",
    ),
    (
        "GST_PLUGIN_PATH",
        "Further folders of GStreamer plugins; GStreamer reads it, as it does GST_DEBUG and its other variables.",
    ),
];

/// The files and folders that the program uses by default.
pub(super) const FILES: &[(&str, &str)] = &[
    (
        "~/.cache/atom/packs",
        "The installed packs, each in a folder of its name. atom models install writes here.",
    ),
    (
        "~/.cache/atom/parts",
        "What was fetched to build packs. It may be deleted; the next installation fetches it again.",
    ),
    (
        "~/.cache/atom/build",
        "The Python environments that build packs. They may be deleted; the next build creates them again.",
    ),
    (
        "~/.local/share/atom/atom.db",
        "The index of atom index, a SQLite database, with atom.db-wal and atom.db-shm beside it while it is open.",
    ),
];
