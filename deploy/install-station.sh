#!/usr/bin/env bash
# Hace de esta máquina una estación: Raspberry Pi OS (64 bits) o Debian, 12 o 13. Puede repetirse, también para actualizar.
# Makes a station of this machine: Raspberry Pi OS (64 bit) or Debian, 12 or 13. May be run again, also to update.
#
#   sudo deploy/install-station.sh [--station-folder FOLDER] [--wheels FOLDER] [--root DIR]
#
#   --station-folder FOLDER  lo que `otorongo-hub station add` escribió para esta estación: station.toml y pki/
#                            what `otorongo-hub station add` wrote for this station: station.toml and pki/
#   --wheels FOLDER          toma de ahí los paquetes de Python, sin red (pip download -r locks/pi.txt -d FOLDER)
#                            take Python packages from there, without a network
#   --root DIR               instala en una tarjeta o imagen montada, no en esta máquina
#                            install into a mounted card or image instead of this machine
set -euo pipefail

program=install-station
source_dir=$(cd "$(dirname "$0")/.." && pwd)
# shellcheck source=deploy/lib.sh
. "$source_dir/deploy/lib.sh"

station_folder='' wheels='' root=''
while [ $# -gt 0 ]; do
    case $1 in
        --station-folder | --wheels | --root)
            [ $# -gt 1 ] || die "$1 necesita una carpeta" "$1 needs a folder"
            option=${1#--}
            declare "${option//-/_}=$2"
            shift 2
            ;;
        -h | --help)
            sed -n '2,12s/^# \{0,1\}//p' "$0"
            exit 0
            ;;
        *) no_option "$1" ;;
    esac
done
[ "$(id -u)" -eq 0 ] || no_root

if [ -n "$station_folder" ]; then
    for file in station.toml pki/device.key pki/device.crt pki/hub-ca.crt pki/seal.key; do
        [ -f "$station_folder/$file" ] ||
            die "falta $station_folder/$file; la carpeta tiene que ser una que escribió 'station add'" \
                "$station_folder/$file is missing; the folder must be one that 'station add' wrote"
    done
fi
if [ -n "$root" ]; then
    check_root "$root"
    arguments=()
    # What lies outside the root is carried in; the copy of the keys goes again when this ends.
    for option in station-folder wheels; do
        name=${option//-/_}
        [ -n "${!name}" ] || continue
        trap 'rm -rf "$root"/root/otorongo-{station-folder,wheels}' EXIT
        cp -rT "${!name}" "$root/root/otorongo-$option"
        arguments+=("--$option" "/root/otorongo-$option")
    done
    (enter_root "$root" install-station.sh "${arguments[@]}")
    exit
fi

check_system
lock=station
if grep -qs 'Raspberry Pi' /proc/device-tree/model; then
    lock=pi
    "$source_dir/scripts/need" alsa-utils python3-picamera2
    # The sensors' unit may use what the kernel knows when it starts: cameras by name, also those found late.
    printf 'mc\n' >/etc/modules-load.d/otorongo.conf
else
    "$source_dir/scripts/need" alsa-utils
fi

make_user
install_release /opt/otorongo "$lock" "$wheels"
ln -sfn /opt/otorongo/current/bin/otorongo-station /usr/local/bin/otorongo-station
install -d -o otorongo -g otorongo -m 0750 /var/lib/otorongo

if [ -n "$station_folder" ]; then
    # Certificates may be read; keys are root's, and systemd hands them to the uplink alone.
    install -d -o root -g root -m 0755 /etc/otorongo/pki
    for file in device.crt hub-ca.crt; do
        install -o root -g root -m 0644 "$station_folder/pki/$file" "/etc/otorongo/pki/$file"
    done
    for file in device.key seal.key; do
        install -o root -g root -m 0400 "$station_folder/pki/$file" "/etc/otorongo/pki/$file"
    done
    put_config "$station_folder/station.toml" /etc/otorongo/station.toml
fi

for unit in otorongo-sense@.service otorongo-uplink.service; do
    install -m 0644 "$source_dir/systemd/$unit" "/etc/systemd/system/$unit"
done

if [ ! -f /etc/otorongo/station.toml ]; then
    say "instalado, sin configuración. En el centro: otorongo-hub station add NOMBRE; después esto otra vez, con --station-folder" \
        "installed, without a configuration. On the hub: otorongo-hub station add NAME; then run this again with --station-folder"
    exit 0
fi
mend=''
if ! /opt/otorongo/current/bin/otorongo-station check; then
    mend=yes
    # What cannot be read starts nothing. A microphone that is not plugged in yet, or never will be in the machine that
    # fills this card, is no reason to leave a station in the tree that never starts.
    /opt/otorongo/current/bin/python -c 'import sys
from otorongo.errors import OtorongoError
from otorongo.station.config import DEFAULT_PATH, load
try:
    load(DEFAULT_PATH)
except OtorongoError:
    sys.exit(1)' ||
        die "corrija /etc/otorongo/station.toml, como se dice arriba, y después esta orden otra vez" \
            "/etc/otorongo/station.toml needs mending, as said above; then run this again"
fi

# One unit for each sensor that the configuration has, and none for one that it no longer has.
for sensor in microphone camera birds; do
    if grep -q "^\[${sensor}[].]" /etc/otorongo/station.toml; then
        enable_units "otorongo-sense@$sensor.service"
    else
        systemctl disable --quiet "otorongo-sense@$sensor.service"
        [ ! -d /run/systemd/system ] || systemctl stop "otorongo-sense@$sensor.service"
    fi
done
enable_units otorongo-uplink.service
if [ -n "$mend" ]; then
    say "instalado; algunas cosas están por corregir, como se dice arriba: otorongo-station check vuelve a mirar" \
        "installed; some things are to be mended, as said above: otorongo-station check looks again"
else
    say "listo: otorongo-station tail muestra lo que nota" "done: otorongo-station tail shows what it notices"
fi
