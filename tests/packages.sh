#!/usr/bin/env bash
# Installs the Debian packages that some groups of tests need. Quick and silent when all are there; without the
# right to install, it says what is missing and lets the tests be listed as NOT RUN. Never fails a run.
set -u

# tool:package; more can be given as arguments.
wanted=(flite:flite espeak-ng:espeak-ng strace:strace postgres:postgresql turnserver:coturn chromium:chromium "$@")

missing=()
for entry in "${wanted[@]}"; do
    tool=${entry%%:*}
    if ! command -v "$tool" >/dev/null && ! compgen -G "/usr/lib/postgresql/*/bin/$tool" >/dev/null; then
        missing+=("${entry#*:}")
    fi
done
[ ${#missing[@]} -eq 0 ] && exit 0

not_installed() {
    echo "tests/packages.sh: not installed: ${missing[*]} ($1); the tests that need them will be listed as NOT RUN"
    exit 0
}

command -v apt-get >/dev/null || not_installed "no apt-get here"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || not_installed "neither root nor sudo without a password"
    as_root=(sudo -n)
fi

apt() { timeout 300 "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" </dev/null >/dev/null 2>&1; }
install() { apt install --yes --no-install-recommends "${missing[@]}"; }

install || { apt update && install; } || not_installed "apt-get failed"
