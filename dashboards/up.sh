#!/usr/bin/env bash
# Starts Prometheus, and Grafana if it is installed, for a running Atom, on this machine only, until Ctrl-C.
# usage: dashboards/up.sh [PORT_OF_ATOM]   (9600)
# PROMETHEUS_PORT (9590) and GRAFANA_PORT (3590) set other ports. The data is in a temporary folder, which is removed at the end.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
atom="${1:-9600}" prometheus_port="${PROMETHEUS_PORT:-9590}" grafana_port="${GRAFANA_PORT:-3590}"
cache="${ATOM_CACHE:-${XDG_CACHE_HOME:-${HOME:-}/.cache}/atom}"

say() { printf '==> %s\n' "$*" >&2; }
fail() { printf 'dashboard: %s\n' "$*" >&2; exit 1; }

is_port() { [[ $1 =~ ^[1-9][0-9]{0,4}$ ]] && [ "$1" -le 65535 ]; }
[ $# -le 1 ] || fail "usage: dashboards/up.sh [PORT_OF_ATOM]"
for port in "$atom" "$prometheus_port" "$grafana_port"; do is_port "$port" || fail "invalid port $port; expected a number from 1 to 65535"; done

data="$(mktemp -d)"
children=()
finish() {
  trap - EXIT INT TERM
  for child in "${children[@]}"; do kill "$child" 2>/dev/null || true; done
  for child in "${children[@]}"; do wait "$child" 2>/dev/null || true; done
  rm -rf "$data"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

open() { (exec 3<> "/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Waits until PORT answers a request for PATH with status 200, while the child process runs.
ready() {
  local name=$1 child=$2 port=$3 path=$4 line
  for _ in {1..600}; do
    kill -0 "$child" 2>/dev/null || break
    line="$({ exec 3<> "/dev/tcp/127.0.0.1/$port" && printf 'GET %s HTTP/1.0\r\n\r\n' "$path" >&3 \
      && read -r -t 5 line <&3 && printf '%s' "$line"; } 2>/dev/null || true)"
    [[ $line == *' 200 '* ]] && return
    sleep 0.1
  done
  tail -n 20 "$data/$name.log" >&2
  fail "$name does not start; the end of its log is above"
}

prometheus="$(type -P prometheus || true)"
[ -n "$prometheus" ] || prometheus="$cache/prometheus/usr/bin/prometheus"
[ -x "$prometheus" ] || fail "Prometheus is not installed; on Debian or Ubuntu, install it with: sudo apt-get install prometheus"
! open "$prometheus_port" || fail "port $prometheus_port is in use; set PROMETHEUS_PORT to another port"

ln -s "$here/rules" "$data/rules"
sed "s/127\.0\.0\.1:9600/127.0.0.1:$atom/" "$here/prometheus.yml" > "$data/prometheus.yml"
"$prometheus" --config.file="$data/prometheus.yml" --storage.tsdb.path="$data/prometheus" \
  --web.listen-address="127.0.0.1:$prometheus_port" > "$data/prometheus.log" 2>&1 &
children+=($!)
ready prometheus $! "$prometheus_port" /-/ready
say "Prometheus: http://127.0.0.1:$prometheus_port/alerts"
open "$atom" || say "no program listens on port $atom yet; start Atom with: atom run FILE --listen 127.0.0.1:$atom"

# Prints the home folder of Grafana (with conf and public): GRAFANA_HOME, the folder of the packages, or the parent of the program's folder.
grafana_home() {
  local home
  for home in "${GRAFANA_HOME:-}" /usr/share/grafana "$(dirname "$(readlink -f "$1")")/.."; do
    if [ -f "$home/conf/defaults.ini" ]; then (cd "$home" && pwd); return; fi
  done
  fail "found $1, but not its conf/defaults.ini; set GRAFANA_HOME to the folder that contains it"
}

grafana="$(type -P grafana || type -P grafana-server || true)"
if [ -z "$grafana" ]; then
  say "Grafana is not installed; in any Grafana: Dashboards, New, Import, upload $here/grafana/atom.json"
else
  ! open "$grafana_port" || fail "port $grafana_port is in use; set GRAFANA_PORT to another port"
  home="$(grafana_home "$grafana")"
  [ ! -x "$home/bin/grafana" ] || grafana="$home/bin/grafana" # the program in PATH is a script of the package, with its own settings
  command=("$grafana")
  [ "${grafana##*/}" = grafana-server ] || command+=(server)
  env GF_SERVER_HTTP_ADDR=127.0.0.1 GF_SERVER_HTTP_PORT="$grafana_port" \
    GF_PATHS_DATA="$data/grafana" GF_PATHS_LOGS="$data/grafana/log" GF_PATHS_PLUGINS="$data/grafana/plugins" \
    GF_PATHS_PROVISIONING="$here/grafana/provisioning" \
    GF_AUTH_ANONYMOUS_ENABLED=true GF_AUTH_ANONYMOUS_ORG_ROLE=Viewer GF_AUTH_DISABLE_LOGIN_FORM=true \
    GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION=true GF_PLUGINS_PREINSTALL_DISABLED=true \
    GF_ANALYTICS_REPORTING_ENABLED=false GF_ANALYTICS_CHECK_FOR_UPDATES=false \
    GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES=false GF_NEWS_NEWS_FEED_ENABLED=false \
    ATOM_PROMETHEUS_URL="http://127.0.0.1:$prometheus_port" ATOM_DASHBOARDS="$here" \
    "${command[@]}" --homepath "$home" > "$data/grafana.log" 2>&1 &
  children+=($!)
  ready grafana $! "$grafana_port" /api/health
  say "Grafana: http://127.0.0.1:$grafana_port/d/atom"
fi

say "press Ctrl-C to stop"
ended=0
wait -n || ended=$?
for log in "$data"/*.log; do tail -n 5 "$log" >&2; done
fail "a program stopped unexpectedly (exit code $ended); the end of its log is above"
