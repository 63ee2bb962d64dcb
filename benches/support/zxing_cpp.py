"""Reads grey pictures from the standard input with zxing-cpp, for `./dev bench scan`.

A picture is a line `WIDTH HEIGHT` and as many bytes; the answer is a line of JSON with the texts, each with the
add-on beside it or null, and the microseconds that reading took, pictures handed over and unpacked not counted. The first line says the version.
Formats are those that a shop prints; turning, shrinking, inverting and add-ons are on, as the bars of the project
demand.
"""

import importlib.metadata
import json
import sys
import time

import zxingcpp

# One name a line; DataBar stands for all its kinds.
RETAIL = ["EAN13", "EAN8", "UPCA", "UPCE", "Code128", "ITF", "DataBar", "QRCode", "DataMatrix"]


def split(one):
    """The text and its add-on, which follows the thirteen digits of any EAN or UPC without a sign between."""
    has_add_on = one.symbology_identifier == "]E3"
    return (one.text[:13], one.text[13:]) if has_add_on else (one.text, None)


def main():
    wanted = zxingcpp.barcode_formats_from_str("|".join(RETAIL))
    source, sink = sys.stdin.buffer, sys.stdout
    print(json.dumps({"version": importlib.metadata.version("zxing-cpp")}), file=sink, flush=True)
    while line := source.readline():
        width, height = (int(word) for word in line.split())
        pixels = memoryview(source.read(width * height)).cast("B", shape=[height, width])
        begin = time.process_time_ns()
        found = zxingcpp.read_barcodes(
            pixels,
            formats=wanted,
            try_rotate=True,
            try_downscale=True,
            try_invert=True,
            ean_add_on_symbol=zxingcpp.EanAddOnSymbol.Read,
            text_mode=zxingcpp.TextMode.Plain,
        )
        micros = (time.process_time_ns() - begin) // 1000
        print(json.dumps({"micros": micros, "found": [split(one) for one in found]}), file=sink, flush=True)


main()
