"""Problems and programs, from the files that data sets are published as.

    rows         Rows: pairs of problem and program, in the order of the files
    sources      what a path stands for: files, directories of them, problem packages, the hub
    formats      the formats, and which one a row is of
    foreign      formats of others, that installed packages bring
    table        what is read and what is refused, in words
    base         Format; rows that cannot be used, and what is said of them
    row_reader   one row made a problem with its programs, wherever it comes from
    programs     rows that are programs
    places       where problems stand, by their names
    misspelt     fields of our own rows that are none, but are called almost like one

Where rows come from: source (base), lines (JSONL), values (JSON), parquet, hub; unpack (gzip, zstandard).

Formats, one a file: native (ours), livecodebench, livebench, input_output (APPS, TACO, AReaL-boba), deepcoder,
verification_info (open-r1, PrimeIntellect), intellect (INTELLECT-3, prime-rl), verl (and SkyRL), nemo_gym,
open_instruct, sandbox_fusion (AutoEval, CommonOJ), code_contests, code_contests_plus, code_contests_o, hardtests,
rstar_coder, evolvecoder, codeforces (open-r1), humaneval, humaneval_x, mbpp, evalplus, kodcode, bigcodebench, acecode,
autocodebench, kattis (problem packages); and of predictions cruxeval, livecodebench_execution,
livecodebench_test_output. refused names the data sets that cannot be judged.
cases holds the forms of test cases that several of them share, packed those that were packed into a text, languages and
prompts what rows say of those, demanding the tasks that need more than usual limits. Of a package kattis_folder reads
the files, kattis_programs and kattis_labels the programs, kattis_groups what tests are worth.

All of it is untrusted: no row is ever executed or unpickled, what unpacks has a limit, and of a package only what lies
in its directory, or in the repository around it, is read. A file is read row by row, so it may be larger than memory; a
row and a package may not.
"""

from __future__ import annotations

from .base import BadRow, Example, Format, InputError, Unusable, make_problem
from .cases import read_cases
from .formats import FORMATS
from .rows import Rows

__all__ = ["FORMATS", "BadRow", "Example", "Format", "InputError", "Rows", "Unusable", "make_problem", "read_cases"]
