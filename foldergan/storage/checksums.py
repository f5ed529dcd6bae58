"""Checksums of whole files, as `sha256sum` prints them."""

import hashlib
from pathlib import Path


def checksum_of(*paths: Path) -> str:
    """Computes the SHA-256 of files, one after the other, in hexadecimal."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest()
