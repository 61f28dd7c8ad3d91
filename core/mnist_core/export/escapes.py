"""Text from outside, such as names, notes and folders, escaped for what reads an export."""

import re

_MARKDOWN = re.compile(r"[\\`*_~|<>&\[\]]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001 - those are meant
"""With these a spreadsheet takes text for something to compute (OWASP, "CSV Injection")."""


def markdown_cell(text: str) -> str:
    """`text` as a cell of a Markdown table that shows it as it is.

    A character that means something becomes its number in HTML: a backslash before a | does not
    keep all readers from ending the cell there.
    """
    return _MARKDOWN.sub(lambda found: f"&#{ord(found[0])};", " ".join(text.splitlines()))


def csv_cell(text: str) -> str:
    """`text` as a cell of CSV that a spreadsheet takes for text: with ' before a formula's sign.

    Commas, quotes and ends of lines are left to the writer of the CSV.
    """
    return f"'{text}" if text.startswith(_FORMULA) else text
