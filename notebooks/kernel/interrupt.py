"""Run cells on the kernel "gorgpt", and interrupt one of them.

    python3 interrupt.py SECONDS CELL...

A cell that begins with // interrupt is interrupted after so many seconds. Prints a line for
each cell: ok, or the error, and its text.
"""
import sys
import threading

from jupyter_client.manager import start_new_kernel

seconds, cells = float(sys.argv[1]), sys.argv[2:]
manager, client = start_new_kernel(kernel_name="gorgpt", startup_timeout=120)
try:
    for cell in cells:
        text = []
        if cell.startswith("// interrupt"):
            threading.Timer(seconds, manager.interrupt_kernel).start()
        reply = client.execute_interactive(
            cell, timeout=60,
            output_hook=lambda m: text.append(m["content"].get("text", "")) if m["msg_type"] == "stream" else None,
        )["content"]
        print(reply["status"], reply.get("evalue", ""), "".join(text).strip(), sep="|")
finally:
    client.stop_channels()
    manager.shutdown_kernel(now=True)
