"""`gnn-search doctor` reports what is there and fails when a core part does not work."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

from gnn_search.cli import doctor
from gnn_search.cli.doctor import JointCheck, check_joint
from gnn_search.cli.main import main

WORKING = JointCheck(ok=True, detail="same neighbours", torch_threads=2, faiss_threads=2)


@pytest.fixture(autouse=True)
def _keep_threads(monkeypatch):
    # The option --threads would otherwise change the environment of every later test.
    monkeypatch.setattr("gnn_search.cli.options.set_threads", lambda count: count)


@pytest.fixture
def joint_works(monkeypatch):
    monkeypatch.setattr(doctor, "check_joint", lambda: WORKING)


def run(*arguments: str):
    return CliRunner().invoke(main, ["doctor", *arguments])


def test_torch_and_faiss_work_in_one_process():
    found = check_joint()
    assert found.ok, found.detail
    assert found.torch_threads >= 1
    assert found.faiss_threads >= 1


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        ("raise OSError('libomp is missing')", "exit code 1, OSError: libomp is missing"),
        ("import os; os.kill(os.getpid(), 11)", "exit code -11, no message"),
        ("print('noise')", "expected one JSON object, got 'noise"),
        ("print('{\"same\": false}')", "their nearest neighbours differ"),
    ],
)
def test_a_failing_pair_is_a_finding(script, detail):
    found = check_joint(script)
    assert not found.ok
    assert detail in found.detail


def test_a_deadlock_is_a_finding():
    found = check_joint("import time; time.sleep(60)", seconds=0.2)
    assert not found.ok
    assert found.detail == "no answer within 0.2 s"


def test_the_current_folder_does_not_shadow_the_libraries(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')\n")
    monkeypatch.chdir(tmp_path)
    assert check_joint("import json; print(json.dumps({'same': True}))").ok


@pytest.mark.usefixtures("joint_works")
def test_json_names_versions_extras_and_threads():
    result = run("--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["ok"] is True
    assert report["python"] == sys.version.split()[0]
    assert report["core"]["torch"]
    assert set(report["extras"]) == {"chinese", "demo", "onnx", "transformer", "ray", "report", "tensorboard"}
    assert report["threads"] >= 1
    assert report["problems"] == []


@pytest.mark.usefixtures("joint_works")
def test_text_names_every_package():
    result = run()
    assert result.exit_code == 0, result.output
    for name in doctor.CORE:
        assert name in result.stdout
    assert "ok, same neighbours" in result.stdout


@pytest.mark.usefixtures("joint_works")
def test_a_missing_core_package_exits_1_and_a_missing_extra_does_not(monkeypatch):
    monkeypatch.setitem(doctor.EXTRAS, "ray", ("no-such-package-as-this",))
    assert run().exit_code == 0
    assert "pip install 'gnn-search[ray]'" in run().stdout
    monkeypatch.setattr(doctor, "CORE", ("torch", "no-such-package-as-this"))
    result = run()
    assert result.exit_code == 1
    assert "Problem: no-such-package-as-this is not installed" in result.stdout


def test_a_failing_joint_check_exits_1(monkeypatch):
    monkeypatch.setattr(doctor, "check_joint", lambda: JointCheck(ok=False, detail="exit code -11, no message"))
    result = run()
    assert result.exit_code == 1
    assert "Problem: torch and FAISS don't work in one process: exit code -11, no message" in result.stdout


def test_threads_must_be_positive():
    result = run("--threads", "0")
    assert result.exit_code == 2
    assert "0 is not in the range x>=1" in result.stderr
