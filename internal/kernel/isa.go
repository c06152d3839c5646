package kernel

// ISA names the instruction set in use: "avx512", "avx2" or "generic".
func ISA() string { return "generic" }
