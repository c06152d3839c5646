// Package npy reads NumPy's .npy files, one array each.
//
//	f, err := npy.Open("params_0.npy")
//	defer f.Close()
//	x := make([]float32, f.Size())
//	err = f.Read(x, 0)
//
// # The format
//
//	offset  bytes   content
//	0       6       \x93NUMPY
//	6       2       version: 1, 2 or 3; 0
//	8       2 or 4  N, the length of the header (4 from version 2 on), little-endian
//	        N       the header: a dictionary in Python's words, spaces, a line feed
//	        rest    the numbers
//
// The dictionary is {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }. Arrays of little-endian
// float32 and float16 in row-major order can be read.
package npy
