"""The systemd unit and the settings file that an installation starts with: texts only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

UNIT_NAME = "edgeinfer.service"
UNIT_FOLDER = Path("etc/systemd/system")
WANTS_FOLDER = UNIT_FOLDER / "multi-user.target.wants"
SETTINGS = Path("/etc/edgeinfer/edgeinfer.toml")
FOLDERS = (Path("etc/edgeinfer/trust.d"), Path("var/lib/edgeinfer"))


@dataclass(frozen=True)
class UnitOptions:
    """What differs from device to device. `gpu`: the profile needs CUDA, so a JIT and its devices."""

    executable: Path
    settings: Path = SETTINGS
    gpu: bool = False


def unit_text(options: UnitOptions) -> str:
    """The unit. Its user exists only while it runs; bundles belong to root, and it can only read them."""
    devices = _GPU_DEVICES if options.gpu else _CAMERA_DEVICES
    return _UNIT.format(
        executable=_quote(options.executable), settings=_quote(options.settings), devices=devices
    )


def _quote(path: Path) -> str:
    text = str(path).replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{text}"' if set(text) & set(" \t'\";\\") else text


_UNIT = """\
# Written by `edgeinfer systemd install`. Changes belong into a drop-in: systemctl edit edgeinfer
[Unit]
Description=edgeinfer: models on cameras and sensors, results over MQTT
After=network.target
# However often it fails, it is started again.
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={executable} daemon --config {settings}
Restart=always
RestartSec=2
# Signs of life come only while every stage makes progress.
WatchdogSec=30
# The first start on a Jetson builds an engine.
TimeoutStartSec=15min
TimeoutStopSec=10
OOMPolicy=stop

# A user of its own. /var/lib/edgeinfer, where `edgeinfer install` puts bundles, stays root's.
DynamicUser=yes
SupplementaryGroups=video
ConfigurationDirectory=edgeinfer
StateDirectory=edgeinfer/service
CacheDirectory=edgeinfer
Environment=XDG_CONFIG_HOME=/etc XDG_STATE_HOME=/var/lib
UMask=0077

# The broker's password: a file that only root can read (0600). The second line allows it to be absent.
LoadCredential=mqtt.password:/etc/edgeinfer/mqtt.password
SetCredential=mqtt.password:\\n

{devices}
# /proc/cpuinfo must stay visible: runtimes choose their kernels by it.
ProtectProc=invisible
CapabilityBoundingSet=
KeyringMode=private
LockPersonality=yes
NoNewPrivileges=yes
PrivateMounts=yes
PrivateTmp=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources

[Install]
WantedBy=multi-user.target
"""

_CAMERA_DEVICES = """\
# Cameras and nothing else.
DevicePolicy=closed
DeviceAllow=char-video4linux rw
DeviceAllow=char-media rw
MemoryDenyWriteExecute=yes"""

_GPU_DEVICES = """\
# CUDA and TensorRT need the devices of the GPU, whose names differ, and write code at run time.
DevicePolicy=auto
SupplementaryGroups=render"""

EXAMPLE_SETTINGS = """\
# Settings of the edgeinfer daemon. Every field: docs/settings.md
# Check them:  edgeinfer daemon --config /etc/edgeinfer/edgeinfer.toml --check
# Start:       systemctl start edgeinfer          Look: systemctl status edgeinfer

[device]
# In topics and documents; the host name by default.
#name = "gate-1"

[mqtt]
# mqtt:// or ws:// in the clear, mqtts:// or wss:// with TLS.
url = "mqtt://localhost:1883"
#version = "3.1.1"
#prefix = "edgeinfer"
# The password goes into /etc/edgeinfer/mqtt.password (chmod 600), which the service reads by itself.
#username = "gate-1"
#ca_file = "/etc/edgeinfer/ca.pem"

# A stream is a source and the bundle that looks at it. `edgeinfer status` lists what is installed.
#[[stream]]
#name = "door"
#source = "v4l2:///dev/video0"
#bundle = "person"
#max_fps = 10

#[metrics]
#interval_s = 10
"""
