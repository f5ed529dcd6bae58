"""One page to look at: report.html, which shows what the scripts left in model/."""

from typing import TYPE_CHECKING

from foldergan import modules_of

if TYPE_CHECKING:  # what the scripts use
    from foldergan.report import run
else:
    __getattr__ = modules_of(__name__)
