package memory_test

import (
	"fmt"

	"github.com/gorgpt/gorgpt/memory"
)

func ExampleLimit_Check() {
	limit := memory.Limit{Bytes: 2e9, Whose: "its cgroup"}
	fmt.Println(limit.Check("training", 1e9))
	fmt.Println(limit.Check("training", 3e9))
	// Output:
	// <nil>
	// training takes 3 GB of memory, but this process may use only 2 GB (its cgroup)
}
