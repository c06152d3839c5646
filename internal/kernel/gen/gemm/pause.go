package main

import . "github.com/mmcloughlin/avo/build"

// pause writes a spin loop's hint to the processor.
func pause() {
	TEXT("pause", NOSPLIT, "func()")
	Doc("pause tells the processor that the caller waits in a loop.")
	PAUSE()
	RET()
}
