#!/usr/bin/env bash
# The guide's spelling of `goud backup create`: maps the flags, nothing more.
set -euo pipefail

usage() {
  cat <<'HELP'
usage: scripts/backup-volumes.sh [-e ENV] [-d DIR] [-c BUCKET] [-k]

  -e, --env ENV         the environment to back up (default: local)
  -d, --dir DIR         where the backup goes (default: as goud is configured)
  -c, --cloud BUCKET    also store it in a bucket: gs://NAME, s3://NAME
  -k, --keep-running    accepted; Goud never stops a node, and its backups are consistent all the same
  -h, --help            this text

Nodes keep running, and the backup is opened and checked before it counts. Exit: 0 done, 11 another backup is at
work, 12 a database is corrupt, 15 no room; the rest is in docs/scripting.md.
HELP
}

value() { # flag, rest of the arguments: fails unless the flag has a value
  if (($# < 2)) || [[ -z $2 ]]; then
    printf 'error: %s needs a value\nhint: see --help\n' "$1" >&2
    exit 64
  fi
}

env=local
arguments=()
while (($#)); do
  case $1 in
    -e | --env | --environment) value "$@"; env=$2; shift ;;
    -d | --dir) value "$@"; arguments+=(-d "$2"); shift ;;
    -c | --cloud) value "$@"; arguments+=(-c "$2"); shift ;;
    -k | --keep-running) ;;
    -h | --help) usage; exit 0 ;;
    *) printf 'error: unknown argument %s\nhint: see --help\n' "$1" >&2; exit 64 ;;
  esac
  shift
done

exec "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../run" goud backup create --env "$env" "${arguments[@]}"
