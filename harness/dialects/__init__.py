"""Bytes to meaning and back, pure: one file per wire dialect, and the framing below them."""
