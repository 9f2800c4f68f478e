"""Who takes part. A contender is a set of bash command lines; in each, these names stand for directories:

$VOLUME  what is backed up    $OUT  where the backup goes    $TO  where it is restored    $SPARE  anything else

$OUT, $TO and $SPARE are empty and exist when `prepare` or `backup` begins.
"""
import dataclasses

from . import volumes


@dataclasses.dataclass
class Contender:
    name: str
    backup: str
    prepare: str = ""  # not measured: what a user does once
    look: str = ""  # a consistent view of the volume, and nothing else
    again: str = ""  # the same backup, nothing changed
    restore: str = ""
    restore_name: str = ""  # what the restore does, where the name does not say it
    by_hand: str = ""  # the restore with stock tools alone: tar and sha256sum -c
    source: str = "VOLUME"  # the directory whose tables a restore must bring back


def guide(compressor):
    """The guide's pipeline without stopping the node: tar, compress, tar of that; each with its checksums."""
    name = "goud-chain-backup-local-20241017-143025"
    return Contender(
        f"guide's pipeline, {compressor}",
        backup=f"""mkdir $SPARE/{name}; cd $SPARE/{name}
            tar -cf node1_data.tar -C $VOLUME .; {compressor} node1_data.tar
            sha256sum node1_data.tar.gz > node1_data.tar.gz.sha256; echo timestamp=20241017-143025 > metadata.txt
            sha256sum node1_data.tar.gz metadata.txt > CHECKSUMS.sha256; tar -czf $OUT/{name}.tar.gz -C $SPARE {name}
            rm -r $SPARE/{name}""",
        restore=f"""cd $SPARE; tar -xzf $OUT/{name}.tar.gz; cd {name}; sha256sum -c --quiet CHECKSUMS.sha256
            tar -xzf node1_data.tar.gz -C $TO""",
        restore_name="untar, sha256sum -c, untar")


def tar(name, compressor, expand, extension):
    return Contender(
        name,
        backup=f"tar -cf - -C $VOLUME . | {compressor} > $OUT/backup.tar.{extension}",
        restore=f"{expand} < $OUT/backup.tar.{extension} | tar -xf - -C $TO",
        restore_name="extraction only")


RESTIC = "restic --quiet --repo $OUT/repository --cache-dir $SPARE/cache"
BORG = "BORG_BASE_DIR=$SPARE BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes borg"
LDB = "ldb --backup_dir=$OUT/ldb --num_threads=2"

OTHERS = [
    guide("gzip"),
    guide("pigz"),
    tar("tar + pigz", "pigz", "pigz -dc", "gz"),
    tar("tar + igzip -T 2", "igzip -T 2 -c", "igzip -dc", "gz"),
    tar("tar + zstd -1 -T2", "zstd -q -1 -T2", "zstd -qdc", "zst"),
    Contender(
        "restic (encrypted)",
        prepare=f"{RESTIC} init",
        backup=f"{RESTIC} backup $VOLUME",
        again=f"{RESTIC} backup $VOLUME",
        restore=f"{RESTIC} restore latest --target $TO"),
    Contender(
        "borg, lz4",
        prepare=f"{BORG} init -e none $OUT/repository",
        backup=f"{BORG} create -C lz4 $OUT/repository::1 $VOLUME",
        again=f"{BORG} create -C lz4 $OUT/repository::2 $VOLUME",
        restore=f"cd $TO; {BORG} extract $OUT/repository::1"),
    # ldb opens the database for writing and flushes its log, so it gets a database of links; the volume stays as it is.
    Contender(
        "ldb backup (node stopped)",
        prepare="cp -al $VOLUME/rocksdb $SPARE",
        backup=f"{LDB} --db=$SPARE/rocksdb backup",
        again=f"{LDB} --db=$SPARE/rocksdb backup",
        restore=f"{LDB} --db=$TO restore",
        source="SPARE"),
    Contender("cp -r", backup="cp -r $VOLUME $OUT/copy"),
]

LOOK = "$GOUD volume inspect $VOLUME > /dev/null"
CREATE = "$GOUD backup create --volume $VOLUME -d $OUT --compression {format}"
ARCHIVE = "$OUT/$(ls $OUT | grep -E '[.]tar([.](gz|zst))?$')"
RESTORE = f"$GOUD restore {ARCHIVE} --to $TO/node1_data --yes"
BY_HAND = f"tar -xf {ARCHIVE} -C $TO; cd $TO/*/; sha256sum -c --quiet CHECKSUMS.sha256"


def ours():
    for format in ("gzip", "zstd", "none"):
        create = CREATE.format(format=format)
        yield Contender(f"goud, {format}", create, look=LOOK, restore=RESTORE, restore_name="fully verified", by_hand=BY_HAND)
        yield Contender(f"goud, {format}, --no-verify", f"{create} --no-verify")


def of(kind, chosen):
    """Those that are measured on volumes of this kind."""
    if kind not in volumes.FULL_SIZES:
        return chosen
    return [c for c in chosen if any(text in c.name for text in volumes.SHORT) and "--no-verify" not in c.name]


def all_of(goud, only):
    """The contenders whose name contains one of `only` (comma-separated); without a goud to run, only the others."""
    everyone = OTHERS + (list(ours()) if goud else [])
    return [c for c in everyone if not only or any(text in c.name for text in only.split(","))]
