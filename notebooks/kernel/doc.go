// Command kernel builds, installs and tests the Jupyter kernels that the notebooks run
// on:
//
//	go run ./notebooks/kernel install
//	go run ./notebooks/kernel test
//
// The kernel is gophernotes v0.7.5. No line of it, nor of the interpreter in it, gomacro,
// is copied: a module in a temporary folder requires it and replaces this module by the
// checkout, and the go command's -overlay shows gophernotes' files, which stay in the module
// cache, beside one file of ours, added.go.txt. One expression of gophernotes is another, as
// the build writes it: the call that makes the interpreter is one of ours, which keeps it. So
// an interrupt stops the cell that runs and leaves the kernel alive, and a value of a cell's
// type has all its methods wherever a library of this module asks for further ones (package
// internal/optional). The bindings through which the interpreter knows compiled packages are
// generated at each build, for Gorgonia and every public package of this module.
package main
