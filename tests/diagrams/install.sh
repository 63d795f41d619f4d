#!/bin/sh
# Installs the tools that tests/test_diagrams_tools.py asks: Graphviz and PlantUML from Debian's packages (needs root, or
# sudo), Mermaid and D2 by npm into the folder ORDERFSM_DIAGRAMS, or one in the user's cache.
set -eu
folder="${ORDERFSM_DIAGRAMS:-${XDG_CACHE_HOME:-$HOME/.cache}/orderfsm-diagrams}"

wanted=""
command -v dot >/dev/null || wanted="graphviz fonts-dejavu-core"
command -v plantuml >/dev/null || wanted="$wanted plantuml default-jre-headless fonts-dejavu-core"
command -v npm >/dev/null || wanted="$wanted npm"
if [ -n "$wanted" ]; then
  as_root=""
  if [ "$(id -u)" != 0 ]; then as_root="sudo -n"; fi
  $as_root apt-get update --quiet
  # shellcheck disable=SC2086 # a list of names
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends $wanted
fi

packages="mermaid@11.17.2 @terrastruct/d2@0.1.33 jsdom@29.1.1"
if [ "$(cat "$folder/installed" 2>/dev/null)" != "$packages" ]; then
  mkdir -p "$folder"
  # shellcheck disable=SC2086 # a list of names
  npm install --prefix "$folder" --no-save --no-audit --no-fund --ignore-scripts --loglevel error $packages
  echo "$packages" > "$folder/installed"
fi
