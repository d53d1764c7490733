#!/usr/bin/env bash
# Hace de esta máquina un centro: Debian 12 o 13, con mosquitto delante. Puede repetirse, también para actualizar.
# Makes a hub of this machine: Debian 12 or 13, with mosquitto in front. May be run again, also to update.
#
#   sudo deploy/install-hub.sh [--config FILE] [--postgresql] [--wheels FOLDER] [--root DIR]
#
#   --config FILE    un hub.toml, con una carpeta places/ a su lado si la tiene; sin él se hace uno inicial, por llenar
#                    a hub.toml, with a folder places/ beside it if it has one; without it a first one is made, to be
#                    filled in
#   --postgresql     instala también PostgreSQL y hace la base de datos "otorongo" para el usuario "otorongo"; el hub.toml
#                    inicial la nombra
#                    also install PostgreSQL and make the database "otorongo" for the user "otorongo"; a first hub.toml
#                    names it
#   --wheels FOLDER  toma de ahí los paquetes de Python, sin red (pip download -r locks/hub.txt -d FOLDER)
#                    take Python packages from there, without a network
#   --root DIR       instala en un disco o imagen montados, no en esta máquina
#                    install into a mounted disk or image instead of this machine
set -euo pipefail

program=install-hub
source_dir=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=deploy/lib.sh
. "$source_dir/deploy/lib.sh"

config='' wheels='' root='' postgresql=''
while [ $# -gt 0 ]; do
    case $1 in
        --config | --wheels | --root)
            [ $# -gt 1 ] || die "$1 necesita un nombre" "$1 needs a name"
            declare "${1#--}=$2"
            shift 2
            ;;
        --postgresql)
            postgresql=yes
            shift
            ;;
        -h | --help)
            sed -n '2,18s/^# \{0,1\}//p' "$0"
            exit 0
            ;;
        *) no_option "$1" ;;
    esac
done

database='database = "postgresql:///otorongo"'

as_postgres() { runuser -u postgres -- "$@"; }

# The user and the database "otorongo", in UTF-8 whatever the machine speaks. Over its own socket the database knows the
# user by the system's word: there is no password to lose.
make_database() {
    if [ -d /run/systemd/system ]; then
        systemctl start postgresql
    elif ! as_postgres psql -qc '' 2>/dev/null; then # a mounted disk: for as long as this script runs, on no network
        local cluster
        cluster=$(pg_lsclusters -h | awk 'END { print $1, $2 }')
        [ -n "$cluster" ] ||
            die "aquí PostgreSQL no tiene clúster: pg_createcluster VERSIÓN main, y después esta orden otra vez" \
                "PostgreSQL has no cluster here: pg_createcluster VERSION main, then run this again"
        # shellcheck disable=SC2086
        pg_ctlcluster $cluster start -- -o "-c listen_addresses=''"
        # shellcheck disable=SC2064
        trap "pg_ctlcluster $cluster stop --mode fast" EXIT
    fi
    as_postgres psql -tAc "SELECT 1 FROM pg_roles WHERE rolname = 'otorongo'" | grep -q 1 || as_postgres createuser otorongo
    as_postgres psql -tAc "SELECT 1 FROM pg_database WHERE datname = 'otorongo'" | grep -q 1 ||
        as_postgres createdb --owner otorongo --encoding UTF8 --locale C.UTF-8 --template template0 otorongo
}

[ "$(id -u)" -eq 0 ] || no_root
[ -z "$config" ] || [ -f "$config" ] || die "$config: no existe ese archivo" "$config: no such file"

if [ -n "$root" ]; then
    check_root "$root"
    arguments=()
    [ -z "$postgresql" ] || arguments+=(--postgresql)
    for kind in config wheels; do
        [ -n "${!kind}" ] || continue
        trap 'rm -rf "$root"/root/otorongo-{config,wheels}' EXIT
        if [ "$kind" = config ]; then
            mkdir -p "$root/root/otorongo-config"
            cp "$config" "$root/root/otorongo-config/hub.toml"
            [ ! -d "$(dirname "$config")/places" ] || cp -r "$(dirname "$config")/places" "$root/root/otorongo-config"
            arguments+=(--config /root/otorongo-config/hub.toml)
        else
            cp -rT "$wheels" "$root/root/otorongo-wheels"
            arguments+=(--wheels /root/otorongo-wheels)
        fi
    done
    (enter_root "$root" install-hub.sh "${arguments[@]}")
    exit
fi

check_system
"$source_dir/scripts/need" mosquitto
[ -z "$postgresql" ] || "$source_dir/scripts/need" postgresql

make_user
install_release /opt/otorongo-hub hub "$wheels"
ln -sfn /opt/otorongo-hub/current/bin/otorongo-hub /usr/local/bin/otorongo-hub
install -d -o otorongo -g otorongo -m 0750 /var/lib/otorongo-hub
if [ -n "$config" ]; then
    put_config "$config" /etc/otorongo/hub.toml
    if [ -d "$(dirname "$config")/places" ]; then
        install -d -o root -g otorongo -m 0750 /etc/otorongo/places
        for file in "$(dirname "$config")"/places/*.geojson; do
            put_config "$file" "/etc/otorongo/places/$(basename "$file")"
        done
    fi
elif [ ! -e /etc/otorongo/hub.toml ]; then
    put_config "$source_dir/deploy/hub-start.toml" /etc/otorongo/hub.toml
    [ -z "$postgresql" ] || sed -i "0,/^\[/s|^\[|$database\n\n&|" /etc/otorongo/hub.toml
fi

# The broker: ours beside Debian's own configuration. Its keys come with the first `station add`.
install -d -o root -g mosquitto -m 0750 /etc/mosquitto/otorongo
install -o root -g mosquitto -m 0640 "$source_dir/deploy/mosquitto/otorongo.acl" /etc/mosquitto/otorongo/otorongo.acl
install -m 0644 "$source_dir/deploy/mosquitto/otorongo.conf" /etc/mosquitto/conf.d/otorongo.conf
install -D -m 0644 "$source_dir/deploy/mosquitto/mosquitto.service.d.conf" \
    /etc/systemd/system/mosquitto.service.d/otorongo.conf

if [ -n "$postgresql" ]; then
    make_database
    grep -q '^database' /etc/otorongo/hub.toml ||
        say "antes de la primera [sección] de /etc/otorongo/hub.toml escriba: $database" \
            "above the first [section] of /etc/otorongo/hub.toml write: $database"
fi

install -m 0644 "$source_dir/systemd/otorongo-hub.service" /etc/systemd/system/otorongo-hub.service
if ! runuser -u otorongo -- /opt/otorongo-hub/current/bin/otorongo-hub check; then
    die "instalado, pero no iniciado: corrija /etc/otorongo/hub.toml, como se dice arriba, y después esta orden otra vez" \
        "installed, and not started: /etc/otorongo/hub.toml needs mending, as said above; then run this again"
fi
enable_units otorongo-hub.service
say "listo. Ahora, con sudo -u otorongo: otorongo-hub user add NOMBRE, otorongo-hub station add NOMBRE; y después, como root, systemctl restart mosquitto" \
    "done. Next, each with sudo -u otorongo: otorongo-hub user add NAME, otorongo-hub station add NAME; then systemctl restart mosquitto"
