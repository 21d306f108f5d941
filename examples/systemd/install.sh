#!/bin/sh
# Installs this project as a service of systemd: `sudo sh install.sh NAME`. The name is that of the service, of its user and
# of its folders. With DESTDIR, files are written below that folder, and nothing is started.
set -eu
name=${1:?'usage: sh install.sh NAME'}
root=${DESTDIR:-}
cd "$(dirname "$0")"
[ -d node_modules/multilane ] || { echo 'install.sh: run `npm install` first' >&2; exit 1; }

install -d "$root/opt/$name" "$root/etc/$name" "$root/etc/systemd/system"
cp -R package.json multilane.config.js node_modules "$root/opt/$name/"
# An environment file that is there is kept.
[ -e "$root/etc/$name/environment" ] || install -m 0600 environment "$root/etc/$name/environment"
# The unit of the package finds everything by its own name. `node` may be elsewhere than in /usr/bin.
sed "s|^ExecStart=/usr/bin/node |ExecStart=$(command -v node) |" node_modules/multilane/deploy/multilane.service \
  >"$root/etc/systemd/system/$name.service"
[ -z "$root" ] || exit 0

id "$name" >/dev/null 2>&1 || useradd --system --no-create-home "$name"
systemctl daemon-reload
systemctl enable "$name"
systemctl restart "$name"
