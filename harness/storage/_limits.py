"""How much of a file we are ready to hold: far above every real cassette, so that a hostile one ends in a sentence.

The largest of 5,220 surveyed cassettes has 4.2 MB; 10,000 interactions of an ordinary kind are 63 MB and 1.2 million
nodes. Nesting is bounded because libyaml's composer recurses in C: 100,000 brackets kill the interpreter.
"""

from typing import Final

BYTES_MAX: Final = 256 * 2**20
"""Of a file, and of what a compressed file or body unpacks to."""

DEPTH_MAX: Final = 200
NODES_MAX: Final = 2_000_000

ALIASED_BYTES_MAX: Final = 16 * 2**20
"""What aliases may add to a document beyond its own length, were each one written out."""
