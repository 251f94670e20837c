"""The device profiles, one TOML file each; installed as edgeinfer_device_profiles."""
