"""Which symbols a shared library shows to others: the dynamic symbol table of 64-bit ELF files.

Layouts from the "System V Application Binary Interface", chapters 4 (sections, symbol table) and
5 (dynamic linking), as Linux uses it on x86-64 and aarch64.
"""

import mmap
import struct
from collections.abc import Collection
from pathlib import Path

_ELF64_LITTLE_ENDIAN = b"\x7fELF\x02\x01"
_SECTION_TABLE_OFFSET = struct.Struct("<40xQ")
_SECTION_COUNT = struct.Struct("<60xH")
_SECTION = struct.Struct("<4xI16xQQI20x")  # type, offset, size, linked section
_SYMBOL = struct.Struct("<IBBH16x")  # name, info, other, section
_OTHER_FIELD = 5  # bytes into a symbol
_DYNAMIC_SYMBOLS = 11  # SHT_DYNSYM
_UNDEFINED = 0  # SHN_UNDEF: a symbol this library takes from others
_VISIBILITY_MASK = 3
_HIDDEN = 2  # STV_HIDDEN


def keep_visible(library: Path, names: Collection[str]) -> None:
    """Hide every symbol that the file `library` defines, but for `names`.

    The linker then resolves the library's references to hidden symbols within the library, and
    nobody else's to them: as if it had been linked with a version script.

    Raises:
        ValueError: it is not such a file, or does not define all of `names`.
    """
    with library.open("r+b") as file, mmap.mmap(file.fileno(), 0) as image:
        try:
            missing = set(names) - _hide_all_but({name.encode() for name in names}, image)
        except (struct.error, IndexError) as error:
            raise ValueError(f"{library} is not a whole 64-bit ELF file.") from error
    if missing:
        raise ValueError(f"{library} does not define {', '.join(sorted(missing))}.")


def _hide_all_but(names: Collection[bytes], image: mmap.mmap) -> set[str]:
    """Hide in `image` what is not in `names`; return which of them it defines."""
    if image[: len(_ELF64_LITTLE_ENDIAN)] != _ELF64_LITTLE_ENDIAN:
        raise struct.error("The first bytes are not those of a 64-bit little-endian ELF file.")
    (table,) = _SECTION_TABLE_OFFSET.unpack_from(image)
    (count,) = _SECTION_COUNT.unpack_from(image)
    sections = [_SECTION.unpack_from(image, table + i * _SECTION.size) for i in range(count)]
    found = set()
    for kind, start, size, linked in sections:
        if kind != _DYNAMIC_SYMBOLS:
            continue
        strings = sections[linked][1]
        for offset in range(start, start + size, _SYMBOL.size):
            name_offset, _, other, section = _SYMBOL.unpack_from(image, offset)
            if section == _UNDEFINED:
                continue
            name = image[strings + name_offset : image.find(b"\0", strings + name_offset)]
            if name in names:
                found.add(name.decode())
            else:
                image[offset + _OTHER_FIELD] = other & ~_VISIBILITY_MASK | _HIDDEN
    return found
