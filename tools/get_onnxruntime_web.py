"""Downloads what examples/browser.html needs to run ONNX files in a browser.

    python tools/get_onnxruntime_web.py model/ort

Three files of the npm package onnxruntime-web (MIT licence), 14 MB, which the page then
loads from there. The package is of one version and its checksum is known.
"""

import argparse
import hashlib
import io
import sys
import tarfile
import urllib.request
from pathlib import Path

VERSION = "1.30.0"
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
ADDRESS = f"https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
FILES = (
    "ort.wasm.min.js",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
)


def main() -> None:
    """Downloads, compares the checksum and unpacks; does nothing where all is there."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    if all((folder / name).is_file() for name in FILES):
        return
    try:
        with urllib.request.urlopen(ADDRESS, timeout=300) as reply:
            package = reply.read()
    except OSError as error:
        sys.exit(f"{ADDRESS} cannot be downloaded: {error}")
    if hashlib.sha256(package).hexdigest() != SHA256:
        sys.exit(f"{ADDRESS} is not the file that it was: its SHA-256 is another")
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        for name in FILES:
            content = archive.extractfile(f"package/dist/{name}")
            (folder / name).write_bytes(content.read())
    print(f"onnxruntime-web {VERSION} is in {folder}")


if __name__ == "__main__":
    main()
