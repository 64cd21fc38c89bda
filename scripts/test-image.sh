#!/usr/bin/env bash
# Builds the image on a local Debian base with buildah and tries it the way a strict cluster runs it: not root, no capability
# to be had, no new privileges, read-only root. Needs root and Debian; no container engine, no image registry.
#
#   KENNEL_IMAGE_BASE=DIR   reuses (or fills) DIR as the Debian base instead of making one for this run.
set -euo pipefail
cd "$(dirname "$0")/.."

declare -A package_of=([buildah]=buildah [debootstrap]=debootstrap [bwrap]=bubblewrap [setpriv]=util-linux [dig]=bind9-dnsutils [ip]=iproute2 [getcap]=libcap2-bin)
missing=()
for tool in "${!package_of[@]}"; do command -v "$tool" >/dev/null || missing+=("${package_of[$tool]}"); done
if [ "${#missing[@]}" -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

work=$(mktemp -d /var/tmp/kennel-image.XXXXXX)
netns="kennel-image-$$"
server=''
export STORAGE_DRIVER=vfs BUILDAH_ISOLATION=chroot
buildah() { command buildah --root "$work/storage" --runroot "$work/run" "$@"; }
cleanup() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  ip netns delete "$netns" 2>/dev/null || true
  buildah umount --all >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT

passed=0
failed=0
check() { # check WHAT COMMAND…
  local what=$1
  shift
  if "$@" >"$work/check.log" 2>&1; then
    passed=$((passed + 1)) && echo "ok   $what"
  else
    failed=$((failed + 1)) && echo "FAIL $what" && sed 's/^/     /' "$work/check.log"
  fi
}

# The Debian base, and a second one with this machine's Node and npm, their settings and certificates: nothing of it is kept.
base=${KENNEL_IMAGE_BASE:-$work/base}
if [ ! -e "$base/etc/debian_version" ]; then
  debootstrap --variant=minbase --include=ca-certificates,binutils bookworm "$base" >"$work/debootstrap.log"
  # Every build stage copies the base: less in it is less to copy.
  rm -rf "$base"/var/cache/apt/archives/*.deb "$base"/var/lib/apt/lists/* "$base"/usr/share/{doc,man,locale}
fi

container=$(buildah from scratch)
buildah add --quiet "$container" "$base" / >/dev/null
buildah commit --quiet "$container" localhost/kennel-base >/dev/null

PATH_WITHOUT_PROJECT=$(tr ':' '\n' <<<"$PATH" | grep -v node_modules | paste -sd:)
machine_node=$(PATH=$PATH_WITHOUT_PROJECT command -v node)
machine_npm=$(PATH=$PATH_WITHOUT_PROJECT npm root --global)/npm
buildah add --quiet "$container" "$(readlink -f "$machine_node")" /usr/bin/node >/dev/null
buildah add --quiet "$container" "$machine_npm" /usr/lib/node_modules/npm >/dev/null
for settings in "$(npm config get globalconfig):/usr/etc/npmrc" "$(npm config get userconfig):/root/.npmrc" "/etc/ssl/certs/ca-certificates.crt:/etc/ssl/certs/ca-certificates.crt"; do
  [ ! -e "${settings%%:*}" ] || buildah add --quiet "$container" "${settings%%:*}" "${settings#*:}" >/dev/null
done
buildah run "$container" -- ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/bin/npm
buildah config --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt "$container"
buildah commit --quiet --rm "$container" localhost/kennel-build-base >/dev/null

started=$SECONDS
buildah build --quiet --format docker --network host --build-arg BASE=localhost/kennel-base --build-arg BUILD_BASE=localhost/kennel-build-base --tag localhost/kennel . >"$work/build.log" 2>&1 ||
  { tail -40 "$work/build.log"; exit 1; }
echo "built in $((SECONDS - started)) s"

container=$(buildah from localhost/kennel)
root=$(buildah mount "$container")
config() { buildah inspect --type image --format "$1" localhost/kennel; }
du -sh "$root/usr/local/bin/node" "$root/opt/kennel" | sed "s#$root##"

check 'the user is not root' test "$(config '{{.OCIv1.Config.User}}')" = 65532:65532
check 'port 5300 is exposed, UDP and TCP' test "$(config '{{.OCIv1.Config.ExposedPorts}}')" = 'map[5300/tcp:{} 5300/udp:{}]'
check 'state is a volume' test "$(config '{{.OCIv1.Config.Volumes}}')" = 'map[/var/lib/kennel:{}]'
check 'a health check is declared' grep -q healthcheck <<<"$(config '{{.Docker.Config.Healthcheck}}')"
check 'no file carries a capability' test -z "$(getcap -r "$root/usr/local" "$root/opt/kennel" 2>/dev/null)"
check 'no set-uid file was added' test -z "$(find "$root/usr/local" "$root/opt/kennel" -perm /6000)"
check 'no TypeScript, header or native source is shipped' test -z "$(find "$root/opt/kennel" -name '*.ts' -o -name '*.h' -o -name '*.c' -o -name '*.cpp')"

# Runs COMMAND in the image as the container's user, with nothing to gain: every capability set empty, no new privileges, / read-only.
mkdir "$work/state" && chown 65532:65532 "$work/state"
echo 'nameserver 192.0.2.53' >"$work/resolv.conf"
in_image() {
  ip netns exec "$netns" bwrap --ro-bind "$root" / --bind "$work/state" /var/lib/kennel --ro-bind "$work/resolv.conf" /etc/resolv.conf \
    --proc /proc --dev /dev --clearenv --setenv PATH /usr/local/bin:/usr/bin:/bin --setenv HOME /var/lib/kennel --setenv XDG_STATE_HOME /var/lib \
    --setenv NODE_ENV production --chdir /var/lib/kennel --die-with-parent \
    setpriv --reuid 65532 --regid 65532 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all --ambient-caps=-all "$@"
}
kennel() { in_image /usr/local/bin/node /opt/kennel/bin/kennel.mjs "$@"; }
ip netns add "$netns"
ip -n "$netns" link set lo up

check 'the root file system is read-only' in_image sh -c '! touch /opt/kennel/x && ! touch /tmp/x'
check 'no capability can be had' in_image sh -c 'grep -c "^Cap...:.0000000000000000$" /proc/self/status | grep -qx 5 && grep -q "^NoNewPrivs:.1$" /proc/self/status'
check 'kennel is on PATH' in_image kennel --version

kennel serve --listen 0.0.0.0:5300 --listen "[::]:5300" >"$work/serve.log" 2>&1 &
server=$!
ask() { ip netns exec "$netns" dig +time=1 +tries=1 +short "$@" @127.0.0.1 -p 5300 localhost A | grep -qx 127.0.0.1; }
for _ in $(seq 50); do ask 2>/dev/null && break || sleep 0.2; done
check 'answers over UDP' ask
check 'answers over TCP' ask +tcp
check 'the health check passes' kennel healthcheck
check 'state is written to the volume' test -n "$(ls -A "$work/state")"
for pid in $(ip netns pids "$netns"); do
  [ "$(readlink "/proc/$pid/exe")" != /usr/local/bin/node ] || kill -TERM "$pid"
done
check 'stops by itself on SIGTERM' wait "$server"
server=''
check 'the health check fails when nothing runs' eval '! kennel healthcheck'

[ "$failed" -eq 0 ] || sed 's/^/serve: /' "$work/serve.log"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
