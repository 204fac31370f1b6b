"""docs/extend.md: its patches apply to what is here. The page itself is played with --long."""

import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "extend.md"


def test_its_patches_apply_in_its_order(tmp_path: Path) -> None:
    (greet,) = re.findall(r"^```diff\n(.+?)^```$", GUIDE.read_text(encoding="utf-8"), re.M | re.S)
    files = (ROOT / "docs" / "extend" / f"{name}.patch" for name in ("describe", "database"))
    patches = [greet, *(file.read_text(encoding="utf-8") for file in files)]
    for name in re.findall(r"^--- a/(.+)$", "".join(patches), re.M):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for patch in patches:
        argv = ["git", "apply", "-"]
        done = subprocess.run(
            argv, cwd=tmp_path, input=patch, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert "visits.bp" in (tmp_path / "webapp" / "app.py").read_text(encoding="utf-8")
