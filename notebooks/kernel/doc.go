// Command kernel builds, installs and tests the Jupyter kernels on which the notebooks run:
//
//	go run ./notebooks/kernel install
//	go run ./notebooks/kernel test
//
// The kernel is gophernotes v0.7.5. Its source, and that of its interpreter, gomacro, is not copied. Instead, a
// module in a temporary folder requires gophernotes and replaces this module by the checkout, and the go
// command's -overlay combines gophernotes' files, which stay in the module cache, with one file of ours,
// added.go.txt. The build replaces one expression of gophernotes: the interpreter is created by a function of
// ours, which keeps a reference to it. With that reference, an interrupt stops the running cell and leaves the
// kernel alive, and where a library of this module asks for further methods of a value (package
// internal/optional), it finds all methods of a type declared in a cell. The bindings through which the
// interpreter knows compiled packages are generated at each build, for Gorgonia and every public package of this
// module.
package main
