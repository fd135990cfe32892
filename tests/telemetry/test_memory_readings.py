"""Readings of the memory, by how far the run was."""

from __future__ import annotations

from cloudchamber.telemetry import memory_readings
from cloudchamber.telemetry.events import MemoryUsage
from cloudchamber.telemetry.memory_readings import MemoryReadings


def reading(resident: int) -> MemoryUsage:
    return MemoryUsage(
        gpu_allocated=0, weights=1, cache_total=2, activations=3, process_resident=resident, system_total=9
    )


def test_a_position_has_the_newest_reading_before_it() -> None:
    readings = MemoryReadings()
    assert readings.at(5) is None
    first, second, third = (reading(resident) for resident in (10, 20, 30))
    readings.add(4, first)
    readings.add(7, second)
    readings.add(7, third)
    assert [readings.at(positions) for positions in (3, 4, 6, 7, 900)] == [None, first, first, third, third]


def test_a_run_begins_with_what_was_read_last() -> None:
    readings = MemoryReadings()
    readings.begin_run()
    assert readings.at(0) is None
    readings.add(90, reading(10))
    readings.begin_run()
    readings.add(3, second := reading(20))
    assert readings.at(2) == reading(10)
    assert readings.at(3) is second


def test_of_a_very_long_run_the_oldest_are_not_kept() -> None:
    readings = MemoryReadings()
    for position in range(memory_readings.KEPT + 5):
        readings.add(position, reading(position))
    assert readings.at(4) is None
    assert (found := readings.at(5)) is not None
    assert found.process_resident == 5
