"""Writes the Parquet files of this folder, as Hugging Face's datasets and pandas would.

Run: python parquet.py (made with the versions in the files' own metadata)
"""
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent
pq.write_table(pa.table({
    "sentence": pa.array(["a quiet, moving film", "dull", "not rated"]),
    "label": pa.array([1, 0, -1], pa.int64()),
    "idx": pa.array([0, 1, 2], pa.int32()),
}), HERE / "sst2.parquet", compression="snappy")
pq.write_table(pa.table({
    "sentence1": pa.array(["a", "c", "e"]), "sentence2": pa.array(["b", "d", "f"]),
    "label": pa.array([3.8, 5.0, -1.0], pa.float32()),
}), HERE / "stsb.parquet", compression="zstd", row_group_size=2)
pq.write_table(pa.table({
    "question": pa.array(["q", "r"]),
    "choices": pa.array([{"label": ["A", "B"], "text": ["x", "y"]}, {"label": ["1", "2"], "text": ["2", "1"]}]),
    "answerKey": pa.array(["B", "1"]),
}), HERE / "arc.parquet", compression="snappy")
pq.write_table(pa.table({
    "question": pa.array([{"stem": "q", "choices": [{"label": "A", "text": "x"}, {"label": "B", "text": "y"}]}]),
    "answerKey": pa.array(["B"]), "when": pa.array([0], pa.timestamp("ns")), "picture": pa.array([b"\xff\xd8"]),
}), HERE / "commonsense_qa.parquet", use_deprecated_int96_timestamps=True)
pq.write_table(pa.table({
    "article": pa.array(["a", "b"]), "question": pa.array(["q", "r"]), "answer": pa.array(["C", "A"]),
    "options": pa.array([["x", None, "z"], ["v", "w", "z"]]),
}), HERE / "race.parquet")
pq.write_table(pa.table({
    "text": pa.array(["a", "b", "c", "d"]),
    "class": pa.array([9007199254740993, 9007199254740992, 1000000, 1], pa.int64()),
    "grade": pa.array([1.0, 2.5, 1e16, 1e-5], pa.float64()),
    "fine": pa.array([True, False, True, False]),
}), HERE / "own.parquet", compression="gzip")
pq.write_table(pa.table({
    "article": pa.array(["a"]), "question": pa.array(["q"]), "answer": pa.array(["A"]),
    "options": pa.array([None], pa.list_(pa.string())), "lists": pa.array([[[1], [2, 3]]]),
}), HERE / "null.parquet")

# Labels of every type, as pandas' astype(str) formats them; TestParquetKinds has a copy of the output.
import datetime
import decimal

kinds = pa.table({
    "text": pa.array(["a", "b", "c"]),
    "int8": pa.array([-1, 0, 127], pa.int8()), "int32": pa.array([-2147483648, -1, 1], pa.int32()),
    "uint32": pa.array([4294967295, 0, 1], pa.uint32()), "uint64": pa.array([18446744073709551615, 0, 1], pa.uint64()),
    "half": pa.array([-1.5, 0.25, 2.0], pa.float16()),
    "decimal": pa.array([decimal.Decimal("-1.50"), decimal.Decimal("0.25"), decimal.Decimal("12345678.90")], pa.decimal128(20, 2)),
    "date": pa.array([datetime.date(2020, 1, 1), datetime.date(1969, 12, 31), datetime.date(2026, 11, 29)], pa.date32()),
    "moment": pa.array([datetime.datetime(2020, 1, 1, 12, 30, 0, 500000), datetime.datetime(1969, 12, 31, 23, 59, 59), datetime.datetime(2026, 11, 29, 0, 0, 1)], pa.timestamp("us")),
    "clock": pa.array([datetime.time(1, 2, 3), datetime.time(23, 59, 59), datetime.time(12, 0, 1)], pa.time64("us")),
})
pq.write_table(kinds, HERE / "kinds.parquet")
for name, column in kinds.to_pandas().astype(str).items():
    print(name, sorted(column))
