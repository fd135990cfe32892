"""Makes DejaVuSansMono.woff2 from DejaVu's own TrueType file: the same glyphs, compressed for the web.

Run it with fonttools and brotli at hand, as with
`uv run --with fonttools==4.68.0 --with brotli==1.2.1 build/fonts/make_fonts.py DejaVuSansMono.ttf`.
The TrueType file is in every DejaVu release (Debian: fonts-dejavu-core).
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from fontTools import subset

SOURCE_SHA256 = "0f5db4f1749979d961019838b160bec74abdf7f9eca69553fe1aa856bbff49a4"
"""Of version 2.37; another version would move pixels in every reference picture."""


def compress(source: Path, target: Path) -> None:
    """Writes every character of `source`, with its hints, as WOFF2.

    Raises:
        SystemExit: if `source` is not DejaVu Sans Mono 2.37.
    """
    found = hashlib.sha256(source.read_bytes()).hexdigest()
    if found != SOURCE_SHA256:
        raise SystemExit(f"{source} is not DejaVu Sans Mono 2.37 (SHA-256 {found})")
    options = subset.Options(flavor="woff2", layout_features=["*"], drop_tables=["FFTM"])
    font = subset.load_font(str(source), options)
    font.recalcTimestamp = False
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=list(font.getBestCmap()))
    subsetter.subset(font)
    subset.save_font(font, str(target), options)


if __name__ == "__main__":
    compress(Path(sys.argv[1]), Path(__file__).with_name("DejaVuSansMono.woff2"))
