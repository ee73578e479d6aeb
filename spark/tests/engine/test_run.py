"""What a run leaves behind it."""

from __future__ import annotations

import pytest

from lakehouse.engine.run import forgotten


class Host:
    def __init__(self, error=None):
        self.asked = 0
        self.error = error

    def forget(self):
        self.asked += 1
        if self.error:
            raise self.error


@pytest.mark.parametrize("broken", [None, RuntimeError("the database is gone")])
def test_the_error_of_a_run_is_told_whatever_becomes_of_what_it_made(broken):
    host = Host(broken)
    with pytest.raises(ValueError, match="what went wrong"), forgotten(host):
        raise ValueError("what went wrong")
    assert host.asked == 1


def test_a_run_that_went_well_lets_go_and_is_told_when_it_could_not():
    host = Host()
    with forgotten(host):
        pass
    assert host.asked == 1
    with pytest.raises(RuntimeError), forgotten(Host(RuntimeError())):
        pass
