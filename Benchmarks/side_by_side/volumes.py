"""The volumes that are backed up: RocksDB databases as db_bench writes them."""
import dataclasses
import pathlib
import sys

from . import measure

FULL_SIZE_MIB = 1758  # 1.8 million values of 1 KiB

# What is left to gain in the table files: something after snappy, nothing after zstd. (Values of ratio 1.0 alone would
# not do: db_bench makes them of printable characters, and any entropy coder takes 18 % off those.)
KINDS = {
    "compressible": "--compression_type=snappy --compression_ratio=0.7",
    "incompressible": "--compression_type=zstd --compression_ratio=1.0",
    "many": "--compression_type=none --target_file_size_base=65536",
    "logged": "--compression_type=none --write_buffer_size=17179869184",
}

HEADINGS = {
    "compressible": "Compressible tables",
    "incompressible": "Incompressible tables",
    "many": "Many small tables",
    "logged": "Logs that were never flushed",
}

# MiB of values where --size-mb is 1758; otherwise in proportion. 17,000 tables of 64 KiB; 4 GB of logs.
FULL_SIZES = {"many": 1063, "logged": 3815}

# What costs by the file or by the log is shown beside the tools that a user would take instead.
SHORT = ("restic", "cp -r", "goud, zstd", "goud, none")


@dataclasses.dataclass
class Volume:
    kind: str
    path: pathlib.Path  # holds rocksdb/ and the secrets, as a node's volume does
    values: int
    size: int  # bytes of all files
    tables: int  # files

    def remove(self):
        measure.remove(self.path.parent)


def make(scratch, kind, size_mib):
    """Writes `size_mib` values of 1 KiB per MiB into `<scratch>/<kind>/node1_data`, in key order."""
    values = max(size_mib * FULL_SIZES.get(kind, FULL_SIZE_MIB) // FULL_SIZE_MIB, 1) * 1024
    path = scratch / kind / "node1_data"
    (path / "rocksdb").mkdir(parents=True)
    print(f"making a volume: {values} values of 1 KiB, {kind}", file=sys.stderr)
    steps = "fillseq,compact" if kind == "many" else "fillseq"
    command = f"db_bench --benchmarks={steps} --db=$VOLUME/rocksdb --num={values} --value_size=1024 --seed=1"
    measure.run(f"{command} {KINDS[kind]}", {"VOLUME": str(path)})
    for secret in ("jwt_secret", "session_secret"):
        (path / secret).write_bytes(bytes(32))
        (path / secret).chmod(0o600)
    return Volume(kind, path, values, measure.size(path),
                  sum(file.suffix == ".sst" for file in measure.files(path)))


def content(kind, directory):
    """What a restore must bring back: the sizes of all table files, sorted; of logs, whose end may be cut, the MiB."""
    files = measure.files(directory)
    if kind == "logged":
        return sum(file.stat().st_size for file in files if file.suffix == ".log") >> 20
    return sorted(file.stat().st_size for file in files if file.suffix == ".sst")
