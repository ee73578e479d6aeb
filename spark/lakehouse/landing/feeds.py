"""Landing files and a topic as one feed: a source may have both, and a record may come by both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakehouse.io import kafka
from lakehouse.landing import files
from lakehouse.landing.topic import Offsets, Topic, TopicArrivals

if TYPE_CHECKING:
    from datetime import date

    from lakehouse.landing.feed import Landed
    from lakehouse.landing.files import Delivery, Files
    from lakehouse.settings import Settings
    from lakehouse.spec import Source


@dataclass(frozen=True)
class FilesAndTopicArrivals:
    """What there is of both. Records of a topic count as those of a file that is gone.

    They are read once: a table keeps its rows, and the quarantine the others, whatever the topic
    still holds.
    """

    delivery: Delivery
    topic: TopicArrivals

    @property
    def ever(self) -> bool:
        """Whether anything arrived, now or before."""
        return self.delivery.ever or self.topic.ever

    @property
    def has_new(self) -> bool:
        """Whether there is something that was not consumed."""
        return self.delivery.has_new or self.topic.has_new

    @property
    def corrected(self) -> tuple[str, ...]:
        """Paths of consumed files whose content changed."""
        return self.delivery.corrected

    @property
    def gone(self) -> tuple[str, ...]:
        """Paths of consumed files that are not there any more."""
        return self.delivery.gone

    @property
    def withdrawn(self) -> tuple[str, ...]:
        """Paths of consumed files that are none of the source's any more."""
        return self.delivery.withdrawn

    @property
    def news(self) -> str:
        """What is new, or waits, in words."""
        of_files = self.delivery.news
        if self.topic.news and not self.delivery.has_new:
            of_files = ""
        return ", ".join(filter(None, [of_files, self.topic.news]))

    @property
    def position(self) -> str:
        """The hash of the files' manifest, and the offsets of the topic."""
        offsets = self.topic.offsets
        return " ".join([self.delivery.position, *([str(offsets)] if offsets else [])])

    @property
    def untaken(self) -> tuple[str, ...]:
        """Names of what is there and was not consumed."""
        return (*self.delivery.untaken, *(each.path for each in self.topic.ranges))

    @property
    def taken(self) -> tuple[Landed, ...]:
        """Files that were consumed and are there, as they are now."""
        return self.delivery.taken

    def files(self, *, whole: bool) -> tuple[Landed, ...]:
        """All files, or the new ones; and the new records of the topic."""
        return (*self.delivery.files(whole=whole), *self.topic.ranges)


@dataclass(frozen=True)
class FilesAndTopic:
    """Both feeds of a source."""

    landing: Files
    topic: Topic

    def look(
        self, position: str | None, day: date | None, *, afresh: bool = False
    ) -> FilesAndTopicArrivals:
        """Compare what is there with what was consumed; a topic's records are due on any day.

        Raises:
            InputQualityError: A file is of a kind that nobody can read, or records of the topic
                are gone.
            UpstreamMissingError: The broker does not answer.
        """
        manifest, offsets = parts_of(position)
        delivery = self.landing.look(manifest, day, afresh=afresh)
        found = self.topic.look(offsets)
        if self.topic.most_bytes and found.ranges:
            from lakehouse.landing.topic_bytes import within  # noqa: PLC0415  # numpy and pyarrow

            found = within(found, self.topic.most_bytes)
        return FilesAndTopicArrivals(delivery, found)

    def expected(self, day: date | None) -> str:
        """Where something would have to arrive."""
        return f"{self.landing.expected(day)}, or records in topic {self.topic.name}"

    def remember(self, arrivals: object) -> None:
        """Keep what a stored position stands for: offsets stand for themselves."""
        if isinstance(arrivals, FilesAndTopicArrivals):
            self.landing.remember(arrivals.delivery)


def parts_of(position: str | None) -> tuple[str | None, Offsets | None]:
    """The hash of the files' manifest, and the offsets of the topic, in a position."""
    manifest, _, offsets = (position or "").partition(" ")
    return manifest or None, Offsets.parse(offsets) if offsets else None


def topic_of(source: Source, settings: Settings) -> Topic:
    """The topic of a source, as the settings say how to reach it."""
    servers = kafka.find(settings)
    return Topic(
        source.topic,
        kafka.config_of(settings, servers) if servers else None,
        most=settings.topic_most_records,
        most_bytes=settings.topic_most_bytes,
        accepts_loss=settings.topic_accept_loss,
    )


def has_arrived(settings: Settings, source: Source, day: date | None = None) -> bool:
    """Whether anything landed for a source that is due on a day, or stands in its topic.

    Raises:
        UpstreamMissingError: The broker does not answer.
    """
    if files.has_files(settings.raw_uri, source, day):
        return True
    return bool(source.topic) and topic_of(source, settings).look(None).ever
