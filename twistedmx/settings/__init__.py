"""What the operator writes: `Settings` composes the class that each room owns, `toml_file` reads it, all faults out."""

from twistedmx.settings.composed import Settings
from twistedmx.settings.toml_file import BadSettings, read_settings, settings_from

__all__ = ["BadSettings", "Settings", "read_settings", "settings_from"]
