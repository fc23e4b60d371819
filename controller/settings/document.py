"""``docs/settings.md`` from the catalogue: ``python -m controller.settings.document > docs/settings.md``."""

from __future__ import annotations

from controller.settings.catalog import CATALOG, Catalog, LimitKey16, Mutability, Variable

_HEAD = """\
# Settings

This page is generated from the catalogue (`controller/settings/catalog.py`); do not edit it. Write it anew
with `python -m controller.settings.document > docs/settings.md`.

A setting has one value and two names: its OCPP 2.0.1 variable and, where there is one, its OCPP 1.6 key.
Either works in `station.toml`, on the command line and over the local API, in any case:

```toml
[settings]
"TxCtrlr.EVConnectionTimeOut" = 90
MeterValueSampleInterval = 30
```

Its value comes from the first of: this start's command line (`--set`), what a central system or a technician
changed (kept in the database), `station.toml`, the default. Access is what the network may do: the owner may
set read-only settings too, in `station.toml` or with `--set`. Computed settings nobody sets.
"""

_ACCESS = {
    Mutability.READ_ONLY: "read",
    Mutability.READ_WRITE: "read, write",
    Mutability.WRITE_ONLY: "write",
}


def settings_markdown(catalog: Catalog) -> str:
    """The whole page."""
    parts = [_HEAD]
    components = dict.fromkeys(variable.component for variable in catalog.variables)
    for component in components:
        parts.append(f"## {component}\n")
        parts.append(
            "| variable | 1.6 key | accepted | default | access | meaning |\n|---|---|---|---|---|---|"
        )
        parts.extend(_row(v) for v in catalog.variables if v.component == component)
        parts.append("")
    parts.append("## Keys of OCPP 1.6 only\n")
    parts.append("All are read-only.\n")
    parts.append("| key | value | meaning |\n|---|---|---|")
    for key in catalog.keys16:
        value = f"{key.value}, limit of `{key.of.full_name}`" if isinstance(key, LimitKey16) else "computed"
        parts.append(f"| `{key.key}` | {value} | {key.about} |")
    return "\n".join(parts) + "\n"


def _row(variable: Variable[object]) -> str:
    name = variable.full_name.removeprefix(variable.component + ".")
    key16 = f"`{variable.key16}`" if variable.key16 else ""
    scope = "" if variable.scope.value == "station" else f" One for each {variable.scope.value}."
    if variable.default is None:
        default = "computed"
    else:
        shown = variable.kind.format(variable.default)
        default = f"`{shown}`" if shown else "empty"
    reboot = " Takes effect with the next start." if variable.reboot_required else ""
    access = _ACCESS[variable.mutability] + (", write by 1.6" if variable.writable16 else "")
    about = f"{variable.about}{scope}{reboot}"
    return f"| `{name}` | {key16} | {variable.kind.expected} | {default} | {access} | {about} |"


if __name__ == "__main__":
    print(settings_markdown(CATALOG), end="")
