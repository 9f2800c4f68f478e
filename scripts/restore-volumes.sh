#!/usr/bin/env bash
# The guide's spelling of `goud restore`: maps the flags, nothing more.
set -euo pipefail

usage() {
  cat <<'HELP'
usage: scripts/restore-volumes.sh -b FILE [-e ENV] [-c BUCKET] [-f]

  -b, --backup FILE     the backup: a file, or the name of one in the backup directory or the bucket
  -e, --env ENV         the environment to restore (default: the one the backup names)
  -c, --cloud BUCKET    fetch it from a bucket: gs://NAME, s3://NAME
  -f, --force           do not ask; refusals that protect data still hold
  -h, --help            this text

The backup is rebuilt beside the live data, proven, and only then swapped in; what it replaces is kept
(`goud restore --rollback`). Exit: 0 done, 10 no such backup, 12 corrupt, 13 refused, 15 no room; the rest is in
docs/scripting.md.
HELP
}

value() { # flag, rest of the arguments: fails unless the flag has a value
  if (($# < 2)) || [[ -z $2 ]]; then
    printf 'error: %s needs a value\nhint: see --help\n' "$1" >&2
    exit 64
  fi
}

backup=
arguments=()
while (($#)); do
  case $1 in
    -b | --backup) value "$@"; backup=$2; shift ;;
    -e | --env | --environment) value "$@"; arguments+=(--env "$2"); shift ;;
    -c | --cloud) value "$@"; arguments+=(-c "$2"); shift ;;
    -f | --force) arguments+=(--yes) ;;
    -h | --help) usage; exit 0 ;;
    *) printf 'error: unknown argument %s\nhint: see --help\n' "$1" >&2; exit 64 ;;
  esac
  shift
done
if [[ -z $backup ]]; then
  printf 'error: no backup named\nhint: name one with -b FILE; see --help\n' >&2
  exit 64
fi

exec "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../run" goud restore "${arguments[@]}" -- "$backup"
