#!/usr/bin/env bash
# Keeps containers from the metadata service: whoever reaches it has the machine's rights. The machine runs this as root at
# each boot; from the first one on the rule is there before Docker is, or Docker does not start.
#
#   metadata.sh          the rule now, and at every boot
#   metadata.sh rule     the rule now
#
# What the machine itself asks for goes through OUTPUT and is let through, a container with the machine's own network
# (--network host) too; DNS stays, which Google serves at the same address.
set -euo pipefail

service=169.254.169.254
program=/usr/local/sbin/goud-metadata

rule() {
  local drop=(PREROUTING -d "$service/32" -p tcp ! --dport 53 -j DROP)
  iptables -w -t raw -C "${drop[@]}" 2>/dev/null || iptables -w -t raw -I "${drop[@]}"
}

if [[ ${1:-} == rule ]]; then
  rule
  exit
fi

command -v iptables >/dev/null || { apt-get -q update && apt-get -qy install --no-install-recommends iptables; }
[[ $(readlink -f "$0") == "$program" ]] || install -m 755 "$0" "$program"
cat >/etc/systemd/system/goud-metadata.service <<UNIT
[Unit]
Description=Keeps containers from the metadata service
Before=docker.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=$program rule

[Install]
WantedBy=multi-user.target
RequiredBy=docker.service
UNIT
systemctl daemon-reload
systemctl enable --now goud-metadata.service
