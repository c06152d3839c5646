package kernel

// hugeBytes is the smallest size of a buffer for which huge pages are requested.
const hugeBytes = 1 << 20

// Floats returns n zeros. Large buffers are in huge pages where the system has them: with small pages, a pass
// over hundreds of megabytes spends much of its time on address translation.
func Floats(n int) []float32 {
	x := make([]float32, n)
	if 4*n >= hugeBytes {
		askForHugePages(x)
	}
	return x
}
