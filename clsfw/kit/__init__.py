"""What plugin authors need and should not write again.

Files that appear whole or not at all, a cache that several processes share, the one strict reader of rows, labels as
numbers and in cells, and text of unknown origin made safe to show.
"""

from clsfw.kit.atomic import staged_directory, temporary, write_bytes, write_json, write_text
from clsfw.kit.cache import alone, cache_directory
from clsfw.kit.csv_reader import likely_delimiter
from clsfw.kit.disk import explained, require_space
from clsfw.kit.files import rename, sync
from clsfw.kit.inputs import check_file, is_web_page
from clsfw.kit.labels import join_labels, references, split_labels
from clsfw.kit.pairs import texts_of
from clsfw.kit.rows import Row, Rows, open_rows
from clsfw.kit.suggestions import did_you_mean
from clsfw.kit.text import clean, csv_line, encodable, from_spreadsheet_cell, spreadsheet_cell

__all__ = [
    "Row",
    "Rows",
    "alone",
    "cache_directory",
    "check_file",
    "clean",
    "csv_line",
    "did_you_mean",
    "encodable",
    "explained",
    "from_spreadsheet_cell",
    "is_web_page",
    "join_labels",
    "likely_delimiter",
    "open_rows",
    "references",
    "rename",
    "require_space",
    "split_labels",
    "spreadsheet_cell",
    "staged_directory",
    "sync",
    "temporary",
    "texts_of",
    "write_bytes",
    "write_json",
    "write_text",
]
