"""Dataset files and the shapes of their rows: read them, tell the shape, and say in words what is wrong with a row.

Standard library only: the desktop checks datasets with the same code that the trainer trains with.
"""

from trainer_image.formats.encodings import ENCODING_WORDS
from trainer_image.formats.files import FileFacts, ReadOptions, look_at, read_rows
from trainer_image.formats.kinds import (
    KINDS,
    Example,
    Kind,
    Labelled,
    Made,
    Message,
    Preference,
    Role,
    Steps,
    Task,
)
from trainer_image.formats.marks import MARKS
from trainer_image.formats.naming import rows_of
from trainer_image.formats.parquet_files import is_parquet, parquet_files, with_text
from trainer_image.formats.rankings import RankMeaning
from trainer_image.formats.reading import (
    Examples,
    Outcome,
    Reading,
    Survey,
    convert,
    examples_of,
    mapped,
    read_examples,
    survey,
    to_example,
)
from trainer_image.formats.rows import LeftOut, Row, RowProblem, UnreadableFileError
from trainer_image.formats.shapes import (
    FEEDS,
    SHAPE_WORDS,
    SHAPES,
    Shape,
    detect_shape,
    shape_of,
    unknown_shape,
    why_not,
)
from trainer_image.formats.telling import FileFormat
from trainer_image.formats.texts import TextBy
from trainer_image.formats.told import Told, read_columns, read_told, words_of
from trainer_image.formats.turns import ROLES

__all__ = [
    "ENCODING_WORDS",
    "FEEDS",
    "KINDS",
    "MARKS",
    "ROLES",
    "SHAPES",
    "SHAPE_WORDS",
    "Example",
    "Examples",
    "FileFacts",
    "FileFormat",
    "Kind",
    "Labelled",
    "LeftOut",
    "Made",
    "Message",
    "Outcome",
    "Preference",
    "RankMeaning",
    "ReadOptions",
    "Reading",
    "Role",
    "Row",
    "RowProblem",
    "Shape",
    "Steps",
    "Survey",
    "Task",
    "TextBy",
    "Told",
    "UnreadableFileError",
    "convert",
    "detect_shape",
    "examples_of",
    "is_parquet",
    "look_at",
    "mapped",
    "parquet_files",
    "read_columns",
    "read_examples",
    "read_rows",
    "read_told",
    "rows_of",
    "shape_of",
    "survey",
    "to_example",
    "unknown_shape",
    "why_not",
    "with_text",
    "words_of",
]
