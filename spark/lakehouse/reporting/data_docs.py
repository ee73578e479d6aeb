"""Great Expectations Data Docs: the suite of every gate and its latest results, as a site.

The gates ran long ago and their numbers stand in `ops.quality_results`: results are rebuilt from
there, not computed again. What Great Expectations renders is made fit for reading without a
network (`offline.py`).
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyarrow import fs as arrow_fs

from lakehouse.io.files import is_local, locate, storage_errors
from lakehouse.quality.expectations import bounds
from lakehouse.quality.judging import suite
from lakehouse.reporting import offline
from lakehouse.reporting.lake import PublishedLake
from lakehouse.reporting.operations import GateResult, accepted, latest_gates

if TYPE_CHECKING:
    from lakehouse.catalog.registry import Registry
    from lakehouse.settings import Settings

SITE = "lakehouse"


def write_data_docs(settings: Settings, registry: Registry) -> Path | str:
    """Write the site to `<root>/ops/data_docs/`, in place of an older one.

    Returns:
        Its index page: a path, or a URI when the lake is on an object store.
    """
    target = f"{settings.root_uri}/ops/data_docs"
    gates = [gate for gate in latest_gates(PublishedLake(settings), registry) if gate.declared]
    with tempfile.TemporaryDirectory(prefix="data_docs_") as scratch:
        site = Path(scratch) / "site"
        pages = _build(gates, Path(scratch), site)
        offline.finish(site, gates, pages)
        _put(site, target)
    index = f"{target}/index.html"
    return Path(index) if is_local(target) else index


def _build(gates: list[GateResult], scratch: Path, site: Path) -> dict[str, dict[str, str]]:
    """Let Great Expectations render; the pages of each gate (`expectations`, `validations`)."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx  # noqa: PLC0415  # 4 s that only this command pays

    context = gx.get_context(mode="file", project_root_dir=scratch)
    config: Any = {
        "class_name": "SiteBuilder",
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(site),
        },
        "show_how_to_buttons": False,
    }
    context.add_data_docs_site(SITE, config)
    for gate in gates:
        built = context.suites.add(_described_suite(gate))
        if gate.results:
            key, result = _validation(gate, built, gx.__version__)
            context.validation_results_store.add(key=key, value=result)
    context.build_data_docs(site_names=[SITE])
    return {
        name(gate): {
            kind: path.relative_to(site).as_posix()
            for kind in ("expectations", "validations")
            for path in _pages(site / kind, gate)
        }
        for gate in gates
    }


def _pages(folder: Path, gate: GateResult) -> list[Path]:
    place = folder.joinpath(*name(gate).split("."))
    single = place.with_suffix(".html")
    return [single] if single.is_file() else sorted(place.rglob("*.html"))


def name(gate: GateResult) -> str:
    """Name of the gate's suite: `<table>.<input|output>`."""
    return f"{gate.table.name}.{gate.gate}"


def _described_suite(gate: GateResult) -> Any:  # noqa: ANN401  # GX is imported lazily
    """The suite that judged the gate, each expectation with its sentence and its range."""
    checks = gate.table.requires if gate.gate == "input" else gate.table.ensures
    built = suite(name(gate), [bounds(check) for check in checks])
    for check, expectation in zip(checks, built.expectations, strict=True):
        expectation.description = (
            f"{check.sentence} (accepted: {accepted(check.minimum, check.maximum)}; "
            f"{'stops the run' if check.severity == 'fail' else 'warning'})"
        )
    return built


def _validation(gate: GateResult, built: Any, version: str) -> tuple[Any, Any]:  # noqa: ANN401  # GX is imported lazily
    """The gate's latest results, as Great Expectations stores them."""
    from great_expectations.core import (  # noqa: PLC0415  # see _build
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
        RunIdentifier,
    )
    from great_expectations.data_context.types.resource_identifiers import (  # noqa: PLC0415
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    results = []
    for expectation in built.expectations:
        found = gate.results.get(expectation.column)
        results.append(
            ExpectationValidationResult(
                success=bool(found and found["passed"]),
                expectation_config=expectation.configuration,
                result={"observed_value": found["value"] if found else None},
            )
        )
    any_row = next(iter(gate.results.values()))
    run_id = RunIdentifier(run_name=any_row["run_id"], run_time=any_row["checked_at"])
    passed = sum(bool(result.success) for result in results)
    validation = ExpectationSuiteValidationResult(
        success=not gate.is_red,
        results=results,
        suite_name=built.name,
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(results) - passed,
            "success_percent": 100 * passed / len(results),
        },
        meta={
            "run_id": run_id,
            "validation_time": any_row["checked_at"].isoformat(),
            "great_expectations_version": version,
            "batch_spec": {"data_asset_name": gate.table.name},
        },
    )
    suite_key = ExpectationSuiteIdentifier(built.name)
    return ValidationResultIdentifier(suite_key, run_id, gate.table.name), validation


def _put(site: Path, target: str) -> None:
    """Replace the published site: on local storage a reader never meets half of one."""
    with storage_errors(target):
        if not is_local(target):
            filesystem, path = locate(target)
            filesystem.delete_dir_contents(path, missing_dir_ok=True)
            arrow_fs.copy_files(
                str(site),
                path,
                source_filesystem=arrow_fs.LocalFileSystem(),
                destination_filesystem=filesystem,
            )
            return
        final = Path(target)
        final.parent.mkdir(parents=True, exist_ok=True)
        fresh, old = final.with_name("data_docs.new"), final.with_name("data_docs.old")
        for leftover in (fresh, old):
            shutil.rmtree(leftover, ignore_errors=True)
        shutil.copytree(site, fresh)
        if final.exists():
            final.replace(old)
        fresh.replace(final)
        shutil.rmtree(old, ignore_errors=True)
