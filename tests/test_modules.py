"""A package's modules are imported when they are first used, and not before."""

import subprocess
import sys

import pytest
from conftest import ROOT


def test_a_module_is_imported_when_it_is_first_used():
    code = (
        "import sys; from foldergan import gan; assert 'foldergan.gan.schedule' not in "
        "sys.modules; gan.schedule.plan; assert 'foldergan.gan.schedule' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_what_is_no_module_is_no_attribute():
    from foldergan import gan

    with pytest.raises(AttributeError, match="foldergan.gan has no module draws"):
        _ = gan.draws
