"""Draws 40 files of texts with pyarrow and pandas, and writes what pandas reads from them.

    python draw.py [SEED [FOLDER]]

The files in drawn/ are those of seed 14, written by pandas 3.1.1 and pyarrow 26.0.1 with random
options: 20 Parquet files, 12 files of JSON lines and 8 tables. want.json has, for each file, the field
of the text and the first 16 digits of the SHA-256 of each text that is neither null nor empty.
"""

import csv, hashlib, json, pathlib, random, shutil, sys

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

seed = int(sys.argv[1]) if len(sys.argv) > 1 else 14
out = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parent / "drawn")
R = random.Random(seed)
ODD = [
    "007", "1e5", "true", "NaN", "NA", "null", "None", "2020-01-01", "-", "[]", '{"text": 1}', 'say "hi", she said', "it's",
    '"quoted"', '"', '""', "a,b;c|d", "back\\slash \\n \\u0041", "tab\there", "line\nbreak", "win\r\nbreak", "Größe straße",
    "日本語の文章", "🙂 👩‍👩‍👧 é e\u0301", "\ufeffmark inside", "\u2028 separators \u2029\u0085", " spaces around ", "\u00a0", "\ufffd itself",
    "https://a.b/c?d=e&f=<g>", "𝔘𝔫𝔦", "\x7f control \x01",
]


def text(long=False):
    if long:
        return R.choice("abz") * R.choice([4000, 4096, 4097, 9000])
    if R.random() < 0.5:
        return R.choice(ODD)
    return " ".join(R.choice(["one", "two", "three", "ä", "the", "\N{GREEK SMALL LETTER ALPHA}", "x" * R.randint(1, 30)]) for _ in range(R.randint(1, 20)))


def texts(n, gaps=True, long=0.0):
    def one():
        if gaps and R.random() < 0.15:
            return R.choice([None, ""])
        while True:
            s = text(R.random() < long)
            if gaps or s.strip():
                return s
    return [one() for _ in range(n)]


def other(n):
    """Returns columns other than the text."""
    all = {
        "id": pa.array([R.randint(-2**62, 2**62) for _ in range(n)]),
        "score": pa.array([R.choice([None, R.random()]) for _ in range(n)], pa.float64()),
        "flag": pa.array([R.choice([None, True, False]) for _ in range(n)]),
        "when": pa.array([R.randint(0, 2**40) for _ in range(n)], pa.timestamp("us", tz="UTC")),
        "tags": pa.array([[text() for _ in range(R.randint(0, 3))] for _ in range(n)]),
        "money": pa.array([None] * n, pa.decimal128(38, 9)),
        "half": pa.array([1.5] * n, pa.float16()),
        "blob": pa.array([R.randbytes(R.choice([0, 5, 60])) for _ in range(n)], pa.binary()),
        "fixed": pa.array([R.randbytes(16) for _ in range(n)], pa.binary(16)),
        "pairs": pa.array([{"a": [{"b": text()}]} for _ in range(n)]),
        "url": pa.array([text() for _ in range(n)]),
        "nothing": pa.nulls(n),
        "map": pa.array([[("k", text())] for _ in range(n)], pa.map_(pa.string(), pa.string())),
    }
    return {k: all[k] for k in R.sample(sorted(all), R.randint(0, 5))}


def parquet(i):
    name, n = f"{i:02}.parquet", R.choice([1, 2, 7, 40, 90])
    values = texts(n, long=R.choice([0, 0, 0.1, 0.5]))
    kind = R.choice([pa.string(), pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())])
    column = pa.array(values, pa.string()).cast(kind) if kind != pa.string_view() else pa.array(values, kind)
    field, path = R.choice(["text", "text", "content", "text.body", "a.b.c", "Text mit Raum"]), None
    columns = other(n)
    if R.random() < 0.25:  # a struct, whose name may itself contain dots
        outer, path = R.choice(["meta", "meta.x"]), field
        columns[outer] = pa.StructArray.from_arrays([column, pa.array(range(n))], [field, "n"])
        field = outer + "." + field
    else:
        columns[field] = column
    names = R.sample(sorted(columns), len(columns))
    table = pa.table({k: columns[k] for k in names})
    if path is None and R.random() < 0.3:
        table.to_pandas().to_parquet(out / name, compression=R.choice(["snappy", "gzip", "zstd", None]), index=R.choice([True, False, None]))
    else:
        version, encoding = R.choice(["1.0", "2.4", "2.6"]), {}
        whole = path is None and not pa.types.is_dictionary(kind)
        encode = whole and R.random() < 0.4
        if encode:
            encoding = dict(use_dictionary=False, column_encoding={field: R.choice(["PLAIN", "DELTA_BYTE_ARRAY", "DELTA_LENGTH_BYTE_ARRAY"])})
        else:
            encoding = dict(use_dictionary=R.choice([True, False]))
        if version == "1.0":
            table = table.drop_columns([c for c in ("half",) if c in table.column_names])
        pq.write_table(
            table, out / name, version=version, data_page_version=R.choice(["1.0", "2.0"]),
            compression=R.choice(["none", "snappy", "gzip", "brotli", "zstd", "lz4"]),
            write_statistics=R.choice([True, True, False]), write_page_index=R.choice([True, False]),
            write_page_checksum=R.choice([True, False]), store_schema=R.choice([True, False]),
            row_group_size=None if kind == pa.string_view() else R.choice([None, 1, 10, 64]), data_page_size=R.choice([None, 64, 1000]),
            dictionary_pagesize_limit=R.choice([None, 100]), **encoding)
    read = pd.read_parquet(out / name)
    if path is None:
        got = list(read[field])
    else:
        got = [row[path] for row in read[field[: -len(path) - 1]]]
    return name, field, got


