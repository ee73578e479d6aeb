"""What a run would do and why, from bookkeeping alone: needs no engine, writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.errors import UpstreamMissingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lakehouse.engine.job import Job
    from lakehouse.io.state import Version
    from lakehouse.landing.feed import Arrivals, Feed


@dataclass(frozen=True)
class Outlook:
    """What a run would do. A run looks once; its stages share what was seen.

    Attributes:
        has_news: The inputs ask for something.
        why: Why, or why not, in words.
        died: A run before this one wrote and died: its version must be rolled back.
        arrivals: What there is of the feed; None for a table made from tables.
        whole: All of the feed is to be compared with all of the table.
    """

    has_news: bool
    why: str
    died: bool
    arrivals: Arrivals | None = None
    whole: bool = False

    @property
    def idle(self) -> bool:
        """Nothing to do."""
        return not (self.has_news or self.died)

    @property
    def reason(self) -> str:
        """Why a run runs or not, in words."""
        return f"a run died before publishing; {self.why}" if self.died else self.why


def look(job: Job) -> Outlook:
    """Whether there is anything to do.

    Raises:
        UpstreamMissingError: Nothing ever arrived on its feed, or the state of an input is gone.
        DamagedTableError: The table is not there any more, up to its published version.
        InputQualityError: A landing file is of a kind that nobody can read.
        UpstreamLaterError: An input holds what happened after the as-of date that was asked for.
    """
    job.assert_not_later()
    published = job.published
    if published is not None and (job.base is None or job.base < published.version):
        from lakehouse.io import damage  # noqa: PLC0415  # deltalake, which looking does without

        found = damage.damage_of(job.uri, published) or f"its log ends at version {job.base}"
        raise damage.damaged(job.table.name, job.uri, found)
    died = published is not None and job.base not in {published.version, published.head}
    if job.feed is not None:
        return _look_at_feed(job, job.feed, died=died)
    reason = why_everything(job) or news(job)
    return Outlook(bool(reason), reason or "inputs unchanged", died)


def _look_at_feed(job: Job, feed: Feed, *, died: bool) -> Outlook:
    arrivals = feed.look(job.published.position if job.published else None, job.request.day)
    if not arrivals.ever:
        raise UpstreamMissingError(feed.expected(job.request.day), table=job.table.name)
    everything = _why_all(job)
    if everything is None and arrivals.corrected:
        everything = f"changed files: {', '.join(arrivals.corrected)}"
    is_replay = job.request.replays is not None
    return Outlook(
        has_news=everything is not None or arrivals.has_new or is_replay,
        why=everything or arrivals.news or ("replay of rejects" if is_replay else ""),
        died=died,
        arrivals=arrivals,
        whole=everything is not None,
    )


def _why_all(job: Job) -> str | None:
    """The reason to make the table anew whatever its inputs say, or None."""
    if job.request.migrate:
        return "its columns changed"
    if job.request.full_refresh:
        return "full refresh requested"
    if job.published is None:
        return "never published"
    if job.published.code != job.code:
        is_same_code = job.published.code.partition(" ")[0] == job.entry.code
        return "a setting changed" if is_same_code else "its code changed"
    return None


def changed_inputs(job: Job) -> dict[str, tuple[Version | None, Version]]:
    """Inputs whose published content is not the consumed one: name → (consumed, published)."""
    consumed = job.published.inputs if job.published else {}
    return {
        name: (consumed.get(name), state.identity)
        for name, state in job.inputs.items()
        if state.is_news_to(consumed.get(name))
    }


def why_everything(job: Job) -> str | None:
    """The reason to recompute the whole table, or None."""
    found = _why_all(job)
    moved = how_as_of_moved(job)
    published = job.published
    # A clock of the machine that went back behind every row leaves no day to cut at.
    if published is not None and None in {job.cut_key, published.counted_until}:
        found = found or how_cut_moved(job)
    if found or not moved or published is None:
        return found
    is_forward = (published.as_of or "") < (job.as_of_key or "")
    return None if job.table.unfinished and is_forward else moved


def how_as_of_moved(job: Job) -> str | None:
    """How the as-of date moved since the published version, in words; None when it did not."""
    published = job.published
    if published is None or published.as_of == job.as_of_key:
        return None
    return f"as-of date moved from {published.as_of} to {job.as_of_key}"


def how_cut_moved(job: Job) -> str | None:
    """How the last day that counts of the inputs moved, in words; None when it did not."""
    published = job.published
    if published is None or not job.table.cut or published.counted_until == job.cut_key:
        return None
    return f"rows up to {job.cut_key} count, previously up to {published.counted_until}"


def versions(inputs: Mapping[str, Version]) -> str:
    """Versions of inputs, in words."""
    return ", ".join(f"{name}@{version}" for name, version in inputs.items())


def news(job: Job) -> str:
    """What changed since the published version, in words; empty when nothing did."""
    words = [_move(name, old, new) for name, (old, new) in changed_inputs(job).items()]
    return ", ".join([*words, *filter(None, [how_as_of_moved(job) or how_cut_moved(job)])])


def _move(name: str, old: Version | None, new: Version) -> str:
    made_anew = old is not None and old.table_id != new.table_id
    return f"{name} {old}→{new}{' of a rebuilt table' if made_anew else ''}"
