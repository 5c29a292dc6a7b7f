"""Which apps a verb is about: those of two colors, or those of one version."""

from __future__ import annotations

from components.position import position
from cutover.colors import Colors
from cutover.course import Course, Updates
from cutover.desk import Desk
from cutover.errors import RefusedError
from cutover.history import ended
from cutover.release import Release
from cutover.versions import Versions


def of_release(desk: Desk, release: Release) -> Course:
    """Return the apps of a release; one of apps of one version has noted what it has to put back."""
    return Colors(desk, release.app) if release.back is None else Versions(desk, release.app)


def of_verb(desk: Desk, app: str) -> Course:
    """Return the app that is named; without a name those that share the stack's position, if there are any."""
    kind = _kind_of(desk, app) if app else Colors if _coupled(desk) or not desk.settings.workloads else Versions
    return kind(desk, app)


def of_undo(desk: Desk, app: str, updates: Updates) -> Course:
    """Return the apps that are to go back.

    Where some share the stack's position and others its tag, these are the ones that have changed last; any of them may
    be named to say which.

    Args:
        desk: the stack.
        app: what is named; "" for nothing.
        updates: asks for what `pulumi stack history --json` has, newest first.

    Raises:
        RefusedError: the history does not tell which have changed last.
    """
    coupled, tagged = _coupled(desk), [name for name, each in desk.settings.workloads.items() if not each.tag]
    if not (coupled and tagged):
        return of_verb(desk, app)
    if app:
        return _kind_of(desk, app)(desk, "" if app in {*coupled, *tagged} else app)
    both: list[Course] = [Colors(desk, ""), Versions(desk, "")]
    for keys in ended(updates(), desk.engine.project):
        if changed := [course for course in both if course.has_changed_since(keys)]:
            break
    else:
        changed = both
    if len(changed) > 1:
        raise RefusedError(
            f"the engine's history does not tell which has changed last, the position of {', '.join(coupled)} or the "
            f"tag of {', '.join(tagged)}: `cutover undo --app {coupled[0]}` takes back the one, `cutover undo --app "
            f"{tagged[0]}` the other"
        )
    return changed[0]


def _kind_of(desk: Desk, app: str) -> type[Colors | Versions]:
    return Versions if app in desk.settings.workloads else Colors


def _coupled(desk: Desk) -> list[str]:
    """The apps that share the stack's position."""
    return [name for name, app in desk.settings.apps.items() if position(app, desk.settings).coupled]
