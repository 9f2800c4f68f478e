"""Takes every contender through backup, backup again and restore, round after round."""
import dataclasses
import os
import pathlib
import statistics
import sys
import tempfile

from . import measure, volumes

MANY = 1000  # files, from which on deleting a tree is felt by who makes one


@dataclasses.dataclass
class Result:
    """Of one contender and one volume; the costs of all rounds."""

    contender: object
    looks: list = dataclasses.field(default_factory=list)
    backups: list = dataclasses.field(default_factory=list)
    agains: list = dataclasses.field(default_factory=list)
    restores: list = dataclasses.field(default_factory=list)
    by_hands: list = dataclasses.field(default_factory=list)
    size: int = 0
    fault: str = ""


def median_seconds(costs):
    return statistics.median(cost.seconds for cost in costs) if costs else None


def peak(costs):
    return max((cost.peak for cost in costs), default=None)


def run(chosen, volume, scratch, options):
    """Interleaves: every contender once, then every contender again, so that a slow minute hits all alike."""
    results = [Result(contender) for contender in chosen]
    for number in range(1, options.runs + 1):
        for result in results:
            if result.fault:
                continue
            print(f"{volume.kind}, round {number} of {options.runs}: {result.contender.name}", file=sys.stderr)
            try:
                one(result, volume, scratch, options.goud)
            except measure.Failed as fault:
                result.fault = str(fault)
                print(f"  failed: {fault}", file=sys.stderr)
    return results


def one(result, volume, scratch, goud):
    places = {name: scratch / name.lower() for name in ("OUT", "TO", "SPARE")}
    clear = aside if volume.tables > MANY else measure.remove
    for place in places.values():
        place.mkdir()
    environment = {name: str(path) for name, path in places.items()}
    environment |= {
        "VOLUME": str(volume.path), "GOUD": goud or "", "GOUD_HOME": str(places["SPARE"] / "home"), "RESTIC_PASSWORD": "bench"}
    contender = result.contender
    try:
        if contender.prepare:
            measure.run(contender.prepare, environment)
        measure.settle(volume.path)
        if contender.look:
            result.looks.append(measure.run(contender.look, environment))
        result.backups.append(measure.run(contender.backup, environment))
        result.size = measure.size(places["OUT"])
        if contender.again:
            result.agains.append(measure.run(contender.again, environment))
        if contender.restore:
            result.restores.append(restore(contender, contender.restore, environment, volume.kind))
        if contender.by_hand:
            clear(places["TO"])
            places["TO"].mkdir()
            result.by_hands.append(restore(contender, contender.by_hand, environment, volume.kind))
    finally:
        for place in places.values():
            clear(place)


def aside(place):
    """Out of the way without deleting anything: ext4 passes over every inode that was freed within the last minute or
    five, one by one, and whoever restores next would pay for the trees of those before."""
    place.rename(pathlib.Path(tempfile.mkdtemp(dir=place.parent)) / place.name)


def restore(contender, command, environment, kind):
    """A restore that brings back other tables than were backed up is a failure, however fast it was."""
    os.sync()
    cost = measure.run(command, environment)
    if volumes.content(kind, environment["TO"]) != volumes.content(kind, environment[contender.source]):
        raise measure.Failed("what was restored differs from the volume")
    return cost
