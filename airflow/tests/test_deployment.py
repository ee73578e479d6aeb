"""What cannot be started here is at least made of things that exist: containers, Kubernetes."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import yaml
from airflow.configuration import conf

from conftest import PROJECT
from lakehouse.engines.spark.session import spark_conf
from lakehouse.settings import Settings, load_settings

COMPOSE = PROJECT / "docker/compose.yaml"
RUNBOOK = PROJECT / "spark/docs/runbooks/airflow.md"
PLUGINS_READ = {"LAKEHOUSE_COMMAND", "LAKEHOUSE_RECONCILE_GRACE_S"}
SETTINGS = {f"LAKEHOUSE_{name.upper()}" for name in Settings.model_fields} | PLUGINS_READ


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load(COMPOSE.read_text())


def test_containers_set_only_what_somebody_reads(compose):
    for name, service in compose["services"].items():
        for variable in service.get("environment", {}):
            if variable.startswith("LAKEHOUSE_"):
                assert variable in SETTINGS, (name, variable)
            if match := re.fullmatch(r"AIRFLOW__([A-Z_]+?)__([A-Z_]+)", variable):
                section, option = match[1].lower(), match[2].lower()
                known = conf.configuration_description[section]["options"]
                assert option in known, (name, variable)


def test_containers_run_commands_that_exist(compose):
    for service in compose["services"].values():
        if "command" in service:
            executable, *arguments = service["command"]
            assert executable in {"airflow", "lakehouse"}
            words = [word for word in arguments if not word.startswith("-")][:2]
            command = [sys.executable, "-m", executable, *words[:1], "--help"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr


def test_only_loopback_is_published(compose):
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_every_secret_a_container_needs_is_generated(compose):
    needed = set(re.findall(r"\$\{(\w+):\?", COMPOSE.read_text()))
    script = (PROJECT / "scripts/docker_secrets.py").read_text()
    generated = set(re.findall(r'^\s+"(\w+)":', script, re.MULTILINE))
    assert needed == generated
    assert (COMPOSE.parent / compose["secrets"]["airflow_login"]["file"]).name == "passwords.json"


def test_the_image_copies_what_is_there_and_what_the_context_holds():
    copied = re.findall(
        r"^COPY --chown=\w+ (.+) \S+$", (PROJECT / "docker/Dockerfile").read_text(), re.MULTILINE
    )
    sources = [source for line in copied for source in line.split()]
    allowed = [
        line[1:] for line in (PROJECT / ".dockerignore").read_text().splitlines() if line[0] == "!"
    ]
    for source in sources:
        assert (PROJECT / source).exists()
        assert any(entry == source or entry.startswith(f"{source}/") for entry in allowed), source


def test_the_runbook_names_settings_that_exist():
    named = set(re.findall(r"LAKEHOUSE_[A-Z_]+", RUNBOOK.read_text()))
    assert named <= SETTINGS


def test_the_settings_for_kubernetes_make_a_session_there(monkeypatch):
    block = re.search(r"### Kubernetes.*?```\n(.*?)```", RUNBOOK.read_text(), re.DOTALL)[1]
    for line in block.splitlines():
        name, _, value = line.partition("#")[0].strip().partition("=")
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LAKEHOUSE_ROOT", "data")  # S3's jars need not be here
    made = spark_conf(load_settings())
    assert made["spark.master"] == "k8s://https://kubernetes.default.svc"
    assert made["spark.kubernetes.container.image"] == "lakehouse"
    assert made["spark.driver.host"] == "$(POD_IP)"
    assert made["spark.driver.bindAddress"] == "0.0.0.0"  # noqa: S104  # inside a pod
