"""Make Superset's databases, datasets, charts and dashboards those of a folder.

Runs in Superset's own environment, see superset_local.py. What is in the folder is created or
overwritten, by UUID. What an earlier import created and the folder no longer has is removed; what
people made in the browser stays: imports are done by a user of their own, so that Superset itself
remembers which is which. The last line printed says what was done.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path
from typing import Any

import yaml
from flask import g
from superset.app import create_app

REPOSITORY_USER = "repository"
ROLE = "Admin"
KINDS = ("dashboards", "charts", "datasets", "databases")
"""Users before what they use: in this order they can be removed."""


def main(folder: Path) -> None:
    """Import the folder, and remove what it no longer has."""
    app = create_app()
    with app.app_context():
        ensure_user(os.environ["SUPERSET_LOGIN"], os.environ["SUPERSET_PASSWORD"])
        g.user = ensure_user(REPOSITORY_USER, secrets.token_urlsafe(32))
        contents = bundle(folder, os.environ["SUPERSET_LAKEHOUSE_URL"])
        # Superset can be imported from only once there is an app.
        from superset.commands.importers.v1.assets import ImportAssetsCommand  # noqa: PLC0415

        ImportAssetsCommand(contents).run()
        removed = remove_others(contents)
    counts = {kind: sum(name.startswith(f"{kind}/") for name in contents) for kind in KINDS}
    said = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    print(f"    imported {said}; removed {removed or 'nothing'}")


def ensure_user(name: str, password: str) -> Any:  # noqa: ANN401  # Superset's class
    """The administrator of this name, with this password."""
    from superset import security_manager  # noqa: PLC0415  # needs an app

    user = security_manager.find_user(name)
    if user is None:
        role = security_manager.find_role(ROLE)
        user = security_manager.add_user(name, name, "", f"{name}@localhost", role, password)
    elif name != REPOSITORY_USER:
        security_manager.reset_password(user.id, password)
    return user


def bundle(folder: Path, url: str) -> dict[str, str]:
    """Every file by its path; the database gets its address, which no file holds."""
    files = [
        folder / "metadata.yaml",
        *(p for kind in KINDS for p in folder.glob(f"{kind}/**/*.yaml")),
    ]
    contents = {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in files}
    for name, text in contents.items():
        if name.startswith("databases/"):
            address = url.replace("postgresql://", "postgresql+psycopg2://", 1)
            contents[name] = yaml.safe_dump(yaml.safe_load(text) | {"sqlalchemy_uri": address})
    return contents


def remove_others(contents: dict[str, str]) -> str:
    """Remove what an earlier import created and the folder no longer has; says what."""
    from superset import db  # noqa: PLC0415  # needs an app
    from superset.connectors.sqla.models import SqlaTable  # noqa: PLC0415  # same
    from superset.models.dashboard import Dashboard  # noqa: PLC0415  # same
    from superset.models.slice import Slice  # noqa: PLC0415  # same

    kept = {yaml.safe_load(text).get("uuid") for text in contents.values()}
    removed = []
    for model in (Dashboard, Slice, SqlaTable):
        for each in db.session.query(model).filter(model.created_by == g.user):
            # A chart that somebody made in the browser may still read the dataset.
            is_used = (
                model is SqlaTable
                and db.session.query(Slice)
                .filter_by(datasource_type="table", datasource_id=each.id)
                .count()
            )
            if str(each.uuid) not in kept and not is_used:
                removed.append(str(each))
                db.session.delete(each)
                db.session.flush()
    db.session.commit()
    return ", ".join(sorted(removed))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