def lines(i):
    field = R.choice(["text", "text", "content", "text.body", "Text"])
    ending, compression = R.choice([(".jsonl", None), (".ndjson", None), (".json", None), (".json.gz", "gzip"), (".jsonl.gz", "gzip"), (".jsonl.zst", "zstd"), (".json.zst", "zstd")])
    name, n = f"{i:02}{ending}", R.choice([1, 5, 60])
    columns = other(n)
    for k in ("blob", "fixed", "money", "half", "map", "pairs", "when"):
        columns.pop(k, None)
    columns[field] = pa.array(texts(n, long=0.1), pa.string())
    names = R.sample(sorted(columns), len(columns))
    df = pa.table({k: columns[k] for k in names}).to_pandas()
    df.to_json(out / name, orient="records", lines=True, force_ascii=R.choice([True, False]), compression=compression)
    encoding = "utf-8"
    if compression is None:
        data = (out / name).read_bytes()
        if R.random() < 0.4:
            data, encoding = b"\xef\xbb\xbf" + data, "utf-8-sig"
        if R.random() < 0.4:
            data = data.replace(b"\n", b"\r\n")
        if R.random() < 0.3:
            data = data.rstrip(b"\r\n")
        (out / name).write_bytes(data)
    read = pd.read_json(out / name, lines=True, dtype=False, encoding=encoding, compression=compression)
    return name, field, list(read[field])


def table(i):
    field, sep = R.choice(["text", "sentence", "Text mit Raum"]), R.choice([",", ",", "\t"])
    name, n = f"{i:02}" + (".csv" if sep == "," else ".tsv"), R.choice([3, 20, 60])
    columns = {"label": pa.array([R.randint(0, 1) for _ in range(n)]), field: pa.array(texts(n, gaps=False, long=0.05))}
    for k in R.sample(["id", "score", "url"], R.randint(0, 3)):
        columns[k] = other(n).get(k) or pa.array([R.randint(0, 9) for _ in range(n)])
    names = R.sample(sorted(columns), len(columns))
    t = pa.table({k: columns[k] for k in names})
    if R.random() < 0.35:
        options = pa.csv.WriteOptions(delimiter=sep, quoting_style=R.choice(["needed", "all_valid"]))
        pa.csv.write_csv(t, out / name, options)
    else:
        t.to_pandas().to_csv(out / name, sep=sep, index=R.choice([True, False]), quoting=R.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
                             lineterminator=R.choice(["\n", "\r\n"]), encoding=R.choice(["utf-8", "utf-8-sig"]))
    read = pd.read_csv(out / name, sep=sep, keep_default_na=False, dtype=str)
    return name, field, list(read[field])


def digest(s):
    return hashlib.sha256(s.encode()).hexdigest()[:16]


shutil.rmtree(out, ignore_errors=True)
out.mkdir(parents=True)
want = []
for draw, start, count in ((parquet, 0, 20), (lines, 20, 12), (table, 32, 8)):
    for i in range(start, start + count):
        name, field, got = draw(i)
        if draw is table:
            got = [s.strip() for s in got]  # as in a task's examples
        kept = [s for s in got if isinstance(s, str) and s]
        want.append({"file": name, "field": field, "texts": [digest(s) for s in kept]})
(out / "want.json").write_text(json.dumps(want, separators=(",", ":")).replace("},{", "},\n{") + "\n")
