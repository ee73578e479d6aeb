"""Addresses of servers, and who listens there: nobody, ours, or somebody in the way."""

from __future__ import annotations

import json
import socket
import urllib.request
import uuid
from urllib.parse import urlsplit

LOOPBACK = "127.0.0.1"
CONNECT_PORT = 15002
"""Spark Connect's port where a URL names none."""
PATIENCE_S = 5.0
_KNOCK_S = 1.0


def engine_address(remote: str) -> tuple[str, int]:
    """Host and port of `sc://host:port;parameters`; the parameters may hold a token."""
    where = urlsplit(remote.partition(";")[0])
    return where.hostname or LOOPBACK, where.port or CONNECT_PORT


def is_here(host: str) -> bool:
    """Whether that is this machine, seen from itself."""
    return host in {LOOPBACK, "localhost"}


def is_taken(port: int, host: str = LOOPBACK) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection((host, port), _KNOCK_S).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def next_free(port: int) -> int:
    """The first port above this one where nobody listens on this machine."""
    return next(n for n in range(port + 1, 65_536) if not is_taken(n))


def is_airflow(port: int) -> bool:
    """Whether Airflow's API answers there."""
    url = f"http://{LOOPBACK}:{port}/api/v2/monitor/health"
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            return "metadatabase" in json.loads(answer.read())
    except (OSError, ValueError, TypeError):
        return False


def is_engine(port: int, host: str = LOOPBACK) -> bool:
    """Whether a Spark Connect server answers there."""
    import grpc  # noqa: PLC0415  # 0.7 s with pyspark, only when somebody listens
    from pyspark.sql.connect.proto import (  # noqa: PLC0415  # same
        AnalyzePlanRequest,
        SparkConnectServiceStub,
    )

    question = AnalyzePlanRequest(
        session_id=str(uuid.uuid4()), spark_version=AnalyzePlanRequest.SparkVersion()
    )
    with grpc.insecure_channel(f"{host}:{port}") as channel:
        try:
            SparkConnectServiceStub(channel).AnalyzePlan(question, timeout=PATIENCE_S)
        except grpc.RpcError:
            return False
    return True
