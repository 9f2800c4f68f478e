"""The volumes that are backed up: RocksDB databases as db_bench writes them."""
import dataclasses
import pathlib
import sys

from . import measure

# What is left to gain in the table files: something after snappy, nothing after zstd. (Values of ratio 1.0 alone would
# not do: db_bench makes them of printable characters, and any entropy coder takes 18 % off those.)
KINDS = {
    "compressible": "--compression_type=snappy --compression_ratio=0.7",
    "incompressible": "--compression_type=zstd --compression_ratio=1.0",
}


@dataclasses.dataclass
class Volume:
    kind: str
    path: pathlib.Path  # holds rocksdb/ and the secrets, as a node's volume does
    values: int
    size: int  # bytes of all files

    def remove(self):
        measure.remove(self.path.parent)


def make(scratch, kind, size_mib):
    """Writes `size_mib` values of 1 KiB per MiB into `<scratch>/<kind>/node1_data`, in key order."""
    values = size_mib * 1024
    path = scratch / kind / "node1_data"
    (path / "rocksdb").mkdir(parents=True)
    print(f"making a volume: {values} values of 1 KiB, {kind}", file=sys.stderr)
    command = f"db_bench --benchmarks=fillseq --db=$VOLUME/rocksdb --num={values} --value_size=1024 --seed=1"
    measure.run(f"{command} {KINDS[kind]}", {"VOLUME": str(path)})
    for secret in ("jwt_secret", "session_secret"):
        (path / secret).write_bytes(bytes(32))
        (path / secret).chmod(0o600)
    return Volume(kind, path, values, measure.size(path))


def tables(directory):
    """What a restore must bring back: the sizes of all table files, sorted."""
    return sorted(file.stat().st_size for file in measure.files(directory) if file.suffix == ".sst")
