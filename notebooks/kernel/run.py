"""Execute a notebook without a browser.

    python3 run.py KERNEL [--compare] IN.ipynb OUT.ipynb

The status is 1 if a cell failed, if the kernel died, if a cell's program ended with a
status that is not 0, which GoNB tells in text only, or if an output is to be compared and
differs. Two runs of a notebook that is deterministic give the same file.
"""
import os
import re
import sys

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

# What GoNB writes to a cell's standard error when its program or a shell line failed.
ENDED_BADLY = re.compile(r"^(exit status \d+|signal: .*|panic: .*|fatal error: .*)$", re.M)


def settle(outputs):
    """Put text before displays and join it: how a kernel cuts and mixes the two varies."""
    settled = []
    for out in sorted(outputs, key=lambda out: (out.output_type != "stream", out.get("name", ""))):
        if settled and out.output_type == settled[-1].output_type == "stream" and out.name == settled[-1].name:
            settled[-1].text += out.text
        else:
            settled.append(out)
    return settled


def differences(old, new):
    """Tell which outputs are not those of before. Another version of Go has other source."""
    version = "metadata", "language_info", "version"
    for key in version:
        old_version = (old if key == "metadata" else old_version).get(key, {})
        new_version = (new if key == "metadata" else new_version).get(key, {})
    if old_version != new_version:
        print(f"outputs are of Go {old_version}, this is {new_version}: not compared", file=sys.stderr)
        return None
    for number, (a, b) in enumerate(zip(old.cells, new.cells), 1):
        if a.get("outputs") != b.get("outputs"):
            text = [o.get("text", "") for o in b.outputs]
            return f"cell {number}: its output is not the one in the notebook (if it should be, test --update):\n{''.join(text)}"
    return None


def main(kernel, *args):
    compare = args[0] == "--compare"
    src, dst = args[-2:]
    nb = nbformat.read(src, as_version=4)
    old = nbformat.read(src, as_version=4)
    failed = None
    try:
        NotebookClient(
            nb, kernel_name=kernel, timeout=1800, startup_timeout=120, record_timing=False,
            resources={"metadata": {"path": os.path.dirname(os.path.abspath(src))}},
        ).execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as e:
        failed = str(e)
        if getattr(e, "evalue", "") not in failed:  # nbclient 0.11 tells tracebacks, which gophernotes has none of
            failed += f"{e.ename}: {e.evalue}"
    for number, cell in enumerate(nb.cells, 1):
        if cell.cell_type != "code":
            continue
        cell.outputs = settle(cell.outputs)
        for out in cell.outputs:
            if out.output_type == "stream" and out.name == "stderr" and ENDED_BADLY.search(out.text):
                failed = failed or f"cell {number}: {out.text}"
    if compare and not failed:
        failed = differences(old, nb)
    if not failed or src != dst:
        nbformat.write(nb, dst)
    return f"{src}: {failed}" if failed else 0


sys.exit(main(*sys.argv[1:]))
