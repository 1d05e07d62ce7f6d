"""What the doctor is held to, as experiments whose results are kept: `python -m tools.doctor confusion|act|tips`.

Results are written to tools/doctor/*.json and shown in docs/doctor.md, which `python -m tools.doctor` writes anew from
them; with `--check` it only says whether the page is behind.
"""
