"""Problems as rows: of our own, or in the shape that a trainer takes, with our own row as their ground truth.

    own       a row of our own, from a Problem; without what is as it is by itself
    asking    what a model is asked
    targets   the shapes of rows
    columns   what such rows are in parquet files

What is written here is read back by datasets/: the same problem, whatever the shape.
"""

from __future__ import annotations

from .columns import Columns
from .own import PROGRAM_ROW, Row, program_row
from .targets import TARGETS, Source, Target

__all__ = ["PROGRAM_ROW", "TARGETS", "Columns", "Row", "Source", "Target", "program_row"]
