package kernel

// hugeBytes is the least size of a buffer for which huge pages are asked for.
const hugeBytes = 1 << 20

// Floats returns n zeros. Large buffers lie in huge pages where the system has them: with
// small ones, a pass over hundreds of megabytes spends much of its time on finding them.
func Floats(n int) []float32 {
	x := make([]float32, n)
	if 4*n >= hugeBytes {
		askForHugePages(x)
	}
	return x
}
