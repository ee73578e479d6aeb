"""The registry over HTTP: the part of Confluent's REST paths that clients use, for JSON Schemas.

Paths, bodies and error codes are those of the Confluent Schema Registry; so is that `deleted`
versions can still be read, and that only they can be deleted for good. Left out are contexts, modes
other than reading and writing, and references between subjects: they are refused.
"""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from pydantic import AfterValidator

from lakehouse.streaming.registry import Registry
from lakehouse.streaming.registry_files import Version
from lakehouse.streaming.registry_requests import (
    NOT_KEPT,
    Answer,
    Choice,
    Proposal,
    Unescaped,
    Wanted,
    answer_errors,
    assert_known_type,
    refuse,
)

READ_WRITE = "READWRITE"
NO_MODE = 40409


def _registry(request: Request) -> Registry:
    registry: Registry = request.app.state.registry
    return registry


def _proposed(proposal: Proposal) -> str:
    proposal.assert_kept_here()
    return proposal.text


Of = Annotated[Registry, Depends(_registry)]
Name = Annotated[str, AfterValidator(unquote)]
Text = Annotated[str, Depends(_proposed)]
Which = Annotated[Wanted, Depends()]
router = APIRouter(dependencies=[Depends(assert_known_type)])


@router.get("/")
def root() -> dict[str, str]:
    """Whether somebody is there."""
    return {}


@router.get("/subjects")
def subjects(
    registry: Of,
    which: Which,
    prefix: Annotated[str, Query(alias="subjectPrefix")] = "",
) -> list[str]:
    """All subjects, or those that begin so."""
    names = registry.names(deleted=which.deleted, only_deleted=which.only_deleted)
    return [name for name in names if name.startswith(prefix.removeprefix(":*:"))][which.part]


@router.post("/subjects/{name}")
def look_up(registry: Of, name: Name, text: Text, *, deleted: bool = False) -> dict[str, Any]:
    """The version of a subject that has a schema."""
    return _told(name, registry.look_up(name, text, deleted=deleted))


@router.delete("/subjects/{name}")
def delete_subject(registry: Of, name: Name, *, permanent: bool = False) -> list[int]:
    """Delete a subject."""
    return registry.delete_subject(name, permanent=permanent)


@router.get("/subjects/{name}/versions")
def versions(registry: Of, name: Name, which: Which) -> list[int]:
    """The numbers of a subject's versions."""
    found = registry.versions(name, deleted=which.deleted or which.only_deleted)
    numbers = [each.number for each in found if each.is_deleted or not which.only_deleted]
    return numbers[which.part]


@router.post("/subjects/{name}/versions")
def register(registry: Of, name: Name, text: Text) -> dict[str, int]:
    """Add a schema to a subject, unless it is there."""
    return {"id": registry.register(name, text).id}


@router.get("/subjects/{name}/versions/{number}")
def version(registry: Of, name: Name, number: str, *, deleted: bool = False) -> dict[str, Any]:
    """One version of a subject."""
    return _told(name, registry.version(name, number, deleted=deleted))


@router.get("/subjects/{name}/versions/{number}/schema")
def schema_of_version(registry: Of, name: Name, number: str, *, deleted: bool = False) -> Any:  # noqa: ANN401  # JSON is any
    """The schema of one version, and nothing else."""
    return json.loads(registry.version(name, number, deleted=deleted).text)


@router.get("/subjects/{name}/versions/{number}/referencedby")
def referenced_by(registry: Of, name: Name, number: str) -> list[int]:
    """The ids of schemas that refer to a version: none, as references are refused."""
    registry.version(name, number, deleted=True)
    return []


@router.delete("/subjects/{name}/versions/{number}")
def delete_version(registry: Of, name: Name, number: str, *, permanent: bool = False) -> int:
    """Delete one version of a subject."""
    return registry.delete_version(name, number, permanent=permanent)


@router.get("/schemas/types")
def schema_types() -> list[str]:
    """What is kept here."""
    return ["JSON"]


@router.get("/schemas/ids/{schema_id}")
def schema(registry: Of, schema_id: int) -> dict[str, str]:
    """The schema of an id."""
    return {"schemaType": "JSON", "schema": registry.users(schema_id)[0][1].text}


