"""Writes kinds.gguf with gguf 0.17.1, llama.cpp's own writer: metadata of all kinds and tensors of some types. Run
in this folder: python make.py"""
import numpy as np
from gguf import GGMLQuantizationType as T, GGUFWriter, quants

w = GGUFWriter("kinds.gguf", "toy")
w.add_uint8("k.uint8", 200)
w.add_int8("k.int8", -100)
w.add_uint16("k.uint16", 60000)
w.add_int16("k.int16", -30000)
w.add_uint32("k.uint32", 4000000000)
w.add_int32("k.int32", -2000000000)
w.add_float32("k.float32", 1e-5)
w.add_bool("k.bool", True)
w.add_string("k.text", "naïve €")
w.add_uint64("k.uint64", 1 << 63)
w.add_int64("k.int64", -(1 << 62))
w.add_float64("k.float64", 0.1)
w.add_array("k.texts", ["a", "", "bc"])
w.add_array("k.ints", [1, -2, 3])
w.add_array("k.floats", [0.5, -0.25])
w.add_array("k.bools", [True, False])

x = np.arange(-48, 48, dtype=np.float32).reshape(3, 32) / 7
w.add_tensor("plain", x[:, :5])
w.add_tensor("half", x[0].astype(np.float16))
w.add_tensor("brain", quants.quantize(x, T.BF16), raw_dtype=T.BF16)
w.add_tensor("blocks", quants.quantize(x, T.Q8_0), raw_dtype=T.Q8_0)
w.write_header_to_file()
w.write_kv_data_to_file()
w.write_tensors_to_file()
w.close()
