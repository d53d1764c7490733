# Shared by install-station.sh and install-hub.sh; sourced, not run. Every step may be repeated.
# `program` and `source_dir` are set by whoever sources this.
# shellcheck shell=bash disable=SC2154

# say SPANISH ENGLISH: each on a line of its own, as in scripts/.
say() { printf '%s: %s\n' "$program" "$1" "$program" "$2"; }
die() {
    say "$1" "$2" >&2
    exit 1
}
no_root() { die "debe ejecutarse como root: sudo $0" "must run as root: sudo $0"; }
no_option() { die "$1: no existe esa opción; --help las muestra" "$1: no such option; --help shows them"; }

# check_root DIR: a card that is not mounted leaves an empty folder.
check_root() {
    [ -e "$1/etc/os-release" ] || [ -e "$1/usr/lib/os-release" ] ||
        die "$1: no es una tarjeta con un sistema: ¿está montada?" "$1: no card with a system: is it mounted?"
}

# enter_root DIR SCRIPT ARGUMENT...: runs a script of this source tree again inside a mounted card or image.
enter_root() {
    local dir=$1 script=$2 part
    shift 2
    [ -x "$dir/usr/bin/dpkg" ] || die "$dir: ahí no hay ningún sistema Debian" "$dir: no Debian system in there"
    rm -rf "$dir/root/otorongo-source"
    mkdir "$dir/root/otorongo-source"
    for part in otorongo deploy systemd docs locks scripts pyproject.toml LICENSE README.md; do
        [ ! -e "$source_dir/$part" ] || cp -r "$source_dir/$part" "$dir/root/otorongo-source"
    done
    # In a namespace of its own, so that nothing stays mounted, however this ends.
    # shellcheck disable=SC2016
    exec unshare --mount bash -euc '
        dir=$1; shift
        trap "rm -rf \"$dir/root/otorongo-source\"" EXIT
        mount --rbind /dev "$dir/dev"
        mount -t proc proc "$dir/proc"
        chroot "$dir" "$@"
    ' enter "$dir" "/root/otorongo-source/deploy/$script" "$@"
}

check_system() {
    [ "$(id -u)" -eq 0 ] || no_root
    case $(dpkg --print-architecture 2>/dev/null || echo none) in
        amd64 | arm64) ;;
        none)
            die "esto no es un sistema Debian (Debian 12 o 13, Raspberry Pi OS)" \
                "this is no Debian system (Debian 12 or 13, Raspberry Pi OS)"
            ;;
        *)
            die "$(dpkg --print-architecture): ONNX Runtime solo existe para sistemas de 64 bits; use Raspberry Pi OS de 64 bits" \
                "$(dpkg --print-architecture): ONNX Runtime exists only for 64-bit systems; take the 64-bit Raspberry Pi OS"
            ;;
    esac
    "$source_dir/scripts/need" python3-venv systemd
    python3 -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' ||
        die "$(python3 --version): se necesita Python 3.11 a 3.13 (Debian 12 o 13)" \
            "$(python3 --version): needs Python 3.11 to 3.13 (Debian 12 or 13)"
}

# The version, and a digest of everything that is installed: another commit is another release.
release_name() {
    local version digest
    version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' "$source_dir/otorongo/__init__.py")
    digest=$(cd "$source_dir" && find otorongo deploy systemd docs locks pyproject.toml -type f \
        -not -path '*/__pycache__/*' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c1-8)
    printf '%s-%s' "$version" "$digest"
}

# install_release PREFIX LOCK [WHEELS]: PREFIX/releases/NAME holds the program, and PREFIX/current points to it.
install_release() {
    local prefix=$1 lock=$2 wheels=${3:-} name release work
    name=$(release_name)
    release=$prefix/releases/$name
    if [ ! -f "$release/complete" ]; then
        say "instalando $name en $release" "installing $name into $release"
        rm -rf "$release"
        mkdir -p "$prefix/releases"
        python3 -m venv "$release"
        local pip=("$release/bin/python" -m pip --disable-pip-version-check --quiet --quiet install)
        [ -z "$wheels" ] || pip+=(--no-index --find-links "$wheels")
        "${pip[@]}" --require-hashes -r "$source_dir/locks/$lock.txt"
        work=$(mktemp -d)
        cp -r "$source_dir"/{otorongo,pyproject.toml,LICENSE} "$work"
        cp "$source_dir/README.md" "$work" 2>/dev/null || true
        "${pip[@]}" --no-deps --no-build-isolation "$work"
        rm -rf "$work"
        cp -r "$source_dir"/{deploy,systemd} "$release"
        [ ! -d "$source_dir/docs" ] || cp -r "$source_dir/docs" "$release"
        chown -R root:root "$release"
        chmod -R go-w "$release"
        sync -f "$release"
        touch "$release/complete"
    fi
    point "$prefix" "$release"
}

# point PREFIX RELEASE: `current` changes in one step, `previous` remembers what it was, older ones go.
point() {
    local prefix=$1 release=$2 was old
    was=$(readlink "$prefix/current" || true)
    if [ "$was" != "$release" ]; then
        [ -z "$was" ] || ln -sfnT "$was" "$prefix/previous"
        ln -sfnT "$release" "$prefix/current.new"
        mv -T "$prefix/current.new" "$prefix/current"
    fi
    for old in "$prefix"/releases/*; do
        [ "$old" = "$release" ] || [ "$old" = "$(readlink "$prefix/previous" || true)" ] || rm -rf "$old"
    done
}

make_user() {
    install -D -m 0644 "$source_dir/systemd/otorongo.sysusers" /etc/sysusers.d/otorongo.conf
    systemd-sysusers otorongo.conf
    install -d -o root -g otorongo -m 0750 /etc/otorongo
}

# put_config FROM TO: a configuration is never overwritten; a different one is put beside it.
put_config() {
    local from=$1 to=$2
    if [ ! -e "$to" ]; then
        install -o root -g otorongo -m 0640 "$from" "$to"
    elif ! cmp -s "$from" "$to"; then
        install -o root -g otorongo -m 0640 "$from" "$to.new"
        say "$to queda como está; lo que se habría escrito está en $to.new" \
            "$to is kept as it is; what would have been written is in $to.new"
    fi
}

# enable_units UNIT...: from the next start on, and at once where systemd runs.
enable_units() {
    systemctl enable --quiet "$@"
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        systemctl restart "$@"
    fi
}