@router.get("/schemas/ids/{schema_id}/schema")
def schema_alone(registry: Of, schema_id: int) -> Any:  # noqa: ANN401  # JSON is any
    """The schema of an id, and nothing else."""
    return json.loads(registry.users(schema_id)[0][1].text)


@router.get("/schemas/ids/{schema_id}/subjects")
def subjects_of(registry: Of, schema_id: int, which: Which) -> list[str]:
    """The subjects that have the schema of an id."""
    names = (name for name, _ in registry.users(schema_id, deleted=which.deleted))
    return list(dict.fromkeys(names))[which.part]


@router.get("/schemas/ids/{schema_id}/versions")
def versions_of(registry: Of, schema_id: int, which: Which) -> list[dict[str, Any]]:
    """The subjects and versions that have the schema of an id."""
    users = registry.users(schema_id, deleted=which.deleted)
    return [{"subject": name, "version": each.number} for name, each in users][which.part]


@router.post("/compatibility/subjects/{name}/versions")
@router.post("/compatibility/subjects/{name}/versions/{number}")
def compatibility(
    registry: Of, name: Name, text: Text, number: str | None = None, *, verbose: bool = False
) -> dict[str, Any]:
    """Whether a schema could be registered; by default, as the subject's level asks."""
    wrong = registry.wrong_with(name, text, number)
    return {"is_compatible": not wrong} | ({"messages": wrong} if verbose else {})


@router.get("/config")
def level(registry: Of) -> dict[str, str]:
    """The level of all subjects."""
    return {"compatibilityLevel": registry.level()}


@router.put("/config")
def choose_level(registry: Of, choice: Choice) -> dict[str, str]:
    """Set the level of all subjects."""
    return _chosen(registry, choice, None)


@router.delete("/config")
def forget_level(registry: Of) -> dict[str, str]:
    """Go back to BACKWARD; what it was."""
    was = registry.level()
    registry.choose_level(None)
    return {"compatibilityLevel": was}


@router.get("/config/{name}")
def level_of(
    registry: Of,
    name: Name,
    *,
    of_all: Annotated[bool, Query(alias="defaultToGlobal")] = False,
) -> dict[str, str]:
    """The level of a subject."""
    return {"compatibilityLevel": registry.level(name) if of_all else registry.own_level(name)}


@router.put("/config/{name}")
def choose_level_of(registry: Of, name: Name, choice: Choice) -> dict[str, str]:
    """Set the level of a subject."""
    return _chosen(registry, choice, name)


@router.delete("/config/{name}")
def forget_level_of(registry: Of, name: Name) -> dict[str, str]:
    """Give a subject the level of all; what it was."""
    was = registry.own_level(name)
    registry.choose_level(None, name)
    return {"compatibilityLevel": was}


@router.get("/mode")
def mode() -> dict[str, str]:
    """What may be done: everything."""
    return {"mode": READ_WRITE}


@router.get("/mode/{name}")
def mode_of(
    name: Name, *, of_all: Annotated[bool, Query(alias="defaultToGlobal")] = False
) -> dict[str, str]:
    """What may be done with a subject; none has a mode of its own."""
    if not of_all:
        refuse(NO_MODE, f"Subject '{name}' does not have subject-level mode configured")
    return {"mode": READ_WRITE}


def app_of(registry: Registry) -> FastAPI:
    """The application of a registry."""
    app = FastAPI(
        title="Schema registry",
        default_response_class=Answer,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.registry = registry
    app.include_router(router)
    app.add_middleware(Unescaped)
    answer_errors(app)
    return app


def _told(name: str, version: Version) -> dict[str, Any]:
    return {
        "subject": name,
        "version": version.number,
        "id": version.id,
        "schemaType": "JSON",
        "schema": version.text,
    }


def _chosen(registry: Registry, choice: Choice, name: str | None) -> dict[str, str]:
    if unkept := {key for key, value in (choice.model_extra or {}).items() if value is not None}:
        refuse(NOT_KEPT, f"{', '.join(sorted(unkept))}: only compatibility is kept here")
    level = choice.compatibility.upper()
    registry.choose_level(level, name)
    return {"compatibility": level}
