"""What a wheel holds, and that the lists of dependencies agree."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

import gnn_search
from gnn_search.cli import doctor

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    return zipfile.ZipFile(next(WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])))


@pytest.fixture(scope="module")
def names(wheel) -> set[str]:
    return set(wheel.namelist())


def canonical(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0].lower().replace("_", "-")


@pytest.mark.parametrize("kind", ["graphs", "configs"])
def test_recipes_and_configurations_ship_in_the_wheel(names, kind):
    shipped = {path.relative_to(ROOT).as_posix() for path in (ROOT / kind).rglob("*.yaml")}
    assert shipped
    assert {f"gnn_search/shipped/{name}" for name in shipped} <= names


def test_the_shipped_recipe_is_the_one_in_the_checkout(wheel):
    assert wheel.read("gnn_search/shipped/graphs/complete_journey.yaml") == (ROOT / "graphs/complete_journey.yaml").read_bytes()


def test_the_wheel_holds_the_package_and_nothing_else(names):
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "gnn_search").rglob("*.py")}
    assert sources <= names
    assert "gnn_search/py.typed" in names
    templates = {path.relative_to(ROOT).as_posix() for path in (ROOT / "gnn_search/report/templates").rglob("*.*")}
    assert templates
    assert templates <= names
    assert {name.split("/")[0] for name in names} == {"gnn_search", f"gnn_search-{gnn_search.__version__}.dist-info"}
    assert not [name for name in names if "test" in Path(name).name]


def test_the_wheel_names_version_licence_and_command(wheel):
    info = f"gnn_search-{gnn_search.__version__}.dist-info"
    metadata = wheel.read(f"{info}/METADATA").decode()
    assert f"Version: {gnn_search.__version__}\n" in metadata
    assert "License-Expression: Apache-2.0\n" in metadata
    assert wheel.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
    assert "gnn-search = gnn_search.cli.main:main" in wheel.read(f"{info}/entry_points.txt").decode()


def test_an_installed_wheel_finds_its_recipe_by_name(wheel, tmp_path):
    wheel.extractall(tmp_path / "site")
    code = "import gnn_search as g; from gnn_search.config.recipe import Recipe; print(g.__file__, Recipe.load('complete_journey').name)"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment, check=True)
    assert done.stdout.split() == [str(tmp_path / "site" / "gnn_search" / "__init__.py"), "complete_journey"]


def test_doctor_looks_for_exactly_the_declared_dependencies():
    assert {name.lower() for name in doctor.CORE} == {canonical(requirement) for requirement in PROJECT["dependencies"]}
    declared = {extra: {canonical(name) for name in names} for extra, names in PROJECT["optional-dependencies"].items() if extra != "dev"}
    assert {extra: set(names) for extra, names in doctor.EXTRAS.items()} == declared


def test_everything_that_make_installs_has_an_exact_version():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", pin) for pin in pins)
    wanted = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["demo"], *PROJECT["optional-dependencies"]["dev"]]
    assert {canonical(requirement) for requirement in wanted} <= {canonical(pin) for pin in pins}
