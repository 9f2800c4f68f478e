#!/usr/bin/env bash
# From a machine with nothing to a healthy network: installs, builds, restores the newest backup when asked, starts.
set -euo pipefail

usage() {
  cat <<'HELP'
usage: scripts/deploy.sh [-e ENV] [-c BUCKET] [-b BACKUP] [--trust KEY | --chain ID | --trust-anything]
                         [--runtime process|docker] [--terraform aws|gcp] [--wait SECONDS]

  -e, --env ENV         the environment (default: local)
  -c, --cloud BUCKET    restore from a bucket: gs://NAME, s3://NAME
  -b, --backup BACKUP   restore this one; with -c alone, the newest whole backup of the environment
  --trust KEY           restore only what this key has signed: a public key of minisign (RW…), or a file with one; repeat
  --chain ID            restore only what holds this chain, proven block by block; may come with --trust
  --trust-anything      restore whatever is there, whoever made it
  --runtime RUNTIME     what runs the nodes; docker also makes the image when it is missing
  --terraform PROVIDER  first make machine, disk and bucket with deploy/terraform/PROVIDER, which asks before it makes
                        anything, say where they are, and stop: the rest is run there. Settings as TF_VAR_…
  --wait SECONDS        how long the nodes may take to be healthy (default: 120)
  -h, --help            this text

Run again after whatever stopped it: what is done is not done twice. It restores only where the environment has no volumes, and
then asks for one of --trust, --chain and --trust-anything, unless TRUSTED_KEYS is set.
HELP
}

fail() { # status, message, hint
  printf 'error: %s\nhint: %s\n' "$2" "$3" >&2
  exit "$1"
}

value() { # flag, rest of the arguments: fails unless the flag has a value
  if (($# < 2)) || [[ -z $2 ]]; then fail 64 "$1 needs a value" 'see --help'; fi
}

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
env=local cloud='' backup='' runtime='' terraform='' wait=120 trust=()
while (($#)); do
  case $1 in
    -e | --env | --environment) value "$@"; env=$2; shift ;;
    -c | --cloud) value "$@"; cloud=$2; shift ;;
    -b | --backup) value "$@"; backup=$2; shift ;;
    --trust | --chain) value "$@"; trust+=("$1" "$2"); shift ;;
    --trust-anything) trust+=("$1") ;;
    --runtime) value "$@"; runtime=$2; shift ;;
    --terraform) value "$@"; terraform=$2; shift ;;
    --wait) value "$@"; wait=$2; shift ;;
    -h | --help) usage; exit 0 ;;
    *) fail 64 "unknown argument $1" 'see --help' ;;
  esac
  shift
done

step() { printf '%4d s  %s\n' "$SECONDS" "$*" >&2; }

if [[ -n $terraform ]]; then
  plan=$root/deploy/terraform/$terraform
  [[ -d $plan ]] || fail 64 "there is no deploy/terraform/$terraform" 'name aws or gcp'
  command -v terraform >/dev/null || fail 10 'terraform is not installed' 'see https://developer.hashicorp.com/terraform/install'
  step "terraform: $terraform"
  terraform -chdir="$plan" init -input=false
  terraform -chdir="$plan" apply
  terraform -chdir="$plan" output
  printf 'go on at the address above, in a clone of this: scripts/deploy.sh -e %s%s\n' "$env" "${cloud:+ -c $cloud}"
  exit 0
fi

goud() { "$root/run" goud "$@"; }

# A machine that has nothing knows nobody: what it restores, somebody must vouch for.
vouch() {
  local answer trusted
  ((${#trust[@]} == 0)) || return 0
  trusted=$(goud config show --env "$env" --format json | sed -n '/"TRUSTED_KEYS"/{n;s/.*"value" *: *"\(.*\)".*/\1/p}')
  [[ -z $trusted ]] || return 0
  [[ -t 0 ]] || fail 64 'nobody vouches for the backup' \
    'pass --trust KEY (a public key of minisign), --chain ID (the whole id of its chain), or --trust-anything'
  read -rp 'who vouches for the backup? A public key of minisign, the id of its chain, or: anything: ' answer
  case $answer in
    '') fail 64 'nobody vouches for the backup' 'see --help' ;;
    anything) trust=(--trust-anything) ;;
    *) if [[ $answer =~ ^[0-9a-f]{64}$ ]]; then trust=(--chain "$answer"); else trust=(--trust "$answer"); fi ;;
  esac
}

step 'install and build'
goud --version >&2
if [[ $runtime == docker ]] && ! docker image inspect "${DOCKER_IMAGE:-goud:latest}" >/dev/null 2>&1; then
  step 'make the image'
  "$root/scripts/build-image" >&2
fi
if [[ -n $cloud || -n $backup ]]; then
  volumes=$(goud volume list --env "$env" --format json)
  if [[ $volumes != *'"path"'* ]]; then
    vouch
    step "restore ${backup:-the newest backup}${cloud:+ from $cloud}"
    RUNTIME=${runtime:-${RUNTIME:-process}} goud restore "${backup:-latest}" --env "$env" ${cloud:+-c "$cloud"} \
      "${trust[@]}" --yes
  else
    step "the environment $env has volumes already; nothing is restored"
  fi
fi
step 'start'
goud network start --env "$env" ${runtime:+--runtime "$runtime"} --wait "$wait"
step 'done'
