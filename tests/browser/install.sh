#!/bin/sh
# Installs the Chromium that tests/test_http_pages_browser.py drives, from Debian's packages. Needs root, or sudo.
set -eu
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null; then exit 0; fi
done
as_root=""
if [ "$(id -u)" != 0 ]; then as_root="sudo -n"; fi
$as_root apt-get update --quiet
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --no-install-recommends chromium fonts-dejavu-core
