// Package tfbundle reads tensors from a TensorFlow checkpoint of the second
// version, a "tensor bundle", such as OpenAI's model.ckpt of GPT-2.
//
//	f, err := tfbundle.Open("124M/model.ckpt")
//	defer f.Close()
//	x := make([]float32, n)
//	err = f.Read("model/wte", x)
//
// # The format
//
// A bundle PREFIX is an index and one or more files of numbers:
//
//	PREFIX.index                 what is where
//	PREFIX.data-00000-of-00001   the numbers, little-endian, row by row
//
// The index is a sorted-string table as in LevelDB, of at most a few blocks:
//
//	block    entries, then the offsets at which a key is stored in full (uint32 each), their
//	         count (uint32); after it a byte for the compression (0 none, 1 snappy)
//	         and a masked CRC-32C of block and byte (uint32)
//	entry    varints: bytes shared with the previous key, further bytes of the key,
//	         bytes of the value; the further bytes; the value
//	footer   the last 48 bytes: the places (varints: offset, size) of an unused block
//	         and of the block of blocks, whose values are places of blocks; padding;
//	         0xdb4775248b80fb57 (uint64)
//
// The value of the empty key is a protocol buffer of the bundle: 1 the number of
// data files, 2 the byte order (0 little-endian). Every other key is a tensor's
// name, and its value a protocol buffer:
//
//	1 number type, 2 shape (2 one dimension each: 1 its size), 3 data file,
//	4 offset, 5 size in bytes, 6 masked CRC-32C of the bytes, 7 slices
//
// Sources: tensor_bundle.proto and tensor_bundle.cc of TensorFlow, table_format.md of
// LevelDB.
package tfbundle
