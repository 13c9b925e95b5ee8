"""What plugin authors need and should not write again.

Files that appear whole or not at all, a cache that several processes share, labels as numbers, and text of unknown
origin made safe to show.
"""

from clsfw.kit.atomic import staged_directory, temporary, write_bytes, write_json, write_text
from clsfw.kit.cache import alone, cache_directory
from clsfw.kit.disk import explained, require_space
from clsfw.kit.files import rename, sync
from clsfw.kit.labels import references
from clsfw.kit.records import differences
from clsfw.kit.suggestions import did_you_mean
from clsfw.kit.text import clean, csv_line, encodable, from_spreadsheet_cell, spreadsheet_cell

__all__ = [
    "alone",
    "cache_directory",
    "clean",
    "csv_line",
    "did_you_mean",
    "differences",
    "encodable",
    "explained",
    "from_spreadsheet_cell",
    "references",
    "rename",
    "require_space",
    "spreadsheet_cell",
    "staged_directory",
    "sync",
    "temporary",
    "write_bytes",
    "write_json",
    "write_text",
]
