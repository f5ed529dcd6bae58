"""The contract on disk: every file's name, dtype, shape and range.

Other people's scripts read these files with nothing of ours installed, so the names
stay as they are. Everything that is loaded is checked, and a failed check names the
file and the way out; everything that is saved is saved whole.
"""

from typing import TYPE_CHECKING

from foldergan import modules_of

if TYPE_CHECKING:  # what the scripts use
    from foldergan.storage import (
        arrays,
        checkpoint,
        exports,
        models,
        onnx,
        plots,
        run_directory,
    )
else:
    __getattr__ = modules_of(__name__)
