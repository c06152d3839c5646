// Package pickle reads weights that PyTorch's torch.save wrote, such as pytorch_model.bin, without running
// anything.
//
// A pickle is a program for a small stack machine, and Python's may call any function it names. The machine
// here knows only the instructions and names needed for a dictionary of tensors; anything else in the file is
// an error:
//
//	pytorch_model.bin: offset 10: it calls posix.system, which a file of weights has no use for: refused
//
//	f, err := pickle.Open("pytorch_model.bin")
//	defer f.Close()
//	x := make([]float32, n)
//	err = f.Read("embed.weight", x)
//
// Both layouts are read. Since PyTorch 1.6, a file is an uncompressed zip archive:
//
//	NAME/data.pkl   the pickle: names, shapes, strides, and the storage of each tensor
//	NAME/data/KEY   the numbers of one storage
//	NAME/byteorder  "little", if present
//
// Earlier files, such as those published with GPT-2, are a sequence:
//
//	pickle    the number 0x1950a86a20f9469cfc6c
//	pickle    1001, the version
//	pickle    a dictionary about the machine: little_endian, sizes of types
//	pickle    the dictionary of tensors
//	pickle    the list of storage keys
//	storages  in that order: 8 bytes, the count of numbers; the numbers
package pickle
